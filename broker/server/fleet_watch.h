// How the fleet has done lately, for `hirehall stats`: the last ends of each agent at each type, and how much
// of its slots was busy. In memory only, from the start of the broker on: an aid, and no fact.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/task.h"
#include "scheduler/trend.h"

namespace hirehall::server {

class FleetWatch {
 public:
  static constexpr std::size_t tracks_max = 4096;  // agents and types; 1 KiB each
  static constexpr Millis remembered_ms =
      3'600'000;  // of what was busy, the last hour has most of the weight

  void ended(std::string_view agent, std::string_view type, bool success, Millis took);
  void forget(std::string_view agent);
  scheduler::TrendTest trend(std::string_view agent, std::string_view type) const;
  void sample(Millis now, std::uint64_t busy, std::uint64_t slots);
  double utilisation() const { return slots_ > 0 ? busy_ / slots_ : 0; }
  Millis watched(Millis now) const;

 private:
  std::map<std::string, std::map<std::string, scheduler::Track, std::less<>>, std::less<>>
      tracks_;  // agent, type
  std::size_t count_ = 0;
  double busy_ = 0, slots_ = 0;  // slot milliseconds
  Millis first_ = -1, last_ = -1;
};

}  // namespace hirehall::server
