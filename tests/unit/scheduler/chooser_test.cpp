// Who gets a task in a queue with a policy: the chooser over the real dispatcher, with what was learned.
#include "scheduler/chooser.h"

#include <functional>
#include <set>

#include "scheduler/chance.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

// One queue with work of one type without end, and workers whose agents succeed by chance.
class Choosing : public Hall {
 protected:
  Choosing() : stream(seed_of_run(20261121)) { open_lanes({1}); }

  void hire(WorkerNo number, const std::vector<std::string>& agents, std::uint32_t slots = 1) {
    WorkerSpec spec = worker_doing({"echo"}, slots);
    spec.name_hash = hash_of("worker " + std::to_string(number));
    const auto like = spec.agents[0];
    spec.agents.clear();
    for (const auto& name : agents) {
      spec.agents.push_back(like);
      spec.agents.back().name = name;
    }
    hall.connect(number, spec, slots);
  }
  void teach(const std::string& agent, int successes, int failures, double took_ms = 100) {
    while (successes-- > 0) prediction.learn({agent, "1", "echo", true, took_ms});
    while (failures-- > 0) prediction.learn({agent, "1", "echo", false, took_ms});
  }
  Pick choose(Policy policy, std::string_view key = {}, std::string_view wanted = {}) {
    chooser.begin_turn(&prediction);
    auto pick = *hall.next();
    chosen = chooser.choose(hall, settings_of(policy), {0, "echo", wanted, key}, stream.next(), pick) ==
             Chose::winner;
    return pick;
  }
  // Awards that are finished at once, and learned from; how many each agent got.
  std::map<std::string, int> run(int count, const std::function<double(const std::string&)>& chance_of) {
    std::map<std::string, int> got;
    for (int i = 0; i < count; ++i) {
      const auto pick = choose(Policy::learned);
      EXPECT_TRUE(chosen);
      const auto& agent = chooser.choice().agents[chooser.choice().award.winner];
      ++got[agent];
      hall.take(pick, 1, 1);
      hall.release(pick.worker, 1);
      prediction.learn({agent, "1", "echo", stream.uniform() < chance_of(agent), 100});
    }
    return got;
  }

  Stream stream;
  Chooser chooser;
  Prediction prediction;
  bool chosen = false;
};

TEST_F(Choosing, LearnedPrefersTheBetterOfTwoAndStillTriesTheOther) {
  hire(0, {"bad"});
  hire(1, {"good"});
  auto got = run(2000, [](const auto& agent) { return agent == "good" ? 0.9 : 0.4; });
  EXPECT_GT(got["good"], 1600);
  EXPECT_GT(got["bad"], 0);
}

TEST_F(Choosing, OfAgentsThatSucceedAlikeTheCheaperOneIsLearned) {
  hire(0, {"dear"});
  hire(1, {"cheap"});
  for (int i = 0; i < 50; ++i)
    for (const auto& [agent, cost] : {std::pair{"dear", 0.4}, {"cheap", 0.1}})
      prediction.learn({agent, "1", "echo", true, 100, cost});
  std::map<std::string, int> got;
  for (int i = 0; i < 200; ++i) {
    choose(Policy::learned);
    const auto& choice = chooser.choice();
    ++got[choice.agents[choice.award.winner]];
    for (std::size_t c = 0; c < choice.agents.size(); ++c)
      EXPECT_EQ(choice.award.terms[c].cost, choice.agents[c] == "dear" ? 400'000 : 100'000);
    const auto again = unpack_choice(pack(choice));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->award.winner, choice.award.winner);
  }
  EXPECT_GT(got["cheap"], 190);
}

TEST_F(Choosing, AnAgentThatNobodyKnowsIsTriedAndTakesOverWhenItIsBetter) {
  hire(0, {"known"});
  teach("known", 150, 150);
  hire(1, {"new"});
  const auto chance_of = [](const auto& agent) { return agent == "new" ? 0.95 : 0.5; };
  EXPECT_GT(run(200, chance_of)["new"], 5);
  EXPECT_GT(run(500, chance_of)["new"], 400);
}

TEST_F(Choosing, AnAgentThatBeginsToFailLosesItsShare) {
  hire(0, {"steady"});
  hire(1, {"fallen"});
  teach("steady", 350, 150);
  teach("fallen", 475, 25);
  double now = 0.95;
  const auto chance_of = [&](const auto& agent) { return agent == "fallen" ? now : 0.7; };
  EXPECT_GT(run(300, chance_of)["fallen"], 250);
  now = 0.05;
  run(300, chance_of);
  EXPECT_LT(run(300, chance_of)["fallen"], 60);
}

