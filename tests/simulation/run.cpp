#include "tests/simulation/run.h"

#include <cstdio>

namespace hirehall::sim {

Report run_seed(std::uint64_t seed, bool canary, bool tell) {
  auto weather = Weather::of(seed);
  weather.canary = canary;
  World world(seed, weather);
  return world.run(tell);
}

std::string describe(const Report& report) {
  char hash[32];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(report.hash));
  std::string out = "seed " + std::to_string(report.seed) + ": trace " + hash + ", " +
                    std::to_string(report.events) + " events, " + std::to_string(report.tasks) + " tasks, " +
                    std::to_string(report.lasted / second) + " s\n";
  if (!report.violation) return out;
  const auto& v = *report.violation;
  out += "VIOLATED " + v.invariant + ": " + v.text;
  if (v.task != 0) out += " (task " + std::to_string(v.task) + ")";
  out += "\n" + Weather::of(report.seed).text() + "\n" + report.story;
  out += "again: ./dev sim --seed " + std::to_string(report.seed) + "\n";
  return out;
}

}  // namespace hirehall::sim
