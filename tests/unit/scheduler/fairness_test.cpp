// Lanes and queues share by weight (I13: nobody starves).
#include <algorithm>
#include <array>

#include "scheduler/fair_share.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

class Fairness : public Hall {
 protected:
  void SetUp() override { hall.connect(0, worker_doing({"echo"}), plenty); }
};

TEST_F(Fairness, LanesOfEqualWeightTakeTurns) {
  open_lanes({1, 1});
  EXPECT_EQ(serve().lane, 0u);
  EXPECT_EQ(serve().lane, 1u);
  EXPECT_EQ(serve().lane, 0u);
  EXPECT_EQ(serve().lane, 1u);
}

TEST_F(Fairness, WeightsAreRespectedWithinOnePercent) {
  open_lanes({1, 2, 7, 90});
  const auto served = serve_many(100000);
  EXPECT_NEAR(served.at(0), 1000, 10);
  EXPECT_NEAR(served.at(1), 2000, 20);
  EXPECT_NEAR(served.at(2), 7000, 70);
  EXPECT_NEAR(served.at(3), 90000, 900);
}

TEST_F(Fairness, LargeWeightsAreNotRoundedTogether) {
  open_lanes({weight_max, weight_max / 3});
  const auto served = serve_many(40000);
  EXPECT_NEAR(served.at(0), 30000, 300);
}

TEST_F(Fairness, SharesAreOfCostNotOfTasks) {
  open_lanes({1, 1});
  std::array<int, 2> tasks{};
  for (int i = 0; i < 11000; ++i) {
    const auto pick = hall.next();
    ASSERT_TRUE(pick);
    hall.take(*pick, 1, pick->lane == 0 ? 100 : 10);
    hall.release(pick->worker, 1);
    ++tasks[pick->lane];
  }
  EXPECT_NEAR(tasks[0], 1000, 10);
  EXPECT_NEAR(tasks[1], 10000, 100);
}

TEST_F(Fairness, TwoBusyLanesLagByAtMostOneMaximalTaskOfEach) {
  Chance chance(seed_of_run(11));
  for (int round = 0; round < 50; ++round) {
    Dispatcher one;
    const std::array<std::int64_t, 2> weight{1 + chance.below(20), 1 + chance.below(20)};
    const std::array<std::uint32_t, 2> most{1 + chance.below(1000), 1 + chance.below(1000)};
    one.define_queue(0, 1);
    one.define_class(0, "echo", {});
    one.connect(0, worker_doing({"echo"}), plenty);
    for (LaneNo lane = 0; lane < 2; ++lane) {
      one.define_lane(lane, 0, static_cast<std::uint32_t>(weight[lane]));
      one.set_ready(one.shelf(lane, 0), true);
    }
    // Service per weight of lane 0 less that of lane 1, times both weights; over any stretch it moves within
    // the bound.
    std::int64_t lead = 0, least = 0, greatest = 0;
    for (int i = 0; i < 5000; ++i) {
      const auto pick = one.next();
      const std::int64_t cost = 1 + chance.below(most[pick->lane]);
      one.take(*pick, 1, static_cast<std::uint64_t>(cost));
      one.release(0, 1);
      lead += pick->lane == 0 ? cost * weight[1] : -cost * weight[0];
      least = std::min(least, lead), greatest = std::max(greatest, lead);
    }
    EXPECT_LE(greatest - least, most[0] * weight[1] + most[1] * weight[0] + 1) << "round " << round;
  }
}

TEST_F(Fairness, AnIdleLaneGainsNothing) {
  open_lanes({1, 1});
  const auto second = hall.shelf(1, 0);
  hall.set_ready(second, false);
  serve_many(1000);
  hall.set_ready(second, true);
  const auto served = serve_many(100);
  EXPECT_NEAR(served.at(1), 50, 1);
}

TEST_F(Fairness, PausingDoesNotEscapeACharge) {
  open_lanes({1, 1});
  const auto first = hall.shelf(0, 0);
  serve(1000);
  hall.set_ready(first, false);
  hall.set_ready(first, true);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(serve(100).lane, 1u);
}

TEST_F(Fairness, ALaneThatNobodyCouldServeGainsNothing) {
  open_lanes({1});
  hall.define_class(1, "rare", {});
  hall.define_lane(1, 0, 1);
  hall.set_ready(hall.shelf(1, 1), true);
  serve_many(1000);
  hall.connect(1, worker_doing({"echo", "rare"}), plenty);
  const auto served = serve_many(100);
  EXPECT_NEAR(served.at(1), 50, 1);
}

TEST_F(Fairness, QueuesShareByWeightWhateverTheirLanesAre) {
  hall.define_class(0, "echo", {});
  hall.define_queue(0, 3);
  hall.define_queue(1, 1);
  hall.define_lane(0, 0, 1);
  for (LaneNo lane = 1; lane <= 50; ++lane) hall.define_lane(lane, 1, 1000);
  for (LaneNo lane = 0; lane <= 50; ++lane) hall.set_ready(hall.shelf(lane, 0), true);
  auto served = serve_many(20000);
  EXPECT_NEAR(served.at(0), 15000, 150);
  for (LaneNo lane = 1; lane <= 50; ++lane) EXPECT_NEAR(served.at(lane), 100, 1);
}

TEST_F(Fairness, AChangedWeightCountsFromTheNextTask) {
  open_lanes({1, 1});
  serve_many(100);
  hall.define_lane(1, 0, 3);
  EXPECT_NEAR(serve_many(400).at(1), 300, 3);
}

