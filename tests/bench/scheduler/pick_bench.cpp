// What one award costs the scheduler: next, take, release; with lanes and workers as given.
#include <benchmark/benchmark.h>

#include <deque>
#include <string>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {
namespace {

constexpr std::uint32_t plenty = 16384;

WorkerSpec worker(std::string type, std::string other = {}) {
  WorkerSpec spec;
  spec.agents.emplace_back();
  spec.agents[0].types = {std::move(type)};
  if (!other.empty()) spec.agents[0].types.push_back(std::move(other));
  spec.slots = 4;
  return spec;
}

void lanes(Dispatcher& hall, std::uint32_t count) {
  hall.define_queue(0, 1);
  hall.define_class(0, "echo", {});
  for (LaneNo lane = 0; lane < count; ++lane) {
    hall.define_lane(lane, 0, 1 + lane % 7);
    hall.set_ready(hall.shelf(lane, 0), true);
  }
}

// One task at a time; each worker holds about four.
void award(benchmark::State& state, Dispatcher& hall, std::size_t outstanding) {
  std::deque<WorkerNo> held;
  std::uint64_t cost = 1;
  for (auto _ : state) {
    const auto pick = hall.next();
    benchmark::DoNotOptimize(pick);
    hall.take(*pick, 1, 100 + (cost = cost * 25214903917 + 11) % 100);
    held.push_back(pick->worker);
    if (held.size() < outstanding) continue;
    hall.release(held.front(), 1);
    held.pop_front();
  }
  state.SetItemsProcessed(state.iterations());
}

void alike(benchmark::State& state) {
  Dispatcher hall;
  lanes(hall, static_cast<std::uint32_t>(state.range(0)));
  for (WorkerNo no = 0; no < state.range(1); ++no) hall.connect(no, worker("echo"), plenty);
  award(state, hall, static_cast<std::size_t>(state.range(1)) * 4);
}

void all_different(benchmark::State& state) {
  Dispatcher hall;
  lanes(hall, static_cast<std::uint32_t>(state.range(0)));
  for (WorkerNo no = 0; no < state.range(1); ++no)
    hall.connect(no, worker("echo", "other " + std::to_string(no)), plenty);
  award(state, hall, static_cast<std::size_t>(state.range(1)) * 4);
}

// All workers are full, and one place comes free per award: pools open and close each time.
void at_the_credit(benchmark::State& state) {
  Dispatcher hall;
  lanes(hall, static_cast<std::uint32_t>(state.range(0)));
  for (WorkerNo no = 0; no < state.range(1); ++no) hall.connect(no, worker("echo"), 4);
  while (const auto pick = hall.next()) hall.take(*pick, pick->run, 100);
  WorkerNo done = 0;
  for (auto _ : state) {
    hall.release(done, 1);
    const auto pick = hall.next();
    hall.take(*pick, 1, 100);
    if (++done == state.range(1)) done = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// As the engine does it: so many at once as the pick allows.
void in_runs(benchmark::State& state) {
  Dispatcher hall;
  lanes(hall, 1);
  hall.connect(0, worker("echo"), plenty);
  std::int64_t awarded = 0;
  for (auto _ : state) {
    const auto pick = hall.next();
    hall.take(*pick, pick->run, 100);
    hall.release(pick->worker, pick->run);
    awarded += pick->run;
  }
  state.SetItemsProcessed(awarded);
}

void ready_and_empty(benchmark::State& state) {
  Dispatcher hall;
  lanes(hall, static_cast<std::uint32_t>(state.range(0)));
  hall.connect(0, worker("echo"), plenty);
  const auto shelf = hall.shelf(0, 0);
  for (auto _ : state) {
    hall.set_ready(shelf, false);
    hall.set_ready(shelf, true);
  }
}

BENCHMARK(alike)
    ->Name("scheduler/award/alike")
    ->ArgNames({"lanes", "workers"})
    ->ArgsProduct({{1, 1000}, {1, 100, 1000}});
BENCHMARK(all_different)
    ->Name("scheduler/award/all_different")
    ->ArgNames({"lanes", "workers"})
    ->ArgsProduct({{1, 1000}, {100, 1000}});
BENCHMARK(at_the_credit)
    ->Name("scheduler/award/at_the_credit")
    ->ArgNames({"lanes", "workers"})
    ->ArgsProduct({{1, 1000}, {1, 100}});
BENCHMARK(in_runs)->Name("scheduler/award/in_runs");
BENCHMARK(ready_and_empty)->Name("scheduler/ready_and_empty")->ArgNames({"lanes"})->Arg(1)->Arg(1000);

}  // namespace
}  // namespace hirehall::scheduler
