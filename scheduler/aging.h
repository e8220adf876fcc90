// Priorities that cannot starve: a task gains one level of priority for each `aging_ms` it waits.
//
// Among tasks of one lane the order "higher aged priority first, then the longer wait" does not change while
// they all wait, because all age at the same speed. So it is a fixed number per task, its turn: the time at
// which it will have aged to the highest priority. Least turn first.
//
// Bound: let P be the highest priority and A the aging step. A task of priority p submitted at s has the turn
// s + (P−p)·A; whoever is submitted after that has a later turn. So nobody submitted more than (P−p)·A after
// a task is served before it, and where those before it have been served by then, it waits at most (P−p)·A
// and one service.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/limits.h"
#include "common/task.h"

namespace hirehall::scheduler {

inline constexpr Millis aging_off = 0;  // strict priorities; low ones may starve

// priority + waited / aging_ms, at most the highest priority plus `ceiling` (for showing; decisions take the
// turn).
constexpr std::int64_t aged_priority(std::int64_t priority, Millis waited, Millis aging_ms,
                                     std::int64_t ceiling = limits::priority_max) {
  if (aging_ms <= aging_off || waited <= 0) return priority;
  return std::min(priority + waited / aging_ms, limits::priority_max + ceiling);
}

// (P−p)·A: how much later a task may be submitted and still be served before this one.
constexpr Millis overtaking_bound(std::int64_t priority, Millis aging_ms) {
  return (limits::priority_max -
          std::clamp<std::int64_t>(priority, limits::priority_min, limits::priority_max)) *
         aging_ms;
}

// Least first. Without aging the priority stands above the time of submission (good for 2^59 ms).
constexpr std::uint64_t turn_of(std::int64_t priority, Millis submitted, Millis aging_ms) {
  const auto since = static_cast<std::uint64_t>(std::max<Millis>(submitted, 0));
  if (aging_ms <= aging_off) return (static_cast<std::uint64_t>(overtaking_bound(priority, 1)) << 59) + since;
  return since + static_cast<std::uint64_t>(overtaking_bound(priority, aging_ms));
}

}  // namespace hirehall::scheduler
