// What the figures of a fleet say to do: the bottleneck, and recommendations in words with their evidence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/trend.h"

namespace hirehall::scheduler {

struct AgentFigures {
  std::string agent, version, type;
  double outcomes = 0;
  double success = 0, success_low = 0, success_high = 0;  // chance, with a 95 % interval
  double p50_ms = 0, p90_ms = 0, p99_ms = 0;              // 0: not known
  std::uint64_t running = 0;                              // attempts just now
  std::optional<double> cost, quality;                    // of an attempt, where agents tell them
  TrendTest trend;
};

struct TypeFigures {
  std::string type;
  std::uint64_t ready = 0;
  std::int64_t oldest_ms = 0;            // how long the one in front waits
  std::uint64_t workers = 0, slots = 0;  // of connected workers that have an agent for it
  std::uint64_t kept_out = 0;            // agents of connected workers that breakers keep from it
  std::uint64_t running = 0;
  double p50_ms = 0;             // of its agents, by their outcomes; 0: not known
  std::int64_t work_ms() const;  // until what is ready has begun; -1: not known
};

struct FleetFigures {
  std::int64_t watched_ms = 0;
  double utilisation = 0;  // share of slots that were busy, mean over the time watched
  std::uint64_t slots = 0, busy = 0;
  std::vector<AgentFigures> agents;
  std::vector<TypeFigures> types;
};

struct Advice {
  std::string what;     // a word for programs
  std::string message;  // what to do, and why
  std::vector<std::pair<std::string, std::variant<double, std::string>>> evidence;
};

// The type that keeps its work waiting longest against its supply; nothing waits: none.
const TypeFigures* bottleneck(const FleetFigures& fleet);
// The most pressing first, at most advice_max.
inline constexpr std::size_t advice_max = 20;
std::vector<Advice> advise(const FleetFigures& fleet);

}  // namespace hirehall::scheduler
