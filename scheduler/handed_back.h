// A task whose worker handed it back: who that was, and who came next in that award.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "scheduler/dispatcher.h"
#include "scheduler/prices.h"

namespace hirehall::scheduler {

struct HandedBack {
  WorkerNo by = none;
  WorkerNo runner_up = none;       // none: there was nobody else
  std::uint64_t agent_hash = 0;    // of the runner-up; 0: any of its agents
  std::optional<Micros> bid = {};  // that it made live for that award; nothing: its price function tells
  std::uint64_t round = 0;         // of live bids, in which it did
};

// To whom the next award of such a task went.
enum class WentTo : std::uint8_t {
  anew = 0,       // nothing was handed back
  runner_up = 1,  // of the award before
  another = 2,    // it could not take it: to the best of the others
  same = 3,       // nobody else could: whoever handed it back has it again
};
inline constexpr std::uint8_t went_to_count = 4;
std::string_view name_of(WentTo to);

}  // namespace hirehall::scheduler
