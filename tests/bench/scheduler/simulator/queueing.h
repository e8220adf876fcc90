// A fleet of workers of different speeds under a stream of arrivals: how long tasks take to come back, by who
// decides where they go. Discrete events, no clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "tests/bench/scheduler/simulator/waits.h"

namespace hirehall::simulator {

struct Arrival {
  double at = 0;       // seconds
  double service = 1;  // seconds on a worker of speed 1
  std::uint32_t tenant = 0;
  const char* type = "generate";
};

// What a worker hosts, where not all do the same.
struct Skill {
  std::string agent;
  std::vector<std::string> types;
};

enum class Assignment {
  central,  // ideal: one line, the fastest free worker, no distance
  hall,  // scheduler::Dispatcher, one task of credit a slot, awards and results take half a round trip each
  random,
  round_robin,
  two_choices,  // the shorter line of two at random, seen as it is
};
std::string_view name_of(Assignment assignment);

struct FleetSetup {
  std::vector<double> speeds;
  double round_trip = 0.0005;
  std::uint32_t tenants = 1;
  std::vector<Skill> skills = {};  // by worker; empty: all do everything
};

Waits run(const FleetSetup& fleet, const std::vector<Arrival>& arrivals, Assignment assignment,
          std::uint64_t seed);

// Lognormal speeds of mean 1, lognormal services of mean 1 and sigma 1, arrivals for the load (Poisson).
FleetSetup mixed_fleet(std::uint32_t workers, double sigma, std::uint64_t seed);
std::vector<Arrival> steady_arrivals(const FleetSetup& fleet, double load, std::uint32_t count,
                                     std::uint64_t seed);

// An LLM inference trace: arrival times as recorded, service = 0.1 ms a context token + 20 ms a generated
// one.
Result<std::vector<Arrival>> read_trace(const std::filesystem::path& csv, std::uint32_t tenants);
double service_of(const std::vector<Arrival>& arrivals);  // all of it, seconds

}  // namespace hirehall::simulator
