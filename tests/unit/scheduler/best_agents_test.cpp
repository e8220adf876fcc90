// The best of many different agents is in the short lists, although most of them are not.
#include "scheduler/best_agents.h"

#include "scheduler/chance.h"
#include "scheduler/chooser.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

std::vector<std::uint64_t> of(const BestAgents& best, ClassNo cls) {
  std::vector<std::uint64_t> out;
  best.list(cls, out);
  std::ranges::sort(out);
  return out;
}

TEST(BestAgents, AreTheFewThatWereWorthMostWhenTheyWereLookedAtLast) {
  BestAgents best;
  for (std::uint64_t agent = 1; agent <= 9; ++agent) best.note(0, agent, static_cast<std::int64_t>(agent));
  EXPECT_EQ(of(best, 0), (std::vector<std::uint64_t>{6, 7, 8, 9}));
  EXPECT_TRUE(of(best, 1).empty());
  best.note(0, 9, -5);
  best.note(0, 2, 2);
  EXPECT_EQ(of(best, 0), (std::vector<std::uint64_t>{2, 6, 7, 8})) << "9 has become worse than 2";
  best.keep_only(0, {6, 7, 8});
  EXPECT_EQ(of(best, 0), (std::vector<std::uint64_t>{6, 7, 8}));
  for (ClassNo cls = 0; cls < 2 * BestAgents::classes_max; ++cls) best.note(cls, 1, 1);
  EXPECT_EQ(of(best, 2 * BestAgents::classes_max - 1).size(), 1u);
}

// 200 agents, each on a worker of its own and all free; agent 137 is clearly the best.
class ManyAgents : public Hall {
 protected:
  static constexpr WorkerNo agents = 200, best = 137;
  ManyAgents() : stream(seed_of_run(20261122)) {
    open_lanes({1});
    for (WorkerNo number = 0; number < agents; ++number) {
      auto spec = worker_doing({"echo"});
      spec.agents[0].name = name_of_agent(number);
      hall.connect(number, spec, 1);
      for (int i = 0; i < 40; ++i)
        prediction.learn({spec.agents[0].name, "1", "echo", number == best || i % 2 == 0, 100});
    }
  }
  static std::string name_of_agent(WorkerNo number) { return "agent" + std::to_string(number); }
  // So many of a thousand awards went to the best; each is over before the next.
  int share_of_best(bool remembering) {
    int got = 0;
    for (int i = 0; i < 1000; ++i) {
      if (!remembering) chooser = {};
      chooser.begin_turn(&prediction);
      auto pick = *hall.next();
      chooser.choose(hall, settings_of(Policy::learned), {0, "echo", {}, {}}, stream.next(), pick);
      got += pick.worker == best;
      hall.take(pick, 1, 1);
      hall.release(pick.worker, 1);
    }
    return got;
  }

  Stream stream;
  Chooser chooser;
  Prediction prediction;
};

TEST_F(ManyAgents, TheBestOneGetsMostOfTheWorkOnceItWasLookedAt) {
  const int without = share_of_best(false), with = share_of_best(true);
  std::cout << "awards of 1000 to the best of 200 agents: " << without << " without, " << with << " with\n";
  EXPECT_LT(without, 150);
  EXPECT_GT(with, 700);
}

TEST_F(ManyAgents, AnAgentThatIsBusyStaysKnownAndOneThatIsGoneDoesNot) {
  share_of_best(true);
  std::vector<std::uint64_t> known{hash_of(name_of_agent(best))};
  const auto listed_on = [&] {
    const auto pick = *hall.next();
    std::vector<Listed> listed;
    hall.short_list(pick, 5, known, listed);
    const auto at = std::ranges::find(listed, best, &Listed::worker);
    return at == listed.end() ? none : at->worker;
  };
  EXPECT_EQ(listed_on(), best);
  hall.set_held(best, 1);
  EXPECT_EQ(listed_on(), none);
  EXPECT_EQ(known.size(), 1u);
  hall.set_held(best, 0);
  EXPECT_EQ(listed_on(), best);
  hall.disconnect(best);
  EXPECT_EQ(listed_on(), none);
  EXPECT_TRUE(known.empty());
}

TEST_F(ManyAgents, WhatCannotDoTheTaskIsNotListedHoweverGoodItIs) {
  std::vector<std::uint64_t> known{hash_of("stranger")};
  auto spec = worker_doing({"other"});
  spec.agents[0].name = "stranger";
  hall.connect(agents, spec, 1);
  std::vector<Listed> listed;
  hall.short_list(*hall.next(), 5, known, listed);
  for (const auto& one : listed) EXPECT_NE(one.worker, agents);
  EXPECT_EQ(known.size(), 1u);
}

}  // namespace
}  // namespace hirehall::scheduler
