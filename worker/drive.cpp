#include "worker/drive.h"

#include <signal.h>

#include <algorithm>

#include "common/limits.h"
#include "worker/executor.h"

namespace hirehall::worker {

DriveEnd drive(Talk& talk, Watch& watch, const std::function<bool()>& listen,
               const std::function<void()>& ask) {
  DriveEnd end;
  Stage reached = Stage::run;
  std::string line;
  for (;;) {
    auto before = talk.incoming().size();
    end.answered = listen();
    if (talk.incoming().size() != before) watch.alive(monotonic_us());
    while (talk.take_line(line)) watch.log(line);
    if (end.answered) return end;
    if (talk.ended()) break;
    auto now = monotonic_us();
    auto stage = watch.stage(now);
    if (stage > reached) {
      if (reached == Stage::run) ask();
      if (stage >= Stage::terminate && reached < Stage::terminate) talk.child().signal(SIGTERM);
      if (stage == Stage::kill) break;  // Child::end kills and waits
      reached = stage;
    }
    talk.pump(watch.wake_fd(), watch.next_change(now));
    watch.acknowledge();
  }
  end.gone = true;
  end.how = talk.child().end();
  return end;
}

void add_death(const Attempt& attempt, const Watch& watch, const Talk& talk, const std::string& how,
               std::int64_t begun_us, Results& results) {
  OutcomeExtras extras;
  std::string error = watch.why() == Watch::Why::none ? how : watch.explanation();
  auto words = talk.last_words();
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r')) words.remove_suffix(1);
  if (watch.why() == Watch::Why::none && !words.empty()) error += ": " + std::string(words);
  error.resize(std::min(error.size(), limits::error_bytes_max));
  extras.error = error;
  if (watch.why() == Watch::Why::none) extras.error_code = how.starts_with("exit code") ? "exit" : "crashed";
  if (how == "out of memory") extras.error_code = "out_of_memory";
  if (watch.why() == Watch::Why::stall) extras.error_code = "hung";
  tell_times(begun_us, extras);
  results.add(attempt.token, watch.outcome(), {}, extras);
}

void add_no_start(const Attempt& attempt, const std::string& why, Results& results) {
  OutcomeExtras extras;
  extras.error_code = "bad_agent";
  extras.error = why;
  results.add(attempt.token, Outcome::failed, {}, extras);
}

}  // namespace hirehall::worker
