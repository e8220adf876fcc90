// Durations of one kind, and the figures that are quoted of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hirehall::bench {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: comparable between processes of one machine

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}
inline double seconds_since(std::int64_t start_ns) {
  return static_cast<double>(now_ns() - start_ns) / 1e9;
}

double median(std::vector<double> values);  // of an even number: the mean of the two in the middle; 0 of none

class Samples {
 public:
  void add(std::int64_t ns) { ns_.push_back(ns); }
  void add(const Samples& other) { ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end()); }
  std::size_t size() const { return ns_.size(); }
  double percentile_ms(double percent);  // nearest rank; 0 of none

 private:
  std::vector<std::int64_t> ns_;
};

// Many durations in little memory: buckets of 1/16 of a power of two, so a percentile is at most 7 % too
// high.
class Histogram {
 public:
  void add(std::int64_t ns, std::uint64_t count);
  double percentile_ms(double percent) const;

 private:
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(64 * 16);
  std::uint64_t total_ = 0;
};

}  // namespace hirehall::bench
