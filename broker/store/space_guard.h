// Watches the disk and holds a reserve on it, so that a full disk refuses new work while running work can
// still end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "broker/store/store.h"

namespace hirehall::store {

struct SpaceLimits {
  std::uint64_t free_bytes_min = 1ull << 30;  // at most a tenth of a small disk
  unsigned free_percent_min = 2;
  std::uint64_t reserve_bytes = 64ull << 20;  // at most a hundredth of a small disk
  bool free_bytes_exact = false;              // somebody asked for just free_bytes_min, on a small disk too
};

// Free and total bytes of the file system that holds a directory.
Result<Space> measure_disk(const std::string& directory);

// measure() is called by one thread at a time; the rest by any.
class SpaceGuard {
 public:
  using Probe = std::function<Result<Space>(const std::string& directory)>;
  SpaceGuard(std::string directory, std::string reserve_path, SpaceLimits limits, Probe probe = measure_disk);

  // Looks at the disk, closes or opens admission, gives the reserve up or takes it back.
  Status measure();
  Space space() const;
  bool admits() const { return admits_.load(std::memory_order_relaxed); }
  bool holds_reserve() const { return holds_reserve_.load(std::memory_order_relaxed); }

 private:
  void take_reserve(std::uint64_t bytes);
  void release_reserve();

  const std::string directory_;
  const std::string reserve_path_;
  const SpaceLimits limits_;
  const Probe probe_;
  std::atomic<std::uint64_t> free_ = 0;
  std::atomic<std::uint64_t> total_ = 0;
  std::atomic<std::uint64_t> used_ = 0;
  std::atomic<bool> admits_ = true;
  std::atomic<bool> holds_reserve_ = false;
};

}  // namespace hirehall::store
