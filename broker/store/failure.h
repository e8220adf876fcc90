// The first error that ended a store; it stays.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "common/error.h"

namespace hirehall::store {

// Set and read by any thread.
class Failure {
 public:
  void set(Error error) {
    const std::lock_guard lock(mutex_);
    if (failed_.load(std::memory_order_relaxed)) return;
    first_ = std::move(error);
    failed_.store(true, std::memory_order_release);
  }
  std::optional<Error> get() const {
    if (!failed_.load(std::memory_order_acquire)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return first_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> failed_ = false;
  Error first_;
};

}  // namespace hirehall::store
