// What a round of many-to-many awards costs: 1,000 tasks, 1,000 workers, some candidates each.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "scheduler/matching.h"
#include "scheduler/task_round.h"

namespace hirehall::scheduler {
namespace {

Round round_with(std::uint32_t candidates, std::uint32_t kinds) {
  Round round;
  std::uint64_t state = 88172645463325252;
  const auto below = [&](std::uint64_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<std::uint32_t>(state % limit);
  };
  std::vector<std::vector<Offer>> rows(kinds);
  for (auto& row : rows)
    for (std::uint32_t k = 0; k < candidates; ++k) row.push_back({below(1000), 1 + below(1000000)});
  for (std::uint32_t i = 0; i < 1000; ++i) round.add_row(rows[i % kinds]);
  round.capacity.assign(1000, 1);
  return round;
}

void run(benchmark::State& state, const Round& round) {
  std::uint64_t bids = 0;
  for (auto _ : state) {
    const auto made = match(round);
    benchmark::DoNotOptimize(made.total);
    bids = made.bids;
  }
  state.counters["bids"] = static_cast<double>(bids);
}

void cold(benchmark::State& state) {
  run(state, round_with(static_cast<std::uint32_t>(state.range(0)), 1000));
}

void warm(benchmark::State& state) {
  auto round = round_with(static_cast<std::uint32_t>(state.range(0)), 1000);
  round.prices = match(round).prices;
  run(state, round);
}

void twenty_kinds(benchmark::State& state) {
  run(state, round_with(static_cast<std::uint32_t>(state.range(0)), 20));
}

// So many tasks of a turn, each with sixteen workers of four places among twice as many as are needed.
void of_a_turn(benchmark::State& state) {
  const auto tasks = static_cast<std::uint64_t>(state.range(0));
  const auto workers = static_cast<WorkerNo>(tasks / 2 + 16);
  std::uint64_t random = 88172645463325252;
  TaskRound round;
  for (auto _ : state) {
    round.clear();
    for (std::uint64_t key = 0; key < tasks; ++key) {
      RoundTask task;
      task.key = key;
      for (int seat = 0; seat < 16; ++seat) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        const auto worker = static_cast<WorkerNo>(random % workers);
        task.seats.push_back({.worker = worker,
                              .agent_hash = worker,
                              .held = 0,
                              .slots = 4,
                              .places = 4,
                              .score = static_cast<std::int64_t>(random >> 40)});
      }
      round.admit(std::move(task));
    }
    round.solve();
    benchmark::DoNotOptimize(round.sum().total);
  }
}

BENCHMARK(of_a_turn)->Arg(2)->Arg(16)->Arg(256)->Unit(benchmark::kMicrosecond);
BENCHMARK(cold)->Arg(8)->Arg(16)->Arg(32)->Arg(64)->Unit(benchmark::kMillisecond);
BENCHMARK(warm)->Arg(32)->Unit(benchmark::kMillisecond);
BENCHMARK(twenty_kinds)->Arg(32)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hirehall::scheduler
