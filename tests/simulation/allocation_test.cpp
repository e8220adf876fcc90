// A failed allocation ends the broker (docs/operating.md, exit code 71). Wherever that happens, nothing that
// it had acknowledged is lost, and what it did not is not half there: the model judges as it does any crash.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "common/log.h"
#include "tests/simulation/mishap.h"
#include "tests/simulation/world.h"

// The sanitizers have allocators of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HIREHALL_OWN_ALLOCATOR
namespace {

void* allocate(std::size_t bytes) {
  if (hirehall::sim::Mishap::spent()) throw std::bad_alloc();
  void* place = std::malloc(bytes == 0 ? 1 : bytes);
  if (place == nullptr) throw std::bad_alloc();
  return place;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes);
}
void operator delete(void* place) noexcept {
  std::free(place);
}
void operator delete[](void* place) noexcept {
  std::free(place);
}
void operator delete(void* place, std::size_t) noexcept {
  std::free(place);
}
void operator delete[](void* place, std::size_t) noexcept {
  std::free(place);
}

#endif

namespace hirehall::sim {
namespace {

TEST(Allocation, ABrokerWhoseAllocationFailsEndsAndLosesNothing) {
#ifndef HIREHALL_OWN_ALLOCATOR
  GTEST_SKIP() << "allocations cannot be made to fail in a sanitized build";
#endif
  log::set_level(log::Level::off);
  const auto before = Mishap::failed;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    auto weather = Weather::of(seed);
    weather.allocation_failures = seed % 2 == 0 ? 3000 : 40000;
    auto report = World(seed, weather).run();
    ASSERT_FALSE(report.violation) << "seed " << seed << ": " << report.violation->invariant << " "
                                   << report.violation->text << "\n"
                                   << report.story;
  }
  const auto failed = Mishap::failed - before;
  RecordProperty("failed", static_cast<int>(failed));
  std::printf("%llu allocations failed\n", static_cast<unsigned long long>(failed));
  EXPECT_GT(failed, 1000u) << "the test tests little";
}

}  // namespace
}  // namespace hirehall::sim
