// Executors run attempts of one agent in one slot. There is one class per kind of agent; each lives in one
// slot thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "worker/attempt.h"
#include "worker/board.h"
#include "worker/definition.h"
#include "worker/watch.h"

namespace hirehall::worker {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs the slot's current run to its end (Board::next until nothing is left) and puts what came of each
  // attempt into `results`; may give them back early. Everything an agent does wrong is an outcome, never an
  // error of the worker.
  virtual void run(const Run& run, Results& results) = 0;
};

struct ExecutorPlace {
  Board& board;
  std::size_t slot = 0;
  std::string worker_program;               // our own executable: child processes of plugins are it again
  std::vector<std::string> plugin_folders;  // where libraries are looked for
};

std::unique_ptr<Executor> make_executor(const Definition& definition, const ExecutorPlace& place);

// The shared object of a plugin: its own path, beside the definition, or in a plugin folder.
Result<std::string> find_library(const Definition& definition, const std::vector<std::string>& folders);

// One kind each; make_executor chooses.
std::unique_ptr<Executor> make_inline_executor(const Definition&, const ExecutorPlace&);  // plugin_inline.cpp
std::unique_ptr<Executor> make_plugin_executor(const Definition&, const ExecutorPlace&);  // plugin_child.cpp
std::unique_ptr<Executor> make_process_executor(const Definition&, const ExecutorPlace&);   // process.cpp
std::unique_ptr<Executor> make_per_task_executor(const Definition&, const ExecutorPlace&);  // per_task.cpp

// For executors that run one attempt at a time: the loop around it. `attempt` writes exactly one result.
class SingleExecutor : public Executor {
 public:
  explicit SingleExecutor(ExecutorPlace place) : place_(std::move(place)) {}
  void run(const Run& run, Results& results) final;

 protected:
  virtual void attempt(const Attempt& attempt, const Shape& shape, Results& results) = 0;
  const ExecutorPlace place_;
};

// Wall-clock milliseconds, for the times that people read.
Millis wall_ms();
// When the attempt began and ends now; how long that was is measured by the clock that nobody sets. Of less
// than a millisecond nothing is said.
void tell_times(std::int64_t begun_us, OutcomeExtras& extras);

// What an agent's own word for its end counts as: who asked it to stop decides what "cancelled" is. `watch`
// may be null; `reason` is storage for the text that extras.error then views.
Outcome settle(const Watch* watch, Outcome outcome, OutcomeExtras& extras, std::string& reason);

// If the attempt has been revoked before it began, writes its result and returns true.
bool ended_before_begun(Board& board, const Attempt& attempt, Results& results);

}  // namespace hirehall::worker
