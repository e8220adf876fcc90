// Watches the loop that watches the work. Heartbeats come from the session loop, which runs no attempt and
// can deliver what they come to; when that loop hangs, a worker that still looked alive would hold its tasks
// for nothing. A thread of its own notices, says `stuck` and ends the process, and the leases go to others.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "worker/attempt.h"

namespace hirehall::worker {

// How long a loop has not turned, as far as its watcher can know: while the watcher did not run either (the
// process was stopped, the machine slept) nothing counts against the loop.
class LoopWatch {
 public:
  explicit LoopWatch(Micros interval_us) : interval_us_(interval_us) {}
  // Looked at each interval. `turns` changes whenever the loop has turned.
  Micros silent_for(Micros now, std::uint64_t turns);

 private:
  const Micros interval_us_;
  std::optional<std::uint64_t> turns_;
  Micros looked_at_ = 0;
  Micros silent_us_ = 0;
};

class Sentinel {
 public:
  // `stuck` is called once, from the sentinel's thread, when the loop has not turned for `patience_us`.
  Sentinel(Micros patience_us, std::function<void()> stuck);
  ~Sentinel();
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;

  void turned() { turns_.fetch_add(1, std::memory_order_relaxed); }  // by the loop, each turn

 private:
  void watch();

  const Micros patience_us_;
  const std::function<void()> stuck_;
  std::atomic<std::uint64_t> turns_{0};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace hirehall::worker
