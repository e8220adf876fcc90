// What it gains to match the tasks of a turn with each other: the broker's whole engine, awards one by one
// and in rounds, on the same arrivals.
#include <fmt/format.h>

#include "scheduler/chance.h"
#include "tests/bench/scheduler/simulator/queueing.h"
#include "tests/bench/scheduler/simulator/statistics.h"
#include "tests/bench/scheduler/simulator/whole.h"
#include "tests/bench/scheduler_lines.h"

namespace hirehall::bench {

using namespace simulator;
using scheduler::Stream;

namespace {

constexpr std::uint32_t workers = 20;

// One half can write and draw, the other half only write; all as fast as each other.
FleetSetup two_skills() {
  FleetSetup fleet;
  fleet.speeds.assign(workers, 1.0);
  for (std::uint32_t w = 0; w < workers; ++w) {
    if (w % 2 == 0)
      fleet.skills.push_back({"artist", {"draw", "write"}});
    else
      fleet.skills.push_back({"clerk", {"write"}});
  }
  return fleet;
}

// All can do everything, each at its own speed and under its own name.
FleetSetup many_speeds(std::uint64_t seed) {
  auto fleet = mixed_fleet(workers, 0.5, seed);
  for (std::uint32_t w = 0; w < workers; ++w)
    fleet.skills.push_back({fmt::format("agent-{}", w), {"draw", "write"}});
  return fleet;
}

// Tasks of ten seconds and more or less, every other one a drawing on average: so many at a time, at this
// load.
std::vector<Arrival> arrivals_of(std::uint32_t at_a_time, double load, std::uint64_t seed) {
  constexpr std::uint32_t count = 4000;
  constexpr double service = 10;
  Stream chance(seed);
  std::vector<Arrival> out;
  double at = 1;
  while (out.size() < count) {
    at -= std::log(chance.uniform()) * service * at_a_time / (workers * load);
    for (std::uint32_t i = 0; i < at_a_time; ++i)
      out.push_back({at, service * std::exp(0.5 * chance.normal() - 0.125), 0,
                     chance.below(2) == 0 ? "draw" : "write"});
  }
  return out;
}

Status compare(const FigureSettings& settings, const char* kind, bool skills, std::uint32_t at_a_time,
               double load) {
  std::vector<double> response, wait;
  for (std::uint64_t s = settings.first_seed; s < settings.first_seed + settings.seeds; ++s) {
    const auto fleet = skills ? two_skills() : many_speeds(s);
    const auto arrivals = arrivals_of(at_a_time, load, s);
    const auto alone = run_whole(fleet, arrivals, "learned", s);
    if (!alone) return tl::unexpected(alone.error());
    const auto matched = run_whole(fleet, arrivals, "learned match_from_ms=1000", s);
    if (!matched) return tl::unexpected(matched.error());
    response.push_back(matched->mean / alone->mean);
    wait.push_back(alone->wait_p99 > 0 ? matched->wait_p99 / alone->wait_p99 : 1);
  }
  const auto mean = band_of(response);
  print("matched",
        fmt::format("{}, {} tasks at a time, load {:.1f}: mean time to the result, matched over one by one",
                    kind, at_a_time, load),
        mean.mean, "reported", true, band(mean) + fmt::format(R"(,"p99_wait":{:.3g})", band_of(wait).mean));
  return {};
}

}  // namespace

Status figure_matched(const FigureSettings& settings) {
  for (const bool skills : {true, false})
    for (const std::uint32_t at_a_time : {1u, 10u, 20u, 40u})
      for (const double load : {0.1, 0.6}) {
        auto done = compare(settings, skills ? "half can do both" : "many speeds", skills, at_a_time, load);
        if (!done) return done;
      }
  return {};
}

}  // namespace hirehall::bench