TEST_F(Choosing, AgentsOfOneWorkerAreToldApart) {
  hire(0, {"weak", "strong"}, 4);
  teach("weak", 50, 150);
  teach("strong", 190, 10);
  int strong = 0;
  for (int i = 0; i < 200; ++i) strong += choose(Policy::learned).agent == 1;
  EXPECT_GT(strong, 190);
}

TEST_F(Choosing, AnAgentThatCannotDoTheTypeIsNoCandidate) {
  WorkerSpec spec = worker_doing({"other"}, 1);
  spec.agents[0].name = "unable";
  spec.agents.push_back(spec.agents[0]);
  spec.agents[1].name = "able";
  spec.agents[1].types = {"echo"};
  spec.agents.push_back(spec.agents[0]);
  spec.agents[2].name = "also unable";
  hall.connect(0, spec, 1);
  hall.connect(1, worker_doing({"other"}), 1);
  hire(2, {"able too"});
  std::set<std::string> names;
  for (int i = 0; i < 50; ++i) {
    choose(Policy::learned);
    ASSERT_TRUE(chosen);
    names.insert(chooser.choice().agents.begin(), chooser.choice().agents.end());
  }
  EXPECT_EQ(names, (std::set<std::string>{"able", "able too"}));
}

TEST_F(Choosing, WorkersWithOneAgentLeaveNothingToChoose) {
  for (WorkerNo worker = 0; worker < 5; ++worker) hire(worker, {"same"}, 4);
  const auto plain = *hall.next();
  const auto pick = choose(Policy::learned);
  EXPECT_FALSE(chosen);
  EXPECT_EQ(pick.worker, plain.worker);
  EXPECT_EQ(pick.run, plain.run);
}

