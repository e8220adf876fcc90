// What a task is: its states, its options, the outcomes of its attempts.
// Options travel in two msgpack forms: with string keys on the wire (docs/protocol.md) and with the numbers
// below in the store (docs/storage.md). Only non-default options are written; unknown stored numbers are
// kept.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/limits.h"
#include "common/msgpack.h"
#include "common/unique.h"

namespace hirehall {

using Millis = std::int64_t;  // engine time: milliseconds since the epoch that never go back

enum class State : std::uint8_t {
  scheduled = 1,
  ready = 2,
  leased = 3,
  suspended = 4,
  succeeded = 5,
  failed = 6,
  cancelled = 7,
  expired = 8,
};
inline constexpr std::size_t state_count = 9;  // slot 0 is unused

std::string_view name_of(State state);
std::optional<State> state_from_name(std::string_view name);
constexpr bool terminal(State s) {
  return s >= State::succeeded;
}

enum class SuspendedOn : std::uint8_t { none = 0, input = 1, approval = 2, signal = 3, children = 4 };
std::string_view name_of(SuspendedOn on);

// What an attempt came to. The first eight are reported by workers; lost and interrupted also by the broker.
enum class Outcome : std::uint8_t {
  succeeded = 0,
  failed = 1,        // may be retried
  failed_final = 2,  // may not
  timed_out = 3,
  interrupted = 4,  // handed back; counts against nothing
  cancelled = 5,
  snoozed = 6,    // run again after a delay; counts against nothing
  suspended = 7,  // waits for an answer; counts against nothing
  lost = 8,       // the worker went away with it
};
inline constexpr std::uint8_t outcome_count = 9;
std::string_view name_of(Outcome outcome);

enum class Delivery : std::uint8_t { at_least_once = 0, at_most_once = 1 };

using StringMap = std::map<std::string, std::string, std::less<>>;

// What a worker's agent must have before it may be offered the task, beside being able to do its type.
struct Requirements {
  std::vector<std::string> capabilities;
  std::vector<std::string> tools;
  StringMap labels;  // of the worker or agent
  std::int64_t tier = 0;
  StringMap resources;  // name → amount, as given

  bool empty() const;
  friend bool operator==(const Requirements&, const Requirements&) = default;
};

struct RetryPolicy {
  std::int64_t max_attempts = limits::attempts_default;
  Millis backoff_ms = 1000;  // doubles with each failure, full jitter
  Millis backoff_max_ms = 600000;
  std::int64_t max_losses = limits::losses_max_default;

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// Everything a submitter may say about a task, beside the payload. Zero or empty means "not given".
struct TaskOptions {
  std::string type;                             // 2
  std::string description;                      // 3
  std::string content_type;                     // 4, application/json when empty
  std::string queue;                            // 5, `default` when empty
  std::string tenant;                           // 6, the principal's own when empty
  std::int64_t priority = 0;                    // 8, 5 when 0
  Millis delay_ms = 0;                          // wire only; becomes not_before
  Millis not_before = 0;                        // 9
  Millis deadline = 0;                          // 10
  Millis ttl_ms = 0;                            // 11, how long it may stay queued
  Millis timeout_ms = 0;                        // 12, of one attempt
  RetryPolicy retry;                            // 13–16
  StringMap labels;                             // 17
  std::string context;                          // 18, an encoded msgpack map, kept as it came
  Requirements requirements;                    // 19
  std::string agent;                            // 20, preferred
  std::string affinity_key;                     // 21
  std::vector<std::string> limit_keys;          // 22
  std::string unique_key;                       // 23
  std::string idempotency_key;                  // 24
  std::int64_t effort_ms = 0;                   // 25, estimated
  std::string budget;                           // 26, encoded, kept as it came
  std::string policies;                         // 27, validation and approval, encoded
  Millis retention_ms = 0;                      // 28, of the result; the queue's when 0
  std::string trace;                            // 29, W3C traceparent
  std::string tracestate;                       // 58, of the systems that the trace came through
  std::string baggage;                          // 59, W3C baggage, handed on
  std::string features;                         // 60, an encoded msgpack map (common/task_features.h)
  StringMap preferred_labels;                   // 61, of the worker or agent: counts for it, keeps none out
  std::string parent;                           // 30, task id text
  std::string workflow;                         // 31, run/step
  std::string trigger;                          // 32
  std::string replay_of;                        // 33, task id text
  std::string schema;                           // 34, digest/version of the payload's schema
  Delivery delivery = Delivery::at_least_once;  // 35
  std::string submitter;                        // 7, the principal; set by the broker
  std::string batch;                            // 40, name of the batch that it counts in
  UniqueUntil unique_until = UniqueUntil::unsaid;  // 50, how long the unique key is taken
  Millis unique_for_ms = 0;                        // 51, and for how long at most
  OnConflict on_conflict = OnConflict::unsaid;     // 52, what a submission does that finds it taken
  std::uint64_t producer = 0;  // 36, the producer record that submitted it; set by the broker
  std::string unknown;         // stored pairs with numbers of a newer version, encoded

  // Its unique key goes by a rule of its own, which memory keeps (broker/engine/unique.h).
  bool unique_by_rule() const {
    return !unique_key.empty() &&
           (unique_until != UniqueUntil::unsaid || unique_for_ms != 0 || on_conflict != OnConflict::unsaid);
  }
  friend bool operator==(const TaskOptions&, const TaskOptions&) = default;
};

// Reads a wire map of options over `options` (what is not named keeps its value). Unknown keys are ignored.
// The reader fails on malformed bytes; a value out of range is `invalid` and names the option.
Status read_wire_options(msgpack::Reader& reader, TaskOptions& options);
void write_wire_options(msgpack::Writer& writer, const TaskOptions& options);

// The stored form. `encode_options` gives the same bytes for equal options.
std::string encode_options(const TaskOptions& options);
Result<TaskOptions> decode_options(std::string_view bytes);
// Only what differs from `base`; merging it over `base` gives `options` again.
std::string encode_difference(const TaskOptions& options, const TaskOptions& base);
Result<TaskOptions> merge_options(TaskOptions base, std::string_view difference);

// Ranges that do not depend on the broker's state; names the option, the value and the accepted range.
Status validate(const TaskOptions& options);

}  // namespace hirehall
