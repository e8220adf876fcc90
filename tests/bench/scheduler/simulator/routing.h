// A fleet of agents with skills that differ by type of task, and routers that learn them: what it costs not
// to know, what it gains to learn. Skills are logistic: agent, type and their interaction.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/chance.h"

namespace hirehall::simulator {

struct RoutingCase {
  std::uint32_t agents = 30, types = 12, tasks = 20'000;
  std::uint32_t shifts = 0;  // times that a quarter of the agents change all their skills
  std::uint32_t delay = 0;   // outcomes are told this many tasks later
};

enum class Router { learned, greedy, ucb1, random, best_single };

struct RoutingResult {
  double regret_share = 0;  // of random routing's regret on the same tasks
  double brier_ratio = 0;   // of the forecasts against the truth's own score, after a quarter of the tasks
  double calibration_error = 0;  // ECE, ten bins of equal mass
  std::uint64_t alarms = 0;
  std::vector<double> curve;  // regret so far as a share of random's at the end; 100 points
};

class SkillWorld {
 public:
  SkillWorld(const RoutingCase& setup, std::uint64_t seed);
  double chance(std::uint32_t agent, std::uint32_t type) const;
  void shift();  // a quarter of the agents become others
  scheduler::Stream& stream() { return stream_; }

 private:
  void draw(std::uint32_t agent);
  RoutingCase setup_;
  scheduler::Stream stream_;
  std::vector<double> of_type_, of_agent_, together_;
};

RoutingResult route(const RoutingCase& setup, Router router, std::uint64_t seed);

// How many of the durations of such a fleet lie below the forecast's 90 % quantile.
double duration_coverage(std::uint64_t seed, double log_sd);
double duration_coverage(const std::vector<double>& durations);  // of one agent at one type

}  // namespace hirehall::simulator