TEST_F(Choosing, OfEqualAgentsTheOneThatWouldBeginAtOnceIsPreferredToALongWait) {
  hire(0, {"idle"});
  hire(1, {"laden"});
  teach("idle", 500, 25, 60'000);
  teach("laden", 500, 25, 60'000);
  hall.set_credit(1, 64);
  hall.set_held(1, 40);
  int idle = 0;
  for (int i = 0; i < 100; ++i) idle += choose(Policy::learned).worker == 0;
  EXPECT_EQ(idle, 100) << "forty minutes are worth more than what is not known of either";
}

TEST_F(Choosing, TheAgentThatATaskWouldLikeIsPreferredAmongEquals) {
  hire(0, {"one"});
  hire(1, {"two"});
  teach("one", 2000, 100);
  teach("two", 2000, 100);
  int two = 0;
  for (int i = 0; i < 200; ++i)
    two += choose(Policy::learned, {}, "two").agent == 0 && chosen &&
           chooser.choice().agents[chooser.choice().award.winner] == "two";
  EXPECT_GT(two, 190);
}

TEST_F(Choosing, OfManyAgentsEachComesToBeTriedAndTheWorkStaysBounded) {
  for (WorkerNo worker = 0; worker < 100; ++worker) hire(worker, {"agent " + std::to_string(worker)});
  std::set<std::string> tried;
  for (int i = 0; i < 2000; ++i) {
    choose(Policy::learned);
    ASSERT_LE(chooser.choice().candidates.size(), Chooser::candidates_max);
    tried.insert(chooser.choice().agents[chooser.choice().award.winner]);
  }
  EXPECT_EQ(tried.size(), 100u);
}

TEST_F(Choosing, OfManyAgentsOfFewWorkersEachComesToBeTried) {
  for (WorkerNo worker = 0; worker < 3; ++worker) {
    std::vector<std::string> agents;
    for (int i = 0; i < 6; ++i) agents.push_back("agent " + std::to_string(worker) + " " + std::to_string(i));
    hire(worker, agents);
  }
  std::set<std::string> tried;
  for (int i = 0; i < 500; ++i) {
    choose(Policy::learned);
    tried.insert(chooser.choice().agents[chooser.choice().award.winner]);
  }
  EXPECT_EQ(tried.size(), 18u);
}

TEST_F(Choosing, StickyFollowsTheKeyAndAWorkerThatLeavesMovesItsKeysOnly) {
  for (WorkerNo worker = 0; worker < 6; ++worker) hire(worker, {"same"});
  std::map<std::string, WorkerNo> home;
  for (int i = 0; i < 60; ++i)
    home["key " + std::to_string(i)] = choose(Policy::sticky, "key " + std::to_string(i)).worker;
  std::set<WorkerNo> used;
  for (const auto& [key, worker] : home) used.insert(worker);
  EXPECT_EQ(used.size(), 6u);
  hall.disconnect(3);
  for (const auto& [key, worker] : home)
    if (worker != 3)
      EXPECT_EQ(choose(Policy::sticky, key).worker, worker);
    else
      EXPECT_NE(choose(Policy::sticky, key).worker, 3u);
  hire(3, {"same"});
  for (const auto& [key, worker] : home) EXPECT_EQ(choose(Policy::sticky, key).worker, worker);
}

TEST_F(Choosing, StickyWithoutAKeyOrAFreeSlotIsTheLeastLoaded) {
  hire(0, {"same"}, 2);
  hire(1, {"same"}, 2);
  hall.set_held(0, 1);
  auto pick = choose(Policy::sticky);
  EXPECT_FALSE(chosen);
  EXPECT_EQ(pick.worker, 1u);
  EXPECT_EQ(pick.run, 1u) << "the next task may have a key";
  for (const WorkerNo worker : {0u, 1u}) hall.set_credit(worker, 8), hall.set_held(worker, 4 - worker);
  pick = choose(Policy::sticky, "key");
  EXPECT_FALSE(chosen);
  EXPECT_EQ(pick.worker, 1u);
}

TEST_F(Choosing, AKeptChoiceCanBeWorkedOutAgainAndItsTermsNameTheWinner) {
  for (WorkerNo worker = 0; worker < 7; ++worker)
    hire(worker, {"agent " + std::to_string(worker)}, 1 + worker);
  for (int i = 0; i < 500; ++i) {
    teach("agent " + std::to_string(stream.below(7)), static_cast<int>(stream.below(3)),
          static_cast<int>(stream.below(3)), 1 + 1000 * stream.uniform());
    const auto pick = choose(i % 2 == 0 ? Policy::learned : Policy::sticky, "key " + std::to_string(i));
    ASSERT_TRUE(chosen);
    const auto& real = chooser.choice();
    const auto kept = unpack_choice(pack(real));
    ASSERT_TRUE(kept);
    ASSERT_EQ(kept->award.winner, real.award.winner);
    ASSERT_EQ(explain(kept->award), explain(real.award));
    ASSERT_EQ(winner_of(kept->award.terms), real.award.winner);
    ASSERT_EQ(kept->award.terms[kept->award.winner].worker, pick.worker);
    ASSERT_EQ(kept->agents, real.agents);
  }
  EXPECT_FALSE(unpack_choice("\x09"));
  EXPECT_FALSE(unpack_choice({}));
  const auto whole = pack(chooser.choice());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_FALSE(unpack_choice(std::string_view(whole).substr(0, bytes))) << bytes;
  EXPECT_FALSE(unpack_choice(pack(chooser.choice()) + "x"));
}

TEST_F(Choosing, SameSeedSameChoice) {
  for (WorkerNo worker = 0; worker < 40; ++worker) hire(worker, {"agent " + std::to_string(worker)});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    chooser.begin_turn(&prediction);
    auto one = *hall.next(), two = one;
    auto another = chooser;  // with what it has seen so far
    chooser.choose(hall, settings_of(Policy::learned), {0, "echo", {}, {}}, seed, one);
    another.begin_turn(&prediction);
    another.choose(hall, settings_of(Policy::learned), {0, "echo", {}, {}}, seed, two);
    ASSERT_EQ(one.worker, two.worker);
  }
}

TEST(QueuePolicy, IsOneWordAndWordsOfAnotherVersionAreLeastLoaded) {
  for (std::int64_t acting = 0; acting <= queue_policy_max; ++acting)
    for (std::int64_t shadow = 0; shadow <= queue_shadow_max; ++shadow) {
      QueuePolicy policy;
      set_policy_number(policy, acting);
      set_shadow_number(policy, shadow);
      const auto again = queue_policy(stored_form(policy));
      EXPECT_EQ(queue_policy_number(again), acting);
      EXPECT_EQ(queue_shadow_number(again), shadow);
    }
  EXPECT_EQ(stored_form({}), "least_loaded");
  EXPECT_TRUE(queue_policy("whim").plain());
  EXPECT_TRUE(queue_policy("").plain());
  EXPECT_EQ(queue_policy("learned+whim").acting, Policy::learned);
  EXPECT_FALSE(queue_policy_number("whim"));
}

}  // namespace
}  // namespace hirehall::scheduler
