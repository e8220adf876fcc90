// Preferred labels: who has them goes first unless it is a quarter of its slots busier for each, nobody is
// kept out, and the terms say so.
#include <algorithm>

#include "scheduler/chance.h"
#include "scheduler/chooser.h"
#include "scheduler/preferred.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

class Preferred : public Hall {
 protected:
  Preferred() {
    hall.define_queue(0, 1);
    hall.define_lane(0, 0, 1);
    prefer({{"zone", "eu"}});
  }
  void prefer(StringMap labels, Requirements requirements = {}) {
    hall.define_class(0, "echo", std::move(requirements), std::move(labels));
    hall.set_ready(hall.shelf(0, 0), true);
  }
  void hire(WorkerNo number, StringMap labels, std::uint32_t slots = 4, std::uint32_t held = 0) {
    auto spec = worker_doing({"echo"}, slots);
    spec.agents[0].name = "agent" + std::to_string(number);
    spec.labels = std::move(labels);
    hall.connect(number, spec, 4 * slots);
    hall.set_held(number, held);
  }
  Pick choose(Policy policy) {
    chooser.begin_turn(nullptr);
    auto pick = *hall.next();
    auto settings = settings_of(policy);
    settings.explore_percent = 0;
    chose = chooser.choose(hall, settings, {0, "echo", {}, {}}, 1, pick);
    return pick;
  }

  Chooser chooser;
  Chose chose = Chose::nothing;
};

TEST_F(Preferred, WhoHasTheLabelGoesFirstAndTheOthersAreNotKeptOut) {
  hire(0, {});
  EXPECT_EQ(hall.next()->worker, 0u) << "nobody waits for a label";
  hire(1, {{"zone", "us"}});
  hire(2, {{"zone", "eu"}});
  const auto pick = *hall.next();
  EXPECT_EQ(pick.worker, 2u);
  EXPECT_EQ(pick.runner_up, 0u);
  EXPECT_EQ(pick.candidates, 3u);
  EXPECT_EQ(pick.wanted_labels, 1u);
}

TEST_F(Preferred, ALabelIsWorthAQuarterOfTheSlots) {
  hire(0, {}, 4, 0);
  hire(1, {{"zone", "eu"}}, 4, 1);
  EXPECT_EQ(hall.next()->worker, 0u) << "as good as the other one: the lesser load";
  hall.set_held(0, 1);
  EXPECT_EQ(hall.next()->worker, 1u);
  hire(2, {}, 16, 1);
  EXPECT_EQ(hall.next()->worker, 1u) << "1/16 and a quarter are more than a quarter";
}

TEST_F(Preferred, MoreLabelsCountMore) {
  prefer({{"zone", "eu"}, {"disk", "fast"}});
  hire(0, {{"zone", "eu"}}, 4, 0);
  hire(1, {{"zone", "eu"}, {"disk", "fast"}}, 8, 1);
  hire(2, {{"disk", "slow"}}, 4, 0);
  EXPECT_EQ(hall.next()->worker, 1u);
}

TEST_F(Preferred, LabelsOfAgentsCountAndThatAgentGetsIt) {
  auto spec = worker_doing({"echo"}, 4);
  spec.agents.push_back(spec.agents[0]);
  spec.agents[1].labels = {{"zone", "eu"}};
  hire(0, {});
  hall.connect(1, spec, 4);
  const auto pick = *hall.next();
  EXPECT_EQ(pick.worker, 1u);
  EXPECT_EQ(pick.agent, 1u);
}

TEST_F(Preferred, ARunEndsWhereTheLabelNoLongerMakesUpForTheLoad) {
  hire(0, {}, 4, 0);
  hire(1, {{"zone", "eu"}}, 8, 0);
  std::map<WorkerNo, int> got;
  for (int left = 8; left > 0;) {
    const auto pick = *hall.next();
    const auto taken = std::min<std::uint32_t>(pick.run, static_cast<std::uint32_t>(left));
    hall.take(pick, taken, 1);
    got[pick.worker] += static_cast<int>(taken);
    left -= static_cast<int>(taken);
  }
  // One by one the same: 1 has two of its eight slots for nothing.
  Dispatcher one_by_one;
  std::swap(hall, one_by_one);
  hall.define_queue(0, 1);
  hall.define_lane(0, 0, 1);
  prefer({{"zone", "eu"}});
  hire(0, {}, 4, 0);
  hire(1, {{"zone", "eu"}}, 8, 0);
  std::map<WorkerNo, int> singly;
  for (int i = 0; i < 8; ++i) {
    const auto pick = *hall.next();
    hall.take(pick, 1, 1);
    ++singly[pick.worker];
  }
  EXPECT_EQ(got, singly);
  EXPECT_GT(got[1], got[0]);
}

