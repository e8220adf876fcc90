// A task as the one who submits it sees it: its id, options, state and outcome.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hirehall/error.h"

namespace hirehall::client {

using Millis = std::int64_t;  // durations; times are milliseconds since the Unix epoch

// 16 opaque bytes; 26 characters for people.
struct TaskId {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
  std::string text() const;
  static Result<TaskId> parse(std::string_view text);  // invalid: not 26 digits of an id
};

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

std::string_view name_of(State state);
constexpr bool has_ended(State state) {
  return state >= State::succeeded;
}

// How long a unique key is taken: until the task starts, or ends; and what a submission does that finds it
// taken (docs/unique.md). Unsaid: until the end, and the same payload gives the id of the task that has it.
enum class UniqueUntil : std::uint8_t { unsaid = 0, start = 1, end = 2 };
enum class OnConflict : std::uint8_t { unsaid = 0, reject = 1, existing = 2, replace = 3, coalesce = 4 };

// What a task says of itself in a number or a word, for the hall to learn who does such tasks well
// (docs/features.md): {"tokens", 12000}, {"language", "de"}.
struct Feature {
  template <typename Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) Feature(Number value)
      : numeric(true), number(static_cast<double>(value)) {}
  Feature(std::string value) : word(std::move(value)) {}
  Feature(const char* value) : word(value) {}

  bool numeric = false;
  double number = 0;
  std::string word = {};
};
using Features = std::map<std::string, Feature>;

// What may be said about a task beside its payload. Zero or empty means "not given".
// Members have initializers, so that {.type = "echo"} compiles without a warning about the others.
struct TaskOptions {
  std::string type = {};          // what kind of work; agents declare the types they do
  std::string description = {};   // needed when there is no type
  std::string content_type = {};  // of the payload; application/json
  std::string queue = {};         // default
  std::string tenant = {};        // the principal's own
  int priority = 0;               // 1–10, 10 first; 5
  Millis delay_ms = 0;
  Millis not_before = 0;      // time
  Millis deadline = 0;        // time; queued or running after it: expired
  Millis ttl_ms = 0;          // queued longer than this: expired
  Millis timeout_ms = 0;      // of one attempt
  int max_attempts = 0;       // 3
  Millis backoff_ms = 0;      // 1,000, doubled with each failure
  Millis backoff_max_ms = 0;  // 600,000
  int max_losses = 0;         // 3 lost workers
  std::map<std::string, std::string> labels = {};
  std::vector<std::string> capabilities = {};  // the agent must have all of them
  std::vector<std::string> tools = {};
  std::map<std::string, std::string> required_labels = {};  // of the worker or its agent
  // Who has them gets it rather than others, which may get it too (docs/scheduler.md); at most 8.
  std::map<std::string, std::string> preferred_labels = {};
  std::int64_t tier = 0;                              // of the agent, at least
  std::map<std::string, std::string> resources = {};  // free on the worker: "gpu" → "1", "memory" → "8Gi"
  std::string agent = {};                             // preferred
  Features features = {};                             // at most 16
  std::string affinity_key = {};
  std::string unique_key = {};
  UniqueUntil unique_until = UniqueUntil::unsaid;
  Millis unique_for_ms = 0;  // the key is free again after this
  OnConflict on_conflict = OnConflict::unsaid;
  std::vector<std::string> limit_keys = {};
  std::string idempotency_key = {};  // the same key within 24 hours gives the first task's id
  Millis effort_ms = 0;
  Millis retention_ms = 0;
  std::string trace = {};       // W3C traceparent
  std::string tracestate = {};  // W3C, beside it
  std::string baggage = {};     // W3C, handed on to the agent
  bool at_most_once = false;
  std::string batch = {};     // counted together with the others of this name
  std::string approval = {};  // award, release or both: somebody has to approve it first
  Millis approval_timeout_ms = 0;
  std::string approval_on_timeout = {};     // fail, approve or reject
  std::vector<std::string> approvers = {};  // principals and role:NAME; operators and admins
};

// Why an attempt or a task did not succeed.
struct TaskError {
  std::string code = {};
  std::string message = {};
};

// One task as `get`, `wait` and `list` return it.
struct Task {
  TaskId id;
  State state = State::ready;
  std::string queue = {};
  std::string tenant = {};
  std::string type = {};
  int priority = 0;
  int attempt = 0;  // awards so far
  int failures = 0;
  int losses = 0;
  Millis submitted_at = 0;
  Millis not_before = 0;
  Millis finished_at = 0;
  std::string worker = {};  // while leased
  std::string agent = {};
  std::string payload = {};
  std::string result = {};
  std::string result_type = {};
  std::optional<TaskError> error = {};
  std::string reason = {};        // of a cancel
  std::string suspended_on = {};  // input, approval or signal
};

// One result of a subscription: views that live as long as the call that delivers them.
struct ResultView {
  TaskId id;
  State state = State::succeeded;
  std::string_view result = {};
  std::string_view result_type = {};
  std::string_view error_code = {};
  std::string_view error_message = {};
};

}  // namespace hirehall::client

template <>
struct std::hash<hirehall::client::TaskId> {
  std::size_t operator()(const hirehall::client::TaskId& id) const noexcept {
    std::size_t h = 0;
    for (auto b : id.bytes) h = h * 1099511628211u ^ b;
    return h;
  }
};
