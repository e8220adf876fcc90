// The loop around one attempt in a child process, whatever the child speaks: it moves bytes, passes on
// stderr, and brings an attempt that must end to its end: asked, then SIGTERM, then SIGKILL, and only then
// its outcome.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "worker/talk.h"
#include "worker/watch.h"

namespace hirehall::worker {

// What came of it. `gone`: the child is dead and reaped, `how` says how it ended.
struct DriveEnd {
  bool answered = false;  // `listen` was satisfied
  bool gone = false;
  std::string how;
};

// `listen` looks at talk.incoming() and returns true once the attempt has its answer; `ask` tells the child
// to stop. When the answer never comes, the child is dead on return.
DriveEnd drive(Talk& talk, Watch& watch, const std::function<bool()>& listen,
               const std::function<void()>& ask);

// Writes the outcome of an attempt whose child died without an answer.
void add_death(const Attempt& attempt, const Watch& watch, const Talk& talk, const std::string& how,
               std::int64_t begun_us, Results& results);
// Writes the outcome of an attempt that could not begin.
void add_no_start(const Attempt& attempt, const std::string& why, Results& results);

}  // namespace hirehall::worker
