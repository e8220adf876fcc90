// Work that asks for much beside work that asks for less: room is kept for it, and its wait is bounded.
#include "scheduler/room_waits.h"

#include <algorithm>
#include <array>

#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

constexpr std::int64_t patience = 1000;
constexpr ClassNo small = 0, large = 1, plain = 2;

// A lane for each of: tasks with a gpu, tasks with four, tasks that ask for nothing. Time stands in `now`.
class Crowd : public Hall {
 protected:
  Crowd() {
    hall.define_queue(0, 1);
    for (LaneNo lane = 0; lane < 4; ++lane) hall.define_lane(lane, 0, 1);
    asking(small, "1");
    asking(large, "4");
    hall.define_class(plain, "echo", {});
  }
  void asking(ClassNo cls, const std::string& gpus) {
    Requirements requirements;
    requirements.resources = {{"gpu", gpus}};
    hall.define_class(cls, "echo", requirements);
  }
  void hire(WorkerNo number, std::uint32_t gpus, std::uint32_t credit) {
    auto spec = worker_doing({"echo"}, credit);
    spec.resources = {{"gpu", std::to_string(gpus)}};
    hall.connect(number, spec, credit);
  }
  // Work without end.
  ShelfNo wants(LaneNo lane, ClassNo cls) {
    const auto shelf = hall.shelf(lane, cls);
    hall.set_ready(shelf, true);
    return shelf;
  }
  // As the engine's turn. What was awarded, in order.
  std::vector<Pick> turn(std::size_t most = 100) {
    hall.rooms().keep(now, patience);
    std::vector<ShelfNo> roomy;
    hall.rooms().offer(roomy);
    for (const auto shelf : roomy) hall.set_ready(shelf, true);
    std::vector<Pick> awards;
    while (awards.size() < most) {
      const auto pick = hall.next();
      if (!pick) break;
      if (pick->worker == none) {
        hall.set_aside(*pick, now);
        continue;
      }
      awards.push_back(*pick);
      hall.take(*pick, 1, 1);
    }
    return awards;
  }
  void finish(WorkerNo worker, ClassNo cls) {
    hall.give_back(worker, cls);
    hall.release(worker, 1);
  }
  static std::int64_t count(const std::vector<Pick>& awards, ClassNo cls) {
    return std::ranges::count(awards, cls, &Pick::cls);
  }
  WorkerNo kept_for(LaneNo lane, ClassNo cls) {
    const auto* wait = hall.rooms().of(lane, cls);
    return wait == nullptr ? none : wait->kept_on;
  }

  std::int64_t now = 0;
};

TEST_F(Crowd, ALargeTaskGetsItsTurnAmongSmallOnes) {
  hire(0, 4, 16);
  wants(0, small);
  ASSERT_EQ(turn().size(), 4u);
  const auto shelf = wants(1, large);
  ASSERT_TRUE(turn().empty());
  EXPECT_EQ(hall.rooms().look_at(patience), now + patience);
  now += patience - 1;
  finish(0, small);
  EXPECT_EQ(count(turn(), small), 1) << "nothing is kept yet";
  now += 1;
  turn();
  EXPECT_EQ(kept_for(1, large), 0u);
  EXPECT_EQ(hall.rooms().kept(), std::set<ShelfNo>{shelf});
  EXPECT_EQ(hall.short_of(0, large), std::vector<std::string>{"gpu: 4 asked, 0 of 4 free"});
  for (int i = 0; i < 3; ++i) {
    finish(0, small);
    EXPECT_TRUE(turn().empty()) << "what ends is kept for it";
  }
  EXPECT_EQ(hall.prospect(small).kept_worker, 0u);
  finish(0, small);
  const auto awards = turn();
  ASSERT_EQ(awards.size(), 1u);
  EXPECT_EQ(awards[0].cls, large);
  EXPECT_TRUE(hall.rooms().kept().empty());
  finish(0, large);
  EXPECT_GT(count(turn(), small), 0) << "the next one has to wait for its own patience";
}

TEST_F(Crowd, OthersShareTheRestOfTheWorkerAndLeaveItTheCreditForOneTask) {
  hire(0, 6, 8);
  wants(0, small);
  turn();
  wants(1, large);
  turn();
  now += patience;
  turn();
  for (int i = 0; i < 5; ++i) finish(0, small);
  EXPECT_EQ(hall.held(0), 1u);
  hall.set_ready(hall.shelf(1, large), false);
  hall.set_ready(hall.shelf(1, large), true);  // it waits anew, and nothing is kept
  EXPECT_TRUE(hall.rooms().kept().empty());
  EXPECT_EQ(count(turn(), large), 1);
  EXPECT_EQ(hall.held(0), 3u);
  now += 2 * patience;
  turn();
  finish(0, large);
  finish(0, small);
  ASSERT_EQ(kept_for(1, large), 0u) << "the one after it has waited, too";
  wants(2, plain);
  hall.set_ready(hall.shelf(1, large), true);
  const auto awards = turn();
  EXPECT_EQ(count(awards, large), 1);
  EXPECT_LE(hall.held(0), 8u);
}

