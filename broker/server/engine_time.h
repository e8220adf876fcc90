// Engine time: milliseconds since the epoch that never go back. It runs with the monotonic clock, slewed by
// at most 10 % towards the wall clock. A wall step over 60 s is not believed at once: it moves only
// `calendar` (not-before, cron), and time to live, deadlines and retention are held until somebody accepts
// the step or an hour has passed. Pure: both clocks are arguments.
#pragma once

#include <cstdint>

#include "common/task.h"

namespace hirehall::server {

struct Tick {
  Millis engine = 0;     // of facts, leases, time to live, deadlines, retention
  Millis calendar = 0;   // the wall clock as it is now: of not-before and cron; may go back
  bool held = false;     // expire and delete nothing
  bool stepped = false;  // a step was noticed in this tick: log it
  Millis step_ms = 0;    // how far the wall is from what is believed, while held or when stepped
  // Engine time went forward by this much in one go (an accepted step): give every lease its full limit anew.
  Millis jumped_ms = 0;
};

class EngineClock {
 public:
  static constexpr Millis step_limit_ms = 60 * 1000;
  static constexpr Millis hold_limit_ms = 3600 * 1000;
  // At start a wall clock ahead of the last record is usually time spent switched off: believed up to this.
  static constexpr Millis downtime_believed_ms = 24 * 3600 * 1000;

  // `recorded` is the newest engine time in the store; 0 = a new store, which believes the wall clock.
  EngineClock(Millis recorded, std::int64_t monotonic_ms, std::int64_t wall_ms);

  Tick tick(std::int64_t monotonic_ms, std::int64_t wall_ms);
  // `hirehall clock accept`: believe the wall clock from the next tick on.
  void accept() { accepted_ = true; }

  Millis now() const { return engine_; }
  bool held() const { return held_; }
  std::uint64_t steps() const { return steps_; }

 private:
  bool notice(std::int64_t offset, Tick& tick);

  Millis engine_ = 0;
  std::int64_t monotonic_ = 0;
  std::int64_t believed_ = 0;  // wall − monotonic that engine time runs by
  std::int64_t doubted_ = 0;   // the same of the step in doubt, while held
  std::int64_t held_since_ = 0;
  std::int64_t offset_carry_ = 0;  // tenths of a millisecond of slew not yet used
  std::int64_t engine_carry_ = 0;
  std::uint64_t steps_ = 0;
  bool held_ = false;
  bool accepted_ = false;
};

}  // namespace hirehall::server
