// An allocation that fails. Only a program that replaces operator new by one that asks `spent` has any
// (allocation_test.cpp); elsewhere this is a number that nobody reads.
#pragma once

#include <cstdint>
#include <utility>

namespace hirehall::sim {

struct Mishap {
  static constexpr std::int64_t never = -1;
  inline static std::int64_t left = never;  // allocations until one fails
  inline static std::uint64_t failed = 0;

  static bool spent() {
    if (left == never || left-- > 0) return false;
    left = never;
    ++failed;
    return true;
  }
};

// What is not the broker's has memory enough.
class NoMishap {
 public:
  NoMishap() : before_(std::exchange(Mishap::left, Mishap::never)) {}
  ~NoMishap() { Mishap::left = before_; }
  NoMishap(const NoMishap&) = delete;
  NoMishap& operator=(const NoMishap&) = delete;

 private:
  const std::int64_t before_;
};

}  // namespace hirehall::sim