TEST_F(Crowd, PlainTasksDoNotTakeTheLastCreditOfAKeeper) {
  hire(0, 4, 4);
  wants(0, small);
  turn();
  wants(1, large);
  finish(0, small);
  turn();
  now += patience;
  turn();
  ASSERT_EQ(kept_for(1, large), 0u);
  wants(2, plain);
  for (int i = 0; i < 3; ++i) finish(0, small);
  EXPECT_EQ(count(turn(), plain), 2) << "of four, one still runs and one is left free";
  finish(0, small);
  const auto awards = turn();
  EXPECT_EQ(count(awards, large), 1);
  finish(0, large);
  EXPECT_GT(turn().size(), 0u);
  EXPECT_EQ(hall.held(0), 4u);
}

TEST_F(Crowd, WhatAsksForAsMuchSharesTheKeptRoomByTurns) {
  hire(0, 4, 16);
  wants(0, small);
  turn();
  wants(1, large);
  wants(2, large);
  turn();
  now += patience;
  turn();
  ASSERT_EQ(hall.rooms().kept().size(), 1u);
  for (int i = 0; i < 4; ++i) finish(0, small);
  std::map<LaneNo, int> got;
  for (int i = 0; i < 6; ++i) {
    const auto awards = turn();
    for (const auto& pick : awards) ++got[pick.lane];
    for (const auto& pick : awards) finish(0, pick.cls);
    now += patience;
  }
  EXPECT_GE(got[1], 1);
  EXPECT_GE(got[2], 1);
}

TEST_F(Crowd, AWorkerThatLeavesOrDrainsKeepsNothingAndAnotherOneDoes) {
  for (WorkerNo worker : {0u, 1u, 2u, 3u}) hire(worker, 4, 8);
  wants(0, small);
  turn();
  wants(1, large);
  turn();
  now += patience;
  turn();
  ASSERT_EQ(kept_for(1, large), 0u);
  hall.set_draining(0, true);
  turn();
  EXPECT_EQ(kept_for(1, large), 1u);
  hall.disconnect(1);
  turn();
  EXPECT_EQ(kept_for(1, large), 2u);
  hire(2, 2, 8);  // it came back with less
  turn();
  EXPECT_EQ(kept_for(1, large), 3u);
  EXPECT_EQ(hall.rooms().kept_total(), 4u);
}

TEST_F(Crowd, HalfOfTheWorkersKeepNoRoom) {
  for (WorkerNo worker : {0u, 1u, 2u, 3u, 4u}) hire(worker, 4, 8);
  asking(3, "3");
  wants(0, small);
  turn();
  for (LaneNo lane : {1u, 2u, 3u}) wants(lane, lane == 3 ? 3 : large);
  turn();
  now += patience;
  turn();
  EXPECT_EQ(hall.rooms().kept().size(), 2u);
}

TEST_F(Crowd, NothingIsKeptForWhatNobodyCanOvertakeOrWithoutPatience) {
  hire(0, 4, 16);
  wants(0, small);
  turn();
  wants(1, small);
  turn();
  now += 100 * patience;
  turn();
  EXPECT_TRUE(hall.rooms().kept().empty()) << "nobody asks for less";
  wants(2, large);
  turn();
  now += 100 * patience;
  hall.rooms().keep(now, 0);
  EXPECT_TRUE(hall.rooms().kept().empty());
  EXPECT_EQ(hall.rooms().look_at(0), RoomWaits::never);
}

TEST_F(Crowd, AHeldShelfKeepsItsRoomAndOneThatWaitsForSomethingElseDoesNot) {
  hire(0, 4, 16);
  wants(0, small);
  turn();
  const auto shelf = wants(1, large);
  turn();
  now += patience;
  turn();
  hall.hold(shelf);
  turn();
  EXPECT_EQ(kept_for(1, large), 0u);
  hall.set_ready(shelf, false);
  EXPECT_TRUE(hall.rooms().kept().empty());
  finish(0, small);
  EXPECT_EQ(count(turn(), small), 1);
}

