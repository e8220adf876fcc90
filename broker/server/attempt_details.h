// What attempts tell of themselves while they run: progress, log lines, pieces of output. For those who look
// on: kept in memory, bounded per task and in all, and gone with the broker. What had to go is counted. One
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/ids.h"
#include "common/task.h"

namespace hirehall::server {

class AttemptDetails {
 public:
  struct Settings {
    std::size_t task_bytes = limits::log_bytes_per_attempt_max;
    std::size_t all_bytes = 32u << 20;
    int progress_per_second = limits::progress_per_second_max;
  };
  struct Line {
    std::uint64_t position = 0;  // rises from line to line, over restarts of the broker too
    Millis at = 0;
    std::uint32_t attempt = 0;
    bool output = false;  // a piece of the result, not a remark
    std::string text;
  };
  struct Progress {
    std::uint64_t done = 0, total = 0;
    std::string message;
    Millis at = 0;
    std::uint32_t attempt = 0;
  };
  struct Task {
    std::deque<Line> lines;
    std::size_t bytes = 0;
    std::uint64_t gone_up_to = 0;  // lines up to this position may be missing
    std::optional<Progress> progress;
    Millis second = 0;  // reports of progress in this one …
    int in_this_second = 0;
    std::list<Sequence>::iterator turn;
  };
  struct Counts {
    std::uint64_t lines = 0, lines_gone = 0, progress = 0, progress_dropped = 0;
  };

  // Positions begin above those of earlier lives of the broker when `first` is made of the time.
  AttemptDetails(Settings settings, std::uint64_t first)
      : settings_(settings), next_(first), evicted_up_to_(first - 1) {}

  // False: more often than is kept.
  bool progress(Sequence sequence, Progress report);
  void line(Sequence sequence, std::uint32_t attempt, Millis now, std::string_view text, bool output);

  const Task* of(Sequence sequence) const;  // nothing: it has told nothing, or that is gone
  const Counts& counts() const { return counts_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Task& touched(Sequence sequence);
  void drop_front(Task& task);
  void make_room(Sequence keep);

  Settings settings_;
  std::unordered_map<Sequence, Task> tasks_;  // never iterated
  std::list<Sequence> turns_;                 // the one touched longest ago first
  std::size_t bytes_ = 0;
  std::uint64_t next_;
  std::uint64_t evicted_up_to_;
  Counts counts_;
};

}  // namespace hirehall::server