TEST_F(Fairness, RealCostsAreSettledAtCompletion) {
  open_lanes({1, 1});
  std::array<int, 2> tasks{};
  for (int i = 0; i < 10000; ++i) {
    const auto pick = serve(10);
    ++tasks[pick.lane];
    hall.correct(pick.lane, pick.lane == 0 ? 20 : -5);
  }
  // 30 against 5 per task.
  EXPECT_NEAR(tasks[1], 6 * tasks[0], 0.02 * tasks[1]);
}

TEST_F(Fairness, ACorrectionDownwardsCountsAtOnce) {
  open_lanes({1, 1});
  const auto pick = serve(1'000'000);
  hall.correct(pick.lane, 1 - 1'000'000);
  const auto served = serve_many(100);
  EXPECT_NEAR(served.at(pick.lane), 50, 1);
}

TEST_F(Fairness, WhatWasOvertakenSinceIsNotGivenBack) {
  open_lanes({1, 1});
  const auto first = hall.shelf(0, 0);
  serve(100);
  hall.set_ready(first, false);
  serve_many(1000);  // the other lane goes past what was charged
  hall.set_ready(first, true);
  hall.correct(0, -100);
  const auto served = serve_many(100);
  EXPECT_NEAR(served.at(0), 50, 1) << "time without work is no credit";
}

// Predictions are off by up to ten times, each lane's in its own direction; what ended was set right.
TEST_F(Fairness, WrongPredictionsLeaveALagOfWhatRunsAndNoMore) {
  Chance chance(seed_of_run(12));
  constexpr std::uint32_t slots = 8, longest = 200;
  for (int round = 0; round < 50; ++round) {
    Dispatcher one;
    const std::array<std::int64_t, 2> weight{1 + chance.below(5), 1 + chance.below(5)};
    const std::array<std::uint32_t, 2> off{chance.below(3), chance.below(3)};  // a tenth, as it is, ten times
    one.define_queue(0, 1);
    one.define_class(0, "echo", {});
    one.connect(0, worker_doing({"echo"}), slots);
    for (LaneNo lane = 0; lane < 2; ++lane) {
      one.define_lane(lane, 0, static_cast<std::uint32_t>(weight[lane]));
      one.set_ready(one.shelf(lane, 0), true);
    }
    struct Running {
      std::int64_t ends = 0, real = 0, charged = 0;
      LaneNo lane = 0;
    };
    std::vector<Running> running;
    std::int64_t now = 0, lead = 0, least = 0, greatest = 0;
    for (int i = 0; i < 4000; ++i) {
      if (running.size() == slots) {
        const auto next = std::ranges::min_element(running, {}, &Running::ends);
        now = next->ends;
        one.correct(next->lane, next->real - next->charged);
        one.release(0, 1);
        running.erase(next);
      }
      const auto pick = one.next();
      ASSERT_TRUE(pick);
      const std::int64_t real = 1 + chance.below(longest);
      const std::array<std::int64_t, 3> said{std::max<std::int64_t>(1, real / 10), real, real * 10};
      const auto charged = said[off[pick->lane]];
      one.take(*pick, 1, static_cast<std::uint64_t>(charged));
      running.push_back({now + real, real, charged, pick->lane});
      lead += pick->lane == 0 ? real * weight[1] : -real * weight[0];
      least = std::min(least, lead), greatest = std::max(greatest, lead);
    }
    // Of each lane what runs may be charged ten times what it takes, and one more is charged.
    const std::int64_t bound = (slots + 1) * 10 * longest * (weight[0] + weight[1]);
    EXPECT_LE(greatest - least, bound) << "round " << round << ", off " << off[0] << " and " << off[1];
  }
}

TEST_F(Fairness, WhoComesAfterAWrongPredictionWasSetRightWaitsForNobody) {
  Dispatcher one;
  one.define_queue(0, 1);
  one.define_class(0, "echo", {});
  one.connect(0, worker_doing({"echo"}), 100);
  for (LaneNo lane = 0; lane < 2; ++lane) one.define_lane(lane, 0, 1);
  one.set_ready(one.shelf(0, 0), true);
  for (int i = 0; i < 100; ++i) one.take(*one.next(), 1, 60'000);  // thought to take a minute each
  for (int i = 0; i < 100; ++i) one.correct(0, 10 - 60'000);
  one.release(0, 100);
  one.set_ready(one.shelf(1, 0), true);
  std::array<int, 2> served{};
  for (int i = 0; i < 40; ++i) {
    const auto pick = *one.next();
    one.take(pick, 1, 10);
    ++served[pick.lane];
    if (i == 20) one.set_ready(one.shelf(1, 0), false), one.set_ready(one.shelf(1, 0), true);
  }
  EXPECT_GE(served[1], 19);
}

TEST_F(Fairness, VeryLongServiceDoesNotOverflow) {
  open_lanes({1, 3});
  std::array<std::uint64_t, 2> tasks{};
  for (int i = 0; i < 40000; ++i) {
    const auto pick = serve(~std::uint64_t{0});
    hall.correct(pick.lane, std::int64_t{63} << 30);
    ++tasks[pick.lane];
  }
  EXPECT_NEAR(static_cast<double>(tasks[1]), 30000, 300);
}

TEST_F(Fairness, WithinALaneTheShelfWithTheLeastOrderGoesFirst) {
  hall.connect(0, worker_doing({"echo", "sum"}), plenty);
  open_lanes({1});
  hall.define_class(1, "sum", {});
  const auto echo = hall.shelf(0, 0), sum = hall.shelf(0, 1);
  hall.set_ready(echo, true, 20);
  hall.set_ready(sum, true, 10);
  EXPECT_EQ(serve().shelf, sum);
  hall.set_ready(sum, true, 30);
  EXPECT_EQ(serve().shelf, echo);
}

}  // namespace
}  // namespace hirehall::scheduler
