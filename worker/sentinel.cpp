#include "worker/sentinel.h"

#include <algorithm>
#include <chrono>

#include "worker/board.h"

namespace hirehall::worker {
namespace {

constexpr Micros interval_max_us = 500'000;
// A look that is this many intervals late says that the watcher itself did not run.
constexpr Micros late_intervals = 4;

}  // namespace

Micros LoopWatch::silent_for(Micros now, std::uint64_t turns) {
  const bool turned = !turns_ || *turns_ != turns;
  const Micros since = now - looked_at_;
  if (turned)
    silent_us_ = 0;
  else if (since <= late_intervals * interval_us_)
    silent_us_ += since;
  turns_ = turns;
  looked_at_ = now;
  return silent_us_;
}

Sentinel::Sentinel(Micros patience_us, std::function<void()> stuck)
    : patience_us_(patience_us), stuck_(std::move(stuck)), thread_([this] { watch(); }) {}

Sentinel::~Sentinel() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_all();
  thread_.join();
}

void Sentinel::watch() {
  const Micros interval = std::min(interval_max_us, patience_us_ / 4);
  LoopWatch loop(interval);
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, std::chrono::microseconds(interval), [this] { return ended_; })) {
    if (loop.silent_for(monotonic_us(), turns_.load(std::memory_order_relaxed)) < patience_us_) continue;
    lock.unlock();
    return stuck_();
  }
}

}  // namespace hirehall::worker
