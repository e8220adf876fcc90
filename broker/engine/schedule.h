// Schedules: tasks that are submitted again and again, by cron or each so many milliseconds
// (docs/schedules.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/facts_frame.h"
#include "broker/engine/zone.h"
#include "common/ids.h"
#include "common/task.h"

namespace hirehall::engine {

// What becomes of a tick while the task of the one before it has not ended.
enum class Overlap : std::uint8_t {
  allow = 0,   // both run
  skip = 1,    // it is left out
  queue = 2,   // it fires when the other has ended
  cancel = 3,  // the other is cancelled; it fires when that has ended
};
// What becomes of ticks that were missed: the broker was down, the disk full, the clock stepped.
enum class CatchUp : std::uint8_t {
  last = 0,  // the latest of them fires
  skip = 1,  // none that is over a minute late
  all = 2,   // all, at most catch_up_max, the latest ones
};
std::string_view name_of(Overlap overlap);
std::string_view name_of(CatchUp catch_up);
std::optional<Overlap> overlap_from_name(std::string_view name);
std::optional<CatchUp> catch_up_from_name(std::string_view name);

struct ScheduleSpec {
  std::string cron;     // or:
  Millis every_ms = 0;  // by engine time
  std::string zone;     // of cron; empty: UTC
  Overlap overlap = Overlap::allow;
  CatchUp catch_up = CatchUp::last;
  std::uint32_t catch_up_max = 10;
  Millis jitter_ms = 0;  // a tick fires up to so much later
  std::string options;   // of its tasks, encoded
  std::string payload;

  template <typename A>
  void archive(A& a) {
    a(cron, every_ms, zone, overlap, catch_up, catch_up_max, jitter_ms, options, payload);
  }
  friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
};
std::string encode_spec(const ScheduleSpec& spec);

struct TriggerKey {
  std::string key;
  Sequence sequence = 0;
  template <typename A>
  void archive(A& a) {
    a(key, sequence);
  }
};

struct Schedule {
  ScheduleSpec spec;
  std::string by;  // principal that set it last
  Millis created = 0, changed = 0;
  std::string filed;  // the encoded spec that the file of schedules wants; empty: it says nothing
  bool paused = false;
  std::string pause_reason;
  Millis anchor = 0;     // of every: ticks are anchor + n * every_ms
  Millis next = 0;       // tick; 0: not known, its zone is missing
  Millis last_tick = 0;  // that fired
  Millis fired_at = 0;
  Sequence last_task = 0;
  std::vector<Millis> waiting;  // ticks that fire when the last task has ended
  std::uint64_t fired = 0, missed = 0, overlapped = 0, refused = 0;
  std::string error;                 // why the latest tick was refused
  std::vector<TriggerKey> triggers;  // of the latest triggers by hand: asked again they give the same task

  template <typename A>
  void archive(A& a) {
    a(spec, by, created, changed, filed, paused, pause_reason, anchor, next, last_tick, fired_at, last_task,
      waiting, fired, missed, overlapped, refused, error, triggers);
  }
  bool by_calendar() const { return spec.every_ms == 0; }
};
using Schedules = std::map<std::string, Schedule, std::less<>>;

// What the file of schedules has changed, or left to whoever has set it by hand.
struct ScheduleChange {
  enum class What : std::uint8_t { made, changed, deleted, kept };
  std::string name;
  What what = What::made;
};

// What the engine knows of schedules beside the ledger; not durable.
struct ScheduleWatch {
  std::map<std::string, Zone, std::less<>> zones;
  Millis calendar_due = 0, engine_due = 0;  // the next tick by either clock
  Millis latest_calendar = 0;
  std::set<std::string, std::less<>> waiting;  // names of schedules whose ticks wait for a task
  std::set<Sequence> cancelling;               // tasks that are looked up to be cancelled
};

// How much later than its instant a tick fires: the same in every life of the broker.
Millis jitter_of(std::string_view name, Millis tick, Millis jitter_ms);

// --- facts ---

struct ScheduleSet {
  static constexpr auto kind = FactKind::schedule_set;
  std::string name;
  ScheduleSpec spec;
  std::string by;
  Millis anchor = 0, next = 0;
  template <typename A>
  void archive(A& a) {
    a(name, spec, by, anchor, next);
  }
};

struct ScheduleDeleted {
  static constexpr auto kind = FactKind::schedule_deleted;
  std::string name;
  template <typename A>
  void archive(A& a) {
    a(name);
  }
};

struct FiredTick {
  Millis tick = 0;
  Sequence sequence = 0;
  template <typename A>
  void archive(A& a) {
    a(tick, sequence);
  }
};

// Ticks up to `next` were dealt with: fired as these tasks (submitted in the same commit), put off, or
// counted.
struct ScheduleTicked {
  static constexpr auto kind = FactKind::schedule_ticked;
  std::string name;
  Millis next = 0;
  std::vector<FiredTick> ticks;
  std::vector<Millis> waiting;
  std::uint64_t missed = 0, overlapped = 0, refused = 0;
  std::string error;
  template <typename A>
  void archive(A& a) {
    a(name, next, ticks, waiting, missed, overlapped, refused, error);
  }
};

struct ScheduleHeld {
  static constexpr auto kind = FactKind::schedule_held;
  std::string name;
  bool on = true;
  std::string reason;
  Millis next = 0;
  template <typename A>
  void archive(A& a) {
    a(name, on, reason, next);
  }
};

struct ScheduleFiled {
  static constexpr auto kind = FactKind::schedule_filed;
  std::string name, filed;
  template <typename A>
  void archive(A& a) {
    a(name, filed);
  }
};

struct ScheduleTriggered {
  static constexpr auto kind = FactKind::schedule_triggered;
  std::string name, key;
  Sequence sequence = 0;
  template <typename A>
  void archive(A& a) {
    a(name, key, sequence);
  }
};

}  // namespace hirehall::engine
