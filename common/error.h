// One error type and one result type for the whole tree.
// Bugs assert (common/check.h); the world returns errors. An Error says what happened (message), which input
// (context), and through its code what the caller should do (action_of).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace hirehall {

// The closed list of wire errors (docs/protocol.md). Numbers are never reused.
enum class Code : std::uint8_t {
  ok = 0,
  bad_message = 1,         // the frame or body cannot be decoded
  unsupported = 2,         // unknown message kind or feature
  version_mismatch = 3,    // no common protocol version
  unknown_session = 4,     // say hello first
  session_expired = 5,     // the producer record is gone; the outcome of unanswered batches is unknown
  denied = 6,              // the principal may not do this
  not_found = 7,           // no such task, queue, worker …
  conflict = 8,            // the same key with another payload, or another version of the same thing
  invalid = 9,             // a value is out of its range
  too_large = 10,          // over a stated size limit
  queue_full = 11,         // the queue's cap is reached
  dead_letters_full = 12,  // the queue's cap is taken by dead letters
  disk_full = 13,          // the free-space watermark refuses submits
  busy = 14,               // out of credit or a bounded table is full; try later
  out_of_order = 15,       // a batch number skipped one
  timeout = 16,            // the wait ended before the event
  stale = 17,              // the lease is over; the report changes nothing
  terminal = 18,           // the task has ended already
  expired = 19,            // it was there and its retention is over
  unavailable = 20,        // the broker is stopping or not ready
  not_leader = 21,         // reserved for replication
  moved = 22,              // reserved for sharding
  unreachable = 23,        // client side: no broker answers
  corrupt = 24,            // the store cannot be trusted
  io = 25,                 // a system call failed
  internal = 26,           // a bug, reported
  bad_answer = 27,         // an answer is not what the question takes
  not_unique = 42,         // the unique key is taken, and the rule is to refuse
  already_started = 43,    // what has the unique key has begun: it is neither replaced nor coalesced
};

enum class Action : std::uint8_t { none = 0, retry = 1, fix = 2, give_up = 3 };

inline constexpr std::size_t code_numbers = 64;  // all numbers lie below; some are not taken
bool is_code(std::uint64_t number);
std::string_view name_of(Code code);
std::string_view name_of(Action action);
Code code_from_name(std::string_view name);  // internal when unknown
Action action_of(Code code);

struct Error {
  Code code = Code::internal;
  std::string message;  // what happened and what to do
  std::string context;  // which input: file, key, id …
  std::int64_t retry_after_ms = 0;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

inline tl::unexpected<Error> fail(Code code, std::string message, std::string context = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(context), 0});
}

std::string describe(const Error& error);  // "code: message (context)"

}  // namespace hirehall
