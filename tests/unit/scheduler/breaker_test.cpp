// Circuit breakers, fallbacks, and what fits on a worker.
#include "scheduler/breaker.h"

#include <limits>

#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Breaker opened(Millis at) {
  Breaker breaker;
  for (int i = 0; i < 5; ++i) breaker.failed(at);
  return breaker;
}

TEST(Breaker, OpensAfterFailuresInARow) {
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(0);
  breaker.succeeded(0);
  for (int i = 0; i < 4; ++i) breaker.failed(0);
  EXPECT_EQ(breaker.state(0), BreakerState::closed);
  breaker.failed(0);
  EXPECT_EQ(breaker.state(0), BreakerState::open);
  EXPECT_FALSE(breaker.admits(29'999));
  EXPECT_EQ(breaker.admits_at(10), 30'000);
  EXPECT_EQ(breaker.state(30'000), BreakerState::half_open);
}

TEST(Breaker, ClosesAfterAllProbesSucceeded) {
  auto breaker = opened(0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(breaker.admits(30'000));
    breaker.began(30'000);
  }
  EXPECT_FALSE(breaker.admits(30'000)) << "three probes are under way";
  for (int i = 0; i < 3; ++i) breaker.succeeded(31'000);
  EXPECT_EQ(breaker.state(31'000), BreakerState::closed);
}

TEST(Breaker, FewerProbesThanHaveSucceededLeaveOneToGo) {
  Breaker breaker({1, 1000, 3});
  breaker.failed(0);
  for (int i = 0; i < 2; ++i) breaker.began(1000), breaker.succeeded(1000);
  breaker.adjust({1, 1000, 1});
  EXPECT_EQ(breaker.room(1000), 1u);
  breaker.began(1000);
  breaker.succeeded(1000);
  EXPECT_EQ(breaker.state(1000), BreakerState::closed);
}

TEST(Breaker, OneFailedProbeOpensItAnew) {
  auto breaker = opened(0);
  breaker.began(30'000);
  breaker.failed(30'500);
  EXPECT_EQ(breaker.state(60'000), BreakerState::open);
  EXPECT_EQ(breaker.state(60'500), BreakerState::half_open);
  EXPECT_TRUE(breaker.admits(60'500));
}

TEST(Breaker, LateNewsFromBeforeTheOpeningChangesNothing) {
  auto breaker = opened(0);
  breaker.failed(100);
  EXPECT_EQ(breaker.admits_at(100), 30'000);
  breaker.failed(30'000);
  breaker.succeeded(30'000);
  EXPECT_EQ(breaker.state(30'000), BreakerState::half_open);
  for (int i = 0; i < 3; ++i) breaker.began(30'000);
  breaker.gave_back(30'000);
  EXPECT_TRUE(breaker.admits(30'000)) << "an interrupted probe is no answer";
}

TEST(Breaker, AnUpstreamMayAskForAPause) {
  Breaker breaker;
  breaker.pause_until(5'000);
  breaker.pause_until(2'000);
  EXPECT_FALSE(breaker.admits(4'999));
  EXPECT_EQ(breaker.admits_at(1), 5'000);
  EXPECT_TRUE(breaker.admits(5'000));
  breaker.pause_until(9'000);
  breaker.reset();
  EXPECT_TRUE(breaker.admits(6'000));
}

TEST(Breaker, ResetClosesIt) {
  auto breaker = opened(0);
  breaker.reset();
  EXPECT_EQ(breaker.state(0), BreakerState::closed);
  EXPECT_TRUE(breaker.admits(0));
}

TEST(Breaker, SettingsOfZeroAreRefusedByName) {
  EXPECT_TRUE(check(BreakerSettings{}));
  EXPECT_TRUE(check(agent_breaker));
  EXPECT_EQ(check({.failures = 0}).error().context, "failures");
  EXPECT_EQ(check({.probes = 0}).error().context, "probes");
  EXPECT_EQ(check({.open_ms = 0}).error().code, Code::invalid);
}

TEST(Breaker, FallbacksAreTriedInTheirOrder) {
  Breaker good, also_good;
  auto bad = opened(0);
  EXPECT_EQ(first_admitted({&bad, &good, &also_good}, 10), 1u);
  EXPECT_EQ(first_admitted({&bad, &bad}, 10), 2u);
  EXPECT_EQ(first_admitted({&bad, &good}, 30'000), 0u);
}

}  // namespace
}  // namespace hirehall::scheduler
