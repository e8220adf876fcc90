// Chance as an argument: a stream of numbers from a seed, the same everywhere (no std::*_distribution, whose
// results differ between libraries).
#pragma once

#include <cmath>
#include <cstdint>

namespace hirehall::scheduler {

// SplitMix64.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double normal();

 private:
  std::uint64_t state_;
};

// Standard normal distribution: the point below which a share `p` in (0, 1) lies, and the share below a
// point.
double normal_quantile(double p);
inline double normal_share(double z) {
  return 0.5 * std::erfc(-z * 0.70710678118654752);
}

inline double Stream::normal() {
  return normal_quantile(uniform());
}

inline double logistic(double log_odds) {
  return 1 / (1 + std::exp(-log_odds));
}
inline double log_odds(double probability) {
  return std::log(probability / (1 - probability));
}

}  // namespace hirehall::scheduler
