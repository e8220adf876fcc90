// Tasks matched with the places of a turn: nobody loses its turn, no other way has a greater sum of scores,
// and the prices of the round lead each task to its place.
#include "scheduler/task_round.h"

#include <algorithm>
#include <map>
#include <vector>

#include "scheduler/chance.h"
#include "tests/unit/scheduler/exact.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Seat seat(WorkerNo worker, std::int64_t score, std::uint32_t places = 1, std::uint32_t held = 0) {
  return {.worker = worker,
          .agent_hash = 1000ull + worker,
          .held = held,
          .slots = held + places,
          .places = places,
          .score = score};
}

bool add(TaskRound& round, std::uint64_t key, std::vector<Seat> seats) {
  RoundTask task;
  task.key = key;
  task.seats = std::move(seats);
  return round.admit(std::move(task));
}

// Whom a task goes to by its scores and the prices of the round, among the places that are left.
WorkerNo best_of(const TaskRound& round, const RoundTask& task, std::map<WorkerNo, std::uint32_t>& left) {
  WorkerNo best = none;
  std::int64_t most = 0;
  for (const auto& s : task.seats) {
    const auto net = s.score - round.slot_price(task, s.worker);
    if (left[s.worker] == 0 || (best != none && net <= most)) continue;
    best = s.worker, most = net;
  }
  if (best != none) --left[best];
  return best;
}

TEST(TaskRound, TheOneThatCanDoMoreIsLeftToWhoNeedsIt) {
  TaskRound round;
  ASSERT_TRUE(add(round, 1, {seat(1, 100), seat(2, 90)}));
  ASSERT_TRUE(add(round, 2, {seat(1, 50)})) << "the first one can go elsewhere";
  EXPECT_FALSE(add(round, 3, {seat(1, 1'000'000)})) << "its turn comes after theirs";
  round.solve();
  EXPECT_EQ(round.find(1)->matched, 2u);
  EXPECT_EQ(round.find(2)->matched, 1u);
  EXPECT_EQ(round.find(3), nullptr);
  EXPECT_GE(round.slot_price(*round.find(1), 1), 10 + micros_per_unit / 3)
      << "more than the first one would gain there: the second has no other place to go";
  EXPECT_EQ(round.sum().tasks, 2u);
  EXPECT_EQ(round.sum().one_by_one_tasks, 1u);
  EXPECT_EQ(round.sum().total, 140);
  EXPECT_EQ(round.sum().one_by_one, 100);
}

TEST(TaskRound, WhatGainsLeastByTheBestPlaceGoesElsewhere) {
  TaskRound round;
  ASSERT_TRUE(add(round, 1, {seat(1, 100), seat(2, 99)}));
  ASSERT_TRUE(add(round, 2, {seat(1, 100), seat(2, 20)}));
  round.solve();
  EXPECT_EQ(round.find(1)->matched, 2u);
  EXPECT_EQ(round.sum().total, 199);
  EXPECT_EQ(round.sum().one_by_one, 120);
  const auto dearer = round.slot_price(*round.find(1), 1) - round.slot_price(*round.find(2), 2);
  EXPECT_GE(dearer, 1);
  EXPECT_LE(dearer, 80) << "the second would go to the other one";
  EXPECT_EQ(round.slot_price(*round.find(2), 1), round.slot_price(*round.find(1), 1) - 1)
      << "one less, where it was matched";
}

TEST(TaskRound, EqualsAreSpreadOverTheFleet) {
  TaskRound round;
  for (std::uint64_t key = 0; key < 8; ++key)
    ASSERT_TRUE(add(round, key, {seat(1, 7, 8), seat(2, 7, 8), seat(3, 7, 7, 1), seat(4, 7, 8)}));
  round.solve();
  std::map<WorkerNo, int> got;
  for (std::uint64_t key = 0; key < 8; ++key) ++got[round.find(key)->matched];
  ++got[3];  // that it held before
  for (const WorkerNo worker : {1u, 2u, 3u, 4u}) EXPECT_EQ(got[worker] / 2 * 2, 2) << "two or three";
}

// Resources, and agents that run in few instances, leave some tasks less room on a worker than others.
TEST(TaskRound, AWorkerHasAsManyPlacesAsTheTaskWithTheLeastRoomThere) {
  TaskRound round;
  ASSERT_TRUE(add(round, 1, {seat(1, 9, 8), seat(2, 8, 8)}));
  ASSERT_TRUE(add(round, 2, {seat(1, 9, 1), seat(2, 8, 1)}));
  EXPECT_FALSE(add(round, 3, {seat(1, 9, 8), seat(2, 9, 8)}));
  round.solve();
  EXPECT_EQ(round.sum().places, 2u);
  EXPECT_EQ(round.sum().tasks, 2u);
}

