// Fixed worlds, and that a seed is a world (I18). The roaming worlds are tests of hirehall-sim itself.
#include <gtest/gtest.h>

#include "common/log.h"
#include "tests/simulation/run.h"

namespace hirehall::sim {
namespace {

class Simulation : public testing::Test {
 protected:
  Simulation() { log::set_level(log::Level::off); }
  static void expect_kept(const Report& report) { EXPECT_FALSE(report.violation) << describe(report); }
};

TEST_F(Simulation, FairWeatherKeepsEveryPromise) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    World world(seed, Weather::fair());
    expect_kept(world.run());
  }
}

TEST_F(Simulation, OneSeedIsOneWorld) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    auto once = run_seed(seed);
    auto again = run_seed(seed);
    ASSERT_EQ(once.hash, again.hash) << "seed " << seed;
    ASSERT_EQ(once.events, again.events) << "seed " << seed;
    expect_kept(once);
  }
}

TEST_F(Simulation, SeedsDiffer) {
  EXPECT_NE(run_seed(1).hash, run_seed(2).hash);
}

TEST_F(Simulation, WorldsAreNotTrivial) {
  std::uint64_t tasks = 0;
  for (std::uint64_t seed = 100; seed < 120; ++seed) {
    auto report = run_seed(seed);
    expect_kept(report);
    EXPECT_GE(report.tasks, 200u);
    EXPECT_GE(Weather::of(seed).workers, 3u);
    tasks += report.tally.count(Situation::ended_succeeded);
  }
  EXPECT_GE(tasks, 20u * 100u);
}

TEST_F(Simulation, CanaryIsSeen) {
  auto report = run_seed(1, true);
  ASSERT_TRUE(report.violation);
  EXPECT_EQ(report.violation->invariant, "I7");
}

TEST_F(Simulation, FixedSeeds) {
  for (std::uint64_t seed = 1000; seed < 1200; ++seed) expect_kept(run_seed(seed));
}

}  // namespace
}  // namespace hirehall::sim
