#include "worker/executor.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>

namespace hirehall::worker {

Millis wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void tell_times(std::int64_t begun_us, OutcomeExtras& extras) {
  const Millis ran = (monotonic_us() - begun_us) / 1000;
  if (ran <= 0) return;
  extras.ended_at = wall_ms();
  extras.started_at = extras.ended_at - ran;
}

bool ended_before_begun(Board& board, const Attempt& attempt, Results& results) {
  if (!board.anything_revoked()) return false;
  auto revocation = board.revoked(attempt.token);
  if (revocation.why == Revocation::Why::none) return false;
  auto outcome = Outcome::interrupted;
  if (revocation.why == Revocation::Why::stop)
    outcome = revocation.reason == stop_for_timeout ? Outcome::timed_out : Outcome::cancelled;
  OutcomeExtras extras;
  extras.error = revocation.reason;
  results.add(attempt.token, outcome, {}, extras);
  return true;
}

Outcome settle(const Watch* watch, Outcome outcome, OutcomeExtras& extras, std::string& reason) {
  if (outcome == Outcome::suspended && extras.on.empty()) extras.on = "input";
  if (outcome != Outcome::cancelled) return outcome;
  if (watch == nullptr || watch->why() == Watch::Why::none) {
    extras.error_code = "bad_agent";
    extras.error = "the agent said it was cancelled, but nobody had asked it to stop";
    return Outcome::failed;
  }
  reason = watch->explanation();
  extras.error = reason;
  return watch->outcome();
}

void SingleExecutor::run(const Run& run, Results& results) {
  // What is done leaves before a long attempt begins: its neighbours must not wait for it.
  constexpr Micros held_back_us = 2000;
  auto since = monotonic_us();
  while (auto index = place_.board.next(place_.slot)) {
    const Attempt& a = run.award->attempts[*index];
    if (!ended_before_begun(place_.board, a, results)) attempt(a, run.award->shapes[a.shape], results);
    auto now = monotonic_us();
    if (now - since < held_back_us) continue;
    place_.board.done(place_.slot, results);
    since = now;
  }
}

std::unique_ptr<Executor> make_executor(const Definition& definition, const ExecutorPlace& place) {
  if (definition.kind == AgentKind::plugin)
    return definition.in_process ? make_inline_executor(definition, place)
                                 : make_plugin_executor(definition, place);
  return definition.per_task ? make_per_task_executor(definition, place)
                             : make_process_executor(definition, place);
}

Result<std::string> find_library(const Definition& definition, const std::vector<std::string>& folders) {
  namespace fs = std::filesystem;
  fs::path library(definition.library);
  std::vector<fs::path> candidates;
  if (library.is_absolute()) {
    candidates.push_back(library);
  } else {
    candidates.push_back(fs::path(definition.path).parent_path() / library);
    for (const auto& folder : folders) candidates.push_back(fs::path(folder) / library);
  }
  std::string tried;
  for (const auto& candidate : candidates) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return fs::absolute(candidate, error).string();
    tried += (tried.empty() ? "" : ", ") + candidate.string();
  }
  return fail(Code::not_found, "library: no such shared object; looked for " + tried, definition.path);
}

}  // namespace hirehall::worker
