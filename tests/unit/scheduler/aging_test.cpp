// I13: with aging no priority starves.
#include "scheduler/aging.h"

#include <set>
#include <tuple>

#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

constexpr Millis step = 60000;

TEST(Aging, RaisesThePriorityByOneForEachStepWaited) {
  EXPECT_EQ(aged_priority(3, 0, step), 3);
  EXPECT_EQ(aged_priority(3, step - 1, step), 3);
  EXPECT_EQ(aged_priority(3, step, step), 4);
  EXPECT_EQ(aged_priority(3, 1000 * step, step), 20);
  EXPECT_EQ(aged_priority(3, 1000 * step, aging_off), 3);
}

TEST(Aging, TheTurnOrdersByPriorityThenByTime) {
  EXPECT_LT(turn_of(10, 1000, step), turn_of(9, 1000, step));
  EXPECT_LT(turn_of(5, 1000, step), turn_of(5, 1001, step));
  EXPECT_LT(turn_of(10, 2'000'000'000'000, aging_off), turn_of(9, 0, aging_off));
  EXPECT_LT(turn_of(1, 1, aging_off), turn_of(1, 2, aging_off));
}

TEST(Aging, TheTurnIsTheOrderOfAgedPriorities) {
  Chance chance(seed_of_run(5));
  for (int i = 0; i < 100000; ++i) {
    const std::int64_t p = 1 + chance.below(10), q = 1 + chance.below(10);
    const Millis s = chance.below(2000000), t = chance.below(2000000), now = 2000000;
    // In whole steps the aged priority of the first in turn is never the lower one by more than rounding.
    if (turn_of(p, s, step) <= turn_of(q, t, step)) {
      EXPECT_GE(p * step + (now - s), q * step + (now - t));
    }
  }
}

TEST(Aging, NobodySubmittedAfterTheBoundOvertakes) {
  for (std::int64_t p = 1; p <= 10; ++p)
    for (std::int64_t q = 1; q <= 10; ++q)
      EXPECT_LT(turn_of(p, 500, step), turn_of(q, 500 + overtaking_bound(p, step) + 1, step));
}

TEST(Aging, ALowTaskUnderAFullLoadOfHighOnesWaitsNoLongerThanTheBound) {
  constexpr Millis service = 100;
  for (std::int64_t priority = 1; priority <= 10; ++priority) {
    std::set<std::tuple<std::uint64_t, Millis, std::int64_t>> line;
    line.emplace(turn_of(priority, 0, step), 0, priority);
    Millis waited = -1;
    // Every service a task of the highest priority comes in: without aging the first task would wait for
    // ever.
    for (Millis now = 0; waited < 0; now += service) {
      line.emplace(turn_of(limits::priority_max, now, step), now, limits::priority_max + 1);
      if (std::get<2>(*line.begin()) == priority) waited = now;
      line.erase(line.begin());
    }
    EXPECT_LE(waited, overtaking_bound(priority, step) + service) << priority;
  }
}

}  // namespace
}  // namespace hirehall::scheduler