TEST_F(Preferred, TheyCountAmongThoseWithRoomAndInstances) {
  Requirements gpu;
  gpu.resources = {{"gpu", "1"}};
  prefer({{"zone", "eu"}}, gpu);
  for (WorkerNo n = 0; n < 3; ++n) {
    auto spec = worker_doing({"echo"}, 4);
    spec.resources = {{"gpu", "1"}};
    if (n != 0) spec.labels = {{"zone", "eu"}};
    if (n == 1) spec.agents[0].max_instances = 1;
    hall.connect(n, spec, 4);
  }
  EXPECT_EQ(hall.next()->worker, 1u);
  hall.take(*hall.next(), 1, 1);
  EXPECT_EQ(hall.next()->worker, 2u) << "its gpu and its instance are used up";
  hall.take(*hall.next(), 1, 1);
  EXPECT_EQ(hall.next()->worker, 0u);
}

// The rule, said in the dumbest way, against the index.
TEST_F(Preferred, RandomFleetsAreRankedAsTheRuleSays) {
  Chance chance(seed_of_run(20261122));
  const std::vector<StringMap> kinds{
      {}, {{"zone", "eu"}}, {{"disk", "fast"}}, {{"zone", "eu"}, {"disk", "fast"}}};
  prefer({{"zone", "eu"}, {"disk", "fast"}});
  for (int round = 0; round < 300; ++round) {
    const auto workers = 1 + chance.below(12);
    std::vector<Preferring> all;
    for (WorkerNo n = 0; n < workers; ++n) {
      const auto& labels = kinds[chance.below(4)];
      const auto slots = 1 + chance.below(8), held = chance.below(2 * slots);
      hire(n, labels, slots, held);
      all.push_back({std::uint64_t{held} * load_one / slots, label_worth * (2 - labels.size()), n, 0});
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.before(b); });
    const auto pick = *hall.next();
    ASSERT_EQ(pick.worker, all[0].worker) << "round " << round;
    ASSERT_EQ(pick.runner_up, workers > 1 ? all[1].worker : none) << "round " << round;
    choose(Policy::least_loaded);
    ASSERT_EQ(chose, workers > 1 ? Chose::winner : Chose::nothing) << "one worker is no choice";
    const auto& award = chooser.choice().award;
    if (workers > 1) {
      ASSERT_EQ(award.terms[award.winner].worker, all[0].worker) << "the terms say the same";
    }
    for (WorkerNo n = 0; n < workers; ++n) hall.disconnect(n);
  }
}

TEST_F(Preferred, TheTermsTellWhoHasHowManyAndOutliveTheirPacking) {
  hire(0, {}, 4, 0);
  hire(1, {{"zone", "eu"}}, 4, 0);
  const auto pick = choose(Policy::least_loaded);
  EXPECT_EQ(chose, Chose::winner);
  EXPECT_EQ(pick.worker, 1u);
  const auto told = unpack_choice(pack(chooser.choice()));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->wanted_labels, 1u);
  ASSERT_EQ(told->candidates.size(), 2u);
  EXPECT_EQ(told->candidates[0].labels, 1u);
  EXPECT_EQ(told->candidates[1].labels, 0u);
  EXPECT_EQ(told->award.terms[0].preferred, static_cast<std::int64_t>(label_worth));
  EXPECT_EQ(told->award.winner, 0u);
}

TEST_F(Preferred, LearnedAndAuctionAddThePreferenceForEachLabel) {
  prefer({{"zone", "eu"}, {"disk", "fast"}});
  hire(0, {});
  hire(1, {{"zone", "eu"}, {"disk", "fast"}});
  for (const auto policy : {Policy::learned, Policy::auction}) {
    EXPECT_EQ(choose(policy).worker, 1u) << name_of(policy);
    const auto& award = chooser.choice().award;
    EXPECT_EQ(award.terms[award.winner].preferred, 2 * settings_of(policy).preference);
    EXPECT_EQ(winner_of(award.terms), award.winner);
  }
}

TEST_F(Preferred, InALargeFleetWhoHasThemIsAlwaysListed) {
  for (WorkerNo n = 0; n < 200; ++n) hire(n, {}, 1);
  hire(200, {{"zone", "eu"}}, 1);
  for (int i = 0; i < 20; ++i) {
    choose(Policy::learned);
    const auto& candidates = chooser.choice().candidates;
    EXPECT_NE(std::ranges::find(candidates, 200u, &Candidate::worker), candidates.end());
  }
}

TEST_F(Preferred, ClassesWithoutThemArePickedAsEver) {
  hall.define_class(1, "echo", {});
  hall.set_ready(hall.shelf(0, 0), false);
  hall.set_ready(hall.shelf(0, 1), true);
  hire(0, {}, 4, 0);
  hire(1, {{"zone", "eu"}}, 4, 0);
  EXPECT_EQ(hall.next()->worker, 0u);
  EXPECT_EQ(hall.next()->wanted_labels, 0u);
}

}  // namespace
}  // namespace hirehall::scheduler
