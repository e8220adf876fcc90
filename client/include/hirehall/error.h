// What can go wrong, as the broker says it (docs/protocol.md, section 1.1) or the library itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace hirehall::client {

// A closed list; numbers are never reused.
enum class ErrorCode : std::uint8_t {
  bad_message = 1,
  unsupported = 2,
  version_mismatch = 3,
  unknown_session = 4,
  session_expired = 5,  // the outcome of what was not answered is unknown
  denied = 6,
  not_found = 7,
  conflict = 8,  // the same idempotency key with another payload; `context` is the id of the first task
  invalid = 9,   // a value is out of its range; `context` names the option
  too_large = 10,
  queue_full = 11,
  dead_letters_full = 12,
  disk_full = 13,
  busy = 14,
  out_of_order = 15,
  timeout = 16,
  stale = 17,
  terminal = 18,  // the task has ended already
  expired = 19,   // it ended and its retention is over
  unavailable = 20,
  not_leader = 21,
  moved = 22,
  unreachable = 23,  // no broker answers
  corrupt = 24,
  io = 25,
  internal = 26,
  bad_answer = 27,       // an answer is not what the question takes
  not_unique = 42,       // the unique key is taken; `context` is the id of the task that has it
  already_started = 43,  // that task has begun: it is neither replaced nor coalesced
};

// What to do about an error: try again later, change the request, or accept it.
enum class Remedy : std::uint8_t { retry = 1, fix = 2, give_up = 3 };

std::string_view name_of(ErrorCode code);
Remedy remedy_of(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message = {};  // what happened and what to do
  std::string context = {};  // which input
  std::int64_t retry_after_ms = 0;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

}  // namespace hirehall::client
