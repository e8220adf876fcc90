// All chance of a world: one seeded stream, the same on every compiler.
#pragma once

#include <cstdint>
#include <vector>

namespace hirehall::sim {

using Micros = std::int64_t;
inline constexpr Micros ms = 1000;
inline constexpr Micros second = 1000 * ms;

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15ull;
    auto x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool permille(std::uint64_t n) { return below(1000) < n; }
  // Mostly short, seldom up to `most`: each halving is as likely as the one before it.
  Micros skewed(Micros most) {
    auto range = most >> below(8);
    return between(0, range);
  }
  template <typename T>
  const T& of(const std::vector<T>& some) {
    return some[below(some.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace hirehall::sim
