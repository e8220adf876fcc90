#include "broker/server/engine_time.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace hirehall::server {
namespace {

// How far a clock may be moved in `elapsed`: a tenth of it. `carry` keeps what is left over from the
// division, and no more, so that quiet hours do not save up for a jump.
std::int64_t slew(std::int64_t elapsed, std::int64_t wanted, std::int64_t& carry) {
  carry += elapsed;
  const std::int64_t most = carry / 10;
  carry %= 10;
  return std::clamp(wanted, -most, most);
}

}  // namespace

EngineClock::EngineClock(Millis recorded, std::int64_t monotonic_ms, std::int64_t wall_ms)
    : engine_(recorded), monotonic_(monotonic_ms) {
  const std::int64_t ahead = wall_ms - recorded;
  const bool believe_wall = recorded == 0 || (ahead >= -step_limit_ms && ahead <= downtime_believed_ms);
  believed_ = (believe_wall ? wall_ms : recorded) - monotonic_ms;
  engine_ = believe_wall ? std::max(recorded, wall_ms) : recorded;
}

Tick EngineClock::tick(std::int64_t monotonic_ms, std::int64_t wall_ms) {
  Tick tick;
  const std::int64_t elapsed = std::max<std::int64_t>(0, monotonic_ms - monotonic_);
  monotonic_ += elapsed;
  const std::int64_t offset = wall_ms - monotonic_;

  const bool believe = notice(offset, tick);
  if (believe) {
    believed_ = offset;
  } else if (!held_) {
    believed_ += slew(elapsed, offset - believed_, offset_carry_);
  }
  // Equal to running by the believed wall clock, unless engine time is ahead of it after a step back: then it
  // goes slow.
  const std::int64_t behind = monotonic_ + believed_ - (engine_ + elapsed);
  const std::int64_t jump = believe ? std::max<std::int64_t>(0, behind) : 0;
  engine_ += elapsed + jump + slew(elapsed, behind - jump, engine_carry_);

  tick.jumped_ms = jump;
  tick.engine = engine_;
  tick.calendar = wall_ms;
  tick.held = held_;
  if (held_) tick.step_ms = offset - believed_;
  return tick;
}

// Sees whether the wall clock has stepped or came back; true when a step is to be believed now.
bool EngineClock::notice(std::int64_t offset, Tick& tick) {
  const bool accepted = std::exchange(accepted_, false);
  if (std::abs(offset - believed_) <= step_limit_ms) {
    held_ = false;
    return false;
  }
  if (!held_ || std::abs(offset - doubted_) > step_limit_ms) {
    held_ = true;
    tick.stepped = true;
    tick.step_ms = offset - believed_;
    ++steps_;
    doubted_ = offset;
    held_since_ = monotonic_;
  }
  if (!accepted && monotonic_ - held_since_ < hold_limit_ms) return false;
  held_ = false;
  return true;
}

}  // namespace hirehall::server