// 5,000 classes of differing amounts wait; room for a few of them comes and goes.
TEST_F(Crowd, AChangeOfRoomLooksAtThoseOnlyThatMayHaveRoom) {
  constexpr ClassNo classes = 5000;
  hire(0, classes, 64);
  hire(1, classes, 64);
  for (ClassNo cls = 10; cls < 10 + classes; ++cls) asking(cls, std::to_string(cls - 9));
  asking(9, std::to_string(classes));
  wants(3, 9);
  ASSERT_EQ(turn().size(), 2u);
  hall.set_ready(hall.shelf(3, 9), false);
  for (ClassNo cls = 10; cls < 10 + classes; ++cls) wants(cls % 3, cls);
  ASSERT_TRUE(turn().empty());
  EXPECT_EQ(hall.rooms().all().size(), classes);
  hire(2, 5, 4);
  auto before = hall.effort().looked_at;
  const auto awards = turn();
  EXPECT_GE(awards.size(), 1u);
  EXPECT_LT(hall.effort().looked_at - before, 200u);
  before = hall.effort().looked_at;
  for (const auto& pick : awards) finish(pick.worker, pick.cls), hall.set_ready(pick.shelf, false);
  EXPECT_GE(turn().size(), 1u);
  EXPECT_LT(hall.effort().looked_at - before, 200u);
}

TEST_F(Crowd, WhatIsPutBackIsOfferedAgainWhereRoomIsLeft) {
  hire(0, 4, 64);
  wants(0, small);
  turn();
  for (ClassNo cls = 10; cls < 210; ++cls) asking(cls, "4"), wants(1, cls);
  ASSERT_TRUE(turn().empty());
  for (int i = 0; i < 4; ++i) finish(0, small);
  hall.set_ready(hall.shelf(0, small), false);
  std::vector<ShelfNo> roomy;
  hall.rooms().offer(roomy);
  EXPECT_EQ(roomy.size(), 200u);
  for (const auto shelf : roomy) hall.set_ready(shelf, true);
  hall.rooms().put_back();
  EXPECT_FALSE(hall.next().has_value());
  EXPECT_TRUE(hall.rooms().to_offer());
  EXPECT_EQ(turn().size(), 1u);
}

// Random storms: a large task that fits on an empty worker gets its room after the patience and the longest
// attempt, and nothing is awarded beyond what is offered.
class Storm : public Crowd {
 protected:
  static constexpr std::int64_t longest = 700, step = 10;
  struct Attempt {
    std::int64_t ends;
    WorkerNo worker;
    ClassNo cls;
  };

  void live(std::uint64_t seed) {
    Chance chance(seed);
    const auto workers = 1 + chance.below(4);
    for (WorkerNo worker = 0; worker < workers; ++worker)
      hire(worker, gpus.emplace_back(worker == 0 ? 4 + chance.below(4) : chance.below(8)),
           2 + chance.below(8));
    asks[3] = 2 + chance.below(2);
    asking(3, std::to_string(asks[3]));
    wants(0, small);
    if (chance.one_in(2)) wants(2, plain);
    if (chance.one_in(2)) wants(3, 3), some_more = true;
    for (; now < 20'000; now += step) live_on(chance);
    EXPECT_GT(served, 0);
  }
  void live_on(Chance& chance) {
    std::erase_if(running, [&](const Attempt& a) {
      if (a.ends > now) return false;
      finish(a.worker, a.cls);
      return true;
    });
    if (!waits && chance.one_in(50)) wants(1, large), waits = true;
    for (const auto& pick : turn(1)) note(pick, chance);
    std::vector<std::uint32_t> used(gpus.size());
    for (const auto& a : running) used[a.worker] += asks[a.cls];
    for (std::size_t i = 0; i < used.size(); ++i) EXPECT_LE(used[i], gpus[i]);
    // Another class that waited longer may have its room kept before.
    const auto bound = (patience + longest + 2 * step) * (some_more ? 2 : 1);
    const auto* wait = hall.rooms().of(1, large);  // from its turn on: before it may wait for credit
    ASSERT_LE(wait == nullptr ? 0 : now - wait->since, bound);
  }
  void note(Pick pick, Chance& chance) {
    for (;;) {
      running.push_back({now + 1 + chance.below(longest), pick.worker, pick.cls});
      if (pick.cls == large) hall.set_ready(pick.shelf, false), waits = false, ++served;
      const auto more = turn(1);
      if (more.empty()) return;
      pick = more[0];
    }
  }

  std::vector<std::uint32_t> gpus;
  std::array<std::uint32_t, 4> asks{1, 4, 0, 0};
  std::vector<Attempt> running;
  int served = 0;
  bool waits = false, some_more = false;
};

TEST(Storms, NoLargeTaskWaitsBeyondPatienceAndTheLongestAttempt) {
  class One : public Storm {
   public:
    using Storm::live;
    void TestBody() override {}
  };
  const auto first = seed_of_run(1);
  for (auto seed = first; seed < first + 200 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("HIREHALL_SEED=" + std::to_string(seed));
    One().live(seed);
  }
}

}  // namespace
}  // namespace hirehall::scheduler
