// What comes into the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/body.h"
#include "broker/engine/facts.h"
#include "broker/engine/facts_inbox.h"
#include "broker/engine/queue_fields.h"
#include "broker/engine/records.h"
#include "scheduler/dispatcher.h"
#include "scheduler/prediction.h"

namespace hirehall::engine {

struct SubmitItem {
  std::uint32_t template_ = 0;
  std::string_view payload;
  std::int64_t priority = 0;             // 0: as the template
  std::string_view tenant, queue, type;  // empty: as the template
  std::string_view options;              // an encoded wire map, or empty
  const char* fault = nullptr;           // why it cannot be read: it is refused
};

// Idempotency records that the owner found in the store for keyed items; by encoded key. Absent: there is
// none.
using FoundKeys = std::map<std::string, KeyRecord, std::less<>>;

struct SubmitRequest {
  std::uint64_t producer = 0;
  std::uint64_t batch = 0;
  std::uint64_t acked = 0;
  std::span<const TemplateRef> templates;
  std::span<const SubmitItem> items;
  bool atomic = false;
  const FoundKeys* found = nullptr;
};

struct SubmitAnswer {
  Sequence first = 0;
  std::uint32_t count = 0;
  std::vector<Exception> exceptions;
};

struct FinishItem {
  std::uint64_t token = 0;
  Outcome outcome = Outcome::succeeded;
  std::string_view result, result_type, error_code, error, checkpoint, usage;
  std::string_view service;  // of a failure: the outside service whose fault it is
  Millis delay_ms = 0;
  // As its worker has measured. Not said, by one that says everything from a millisecond on: less than that.
  static constexpr Millis not_said = -1, not_measured = -2;
  Millis ran_ms = not_said;
  Millis ran(bool timed) const { return timed && ran_ms == not_said ? 0 : ran_ms; }
  SuspendedOn on = SuspendedOn::none;
  struct Question {  // of a suspended one
    std::string_view text;
    bool faulty = false;  // it is no question: refused
    Millis timeout_ms = 0;
    bool has_default = false;
    std::string default_value;
  };
  Question question;
};

// What somebody says to a suspended task.
struct Decision {
  Deed deed = Deed::answered;
  std::string_view by, reason;
  std::string_view value;  // the answer; with an edit the new payload or result
};

// A task that outlives its neighbours, when these are forgotten.
struct Straggler {
  Sequence sequence = 0;
  bool dead = false;      // a dead letter: its end is copied too
  std::string body, end;  // values for the store: straggler_body, straggler_end
};

// What the store says of a task that is neither leased nor ended (the owner reads it, see load.h).
// Where a task came from, for those that carry a trace.
struct TraceOrigin {
  std::string trace, tracestate;
  Millis submitted = 0;
};

struct LoadedTask {
  bool found = false;
  std::uint64_t view_commit = 0;  // the picture it was read from
  State state = State::ready;     // scheduled, ready or suspended, as of then
  Place place;
  Tries tries;
  std::uint64_t producer = 0;
  Millis due = 0;
  Millis not_before = 0;                           // as submitted
  std::shared_ptr<const QuestionRecord> question;  // while it is suspended
  std::shared_ptr<const TraceOrigin> origin;       // of one that carries a trace
};

// Names of queues that a worker may serve, also of queues that do not exist yet; nothing: all.
using QueueScope = std::optional<std::vector<std::string>>;

// One value of a queue that is not as a file wants it.
struct QueueChange {
  std::string queue, name;
  std::optional<std::int64_t> from, to;
  bool kept = false;  // as it is: somebody has set it by hand
};

struct Registration {
  std::string name;
  std::string principal;
  scheduler::WorkerSpec spec;
  QueueScope queues;
  QueueScope types;  // that it may do, beside those that its agents list; nothing: all
  std::uint32_t credit = 1;
  bool timed = false;  // it says how long attempts ran that took a millisecond or more
  std::string resume;  // worker token of an earlier registration
  std::string token;   // to be given to a new worker
  std::uint64_t last_award = 0;
  std::vector<std::uint64_t> holding;  // tokens
};

// What the clocks say at the beginning of a turn.
struct Moment {
  Millis now = 0;        // engine time
  Millis calendar = 0;   // the wall clock; 0: as engine time
  Millis jumped_ms = 0;  // engine time went forward by this much at once
  bool held = false;     // the wall clock is in doubt: nothing expires and nothing is forgotten
  bool full = false;     // the disk is: schedules submit nothing
  const scheduler::Prediction* learned = nullptr;  // of the agents; stays until the next turn
};

struct Registered {
  std::uint32_t worker = 0;
  std::string token;
  bool resumed = false;
  std::uint64_t next_finish = 1;
  std::vector<std::uint64_t> lost;
};

}  // namespace hirehall::engine
