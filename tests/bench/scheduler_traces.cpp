// Recorded arrivals: the broker's whole engine with its policies, the dispatcher alone, and what others do.
#include <fmt/format.h>

#include <algorithm>

#include "tests/bench/scheduler/simulator/queueing.h"
#include "tests/bench/scheduler/simulator/whole.h"
#include "tests/bench/scheduler_lines.h"

namespace hirehall::bench {

using namespace simulator;

namespace {

struct Contender {
  const char* name;
  const char* policy;  // of the whole engine; null: none runs
  Assignment assignment = Assignment::central;
};
constexpr Contender contenders[] = {
    {"engine, least_loaded", "least_loaded"},
    {"engine, learned", "learned"},
    {"dispatcher alone", nullptr, Assignment::hall},
    {"two choices", nullptr, Assignment::two_choices},
    {"round robin", nullptr, Assignment::round_robin},
    {"random", nullptr, Assignment::random},
    {"ideal central queue", nullptr, Assignment::central},
};

// Workers for 80 % load. Unequal: two of three are half as fast as the third, and the mean stays.
FleetSetup fleet_for(const std::vector<Arrival>& trace, bool equal) {
  FleetSetup fleet;
  fleet.tenants = 4;
  const double length = trace.back().at - trace.front().at;
  fleet.speeds.assign(static_cast<std::size_t>(service_of(trace) / length / 0.8) + 1, 1.0);
  if (equal) return fleet;
  double sum = 0;
  for (std::size_t w = 0; w < fleet.speeds.size(); ++w) sum += fleet.speeds[w] = w % 3 == 2 ? 2 : 1;
  for (auto& speed : fleet.speeds) speed *= static_cast<double>(fleet.speeds.size()) / sum;
  return fleet;
}

Status replay(const FigureSettings& settings, const char* name, bool equal) {
  const auto trace = read_trace(settings.traces / fmt::format("AzureLLMInferenceTrace_{}.csv", name), 4);
  if (!trace) return tl::unexpected(trace.error());
  const auto fleet = fleet_for(*trace, equal);
  const char* kind = equal ? "equal" : "unequal";
  const double cut = fleet.speeds.size() < 10 ? 200 : 40;
  Chart chart{fmt::format("{}: waits of recorded arrivals, {} {} workers", name, fleet.speeds.size(), kind),
              "percent of the tasks",
              fmt::format("seconds waited at most (cut at {})", cut),
              {},
              command(settings, "traces")};
  for (const auto& one : contenders) {
    Waits waits;
    if (one.policy == nullptr) {
      waits = simulator::run(fleet, *trace, one.assignment, settings.first_seed);
    } else {
      auto whole = run_whole(fleet, *trace, one.policy, settings.first_seed);
      if (!whole) return tl::unexpected(whole.error());
      waits = std::move(*whole);
    }
    print(
        "traces",
        fmt::format("{}, {} {} workers, {}: p99 wait, s", name, fleet.speeds.size(), kind, one.name),
        waits.wait_p99, "reported", true,
        fmt::format(
            R"(,"wait_p50":{:.4g},"mean_response":{:.4g},"p99_response":{:.4g},"utilisation":{:.3g},"lag":{:.3g})",
            waits.wait_p50, waits.mean, waits.p99, waits.utilisation, waits.lag));
    if (one.assignment == Assignment::hall) continue;  // beside the engine there would be nothing to see
    for (auto& [percent, seconds] : waits.curve) seconds = std::min(seconds, cut);
    chart.lines.push_back({one.name, waits.curve});
  }
  return keep(chart, settings, fmt::format("scheduler-traces-{}-{}.svg", name, kind).c_str());
}

}  // namespace

Status figure_traces(const FigureSettings& settings) {
  if (!have_traces(settings)) return {};
  for (const char* name : {"code", "conv"})
    for (const bool equal : {true, false})
      if (auto done = replay(settings, name, equal); !done) return done;
  return {};
}

}  // namespace hirehall::bench