TEST(TaskRound, NothingToMatchAndOneTaskAlone) {
  TaskRound round;
  round.solve();
  EXPECT_EQ(round.sum().tasks, 0u);
  EXPECT_FALSE(add(round, 1, {}));
  EXPECT_FALSE(add(round, 1, {seat(1, 5, 0)})) << "no place";
  ASSERT_TRUE(add(round, 1, {seat(1, -5)})) << "whatever it is worth: it has its turn";
  round.solve();
  EXPECT_EQ(round.find(1)->matched, 1u);
  round.clear();
  EXPECT_EQ(round.find(1), nullptr);
  EXPECT_EQ(round.sum().tasks, 0u);
}

TEST(TaskRound, ItHoldsABoundedNumberAndSumsFit) {
  TaskRound round;
  constexpr auto far = std::int64_t{1} << 50;
  for (std::uint64_t key = 0; key < TaskRound::tasks_max; ++key)
    ASSERT_TRUE(add(round, key, {seat(1, key % 2 == 0 ? far : -far, 200), seat(2, -far, 200)}));
  EXPECT_TRUE(round.full());
  EXPECT_FALSE(add(round, 9999, {seat(3, 1)}));
  round.solve();
  EXPECT_EQ(round.sum().tasks, TaskRound::tasks_max);
  for (std::uint64_t key = 0; key < TaskRound::tasks_max; key += 2) EXPECT_EQ(round.find(key)->matched, 1u);
}

struct Workers {
  std::vector<std::uint32_t> places;
};

std::vector<Seat> random_seats(Stream& chance, const Workers& workers, std::uint64_t range) {
  std::vector<Seat> out;
  for (WorkerNo w = 0; w < workers.places.size(); ++w)
    for (std::uint64_t agents = chance.below(3); agents > 0; --agents)
      out.push_back(
          seat(w, static_cast<std::int64_t>(chance.below(range)) - static_cast<std::int64_t>(range / 2),
               workers.places[w]));
  return out;
}

// All of these tasks, each worth `placed` more than its score, so that none is left out.
Round exact_round(const std::vector<std::vector<Seat>>& tasks, const Workers& workers, std::int64_t placed) {
  Round out;
  out.capacity = workers.places;
  for (const auto& seats : tasks) {
    std::vector<Offer> row;
    for (const auto& s : seats) row.push_back({s.worker, s.score + placed});
    out.add_row(row);
  }
  return out;
}

TEST(TaskRound, NoOtherWayIsBetterAndPricesLeadToIt) {
  Stream chance(seed_of_run(20261122));
  TaskRound round;  // one after the other, so that each begins with the prices of the one before
  for (int i = 0; i < 3000; ++i) {
    round.clear();
    Workers workers;
    for (auto count = 1 + chance.below(6); count > 0; --count)
      workers.places.push_back(static_cast<std::uint32_t>(1 + chance.below(3)));
    const std::uint64_t range = chance.below(3) == 0 ? 4 : 1'000'000;
    std::vector<std::vector<Seat>> taken;
    for (auto tasks = 1 + chance.below(10); tasks > 0; --tasks) {
      auto seats = random_seats(chance, workers, range);
      auto with = taken;
      with.push_back(seats);
      auto each_one = exact_round(with, workers, 0);
      for (auto& offer : each_one.offers) offer.value = 1;
      const bool fits = exact_total(each_one) == static_cast<std::int64_t>(with.size());
      ASSERT_EQ(add(round, taken.size(), seats), fits) << "round " << i;
      if (fits) taken = std::move(with);
    }
    round.solve();
    const auto tasks = static_cast<std::int64_t>(taken.size());
    constexpr std::int64_t placed = 100'000'000;
    ASSERT_EQ(round.sum().total, exact_total(exact_round(taken, workers, placed)) - tasks * placed);
    ASSERT_LE(round.sum().one_by_one_tasks, round.sum().tasks);
    // In their turns, each by its own scores and the prices.
    std::map<WorkerNo, std::uint32_t> left;
    for (WorkerNo w = 0; w < workers.places.size(); ++w) left[w] = workers.places[w];
    for (std::uint64_t key = 0; key < taken.size(); ++key) {
      const auto& task = *round.find(key);
      for (const auto& s : task.seats)
        ASSERT_GE(round.slot_price(task, s.worker), s.worker == task.matched ? -1 : 0);
      ASSERT_EQ(best_of(round, task, left), task.matched) << "round " << i << " task " << key;
    }
    for (std::uint64_t key = 0; key < taken.size(); ++key) {
      const auto& task = *round.find(key);
      for (const auto& s : task.seats) {
        const bool is_left = left[s.worker] > 0 && s.worker != task.matched;
        ASSERT_TRUE(!is_left || round.slot_price(task, s.worker) == 0)
            << "a place that is left costs nothing";
      }
    }
  }
}

}  // namespace
}  // namespace hirehall::scheduler
