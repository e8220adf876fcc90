// Fixed worlds, and that a seed is a world (I18). The roaming worlds are tests of hirehall-sim itself.
#include <gtest/gtest.h>

#include "common/log.h"
#include "tests/simulation/peer.h"
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

// Keeps what it hears.
class Listener final : public Peer {
 public:
  explicit Listener(Scene& scene) : Peer(scene) { begin_life(); }
  void heal() { awake(), read_held(); }
  std::string heard;

 private:
  void hear(const Heard& h) override { heard += h.what == What::frame ? h.frame : "!"; }
};

// As a socket would have it: also when it slept, woke early and was called again.
TEST_F(Simulation, PeersHearInOrder) {
  Scene scene(1, Weather::fair());
  Listener peer(scene);
  scene.time.at(10, [&] { peer.doze(1000), peer.connected(1), peer.arrived(1, "a"); });
  scene.time.at(20, [&] { peer.arrived(1, "b"); });
  scene.time.at(30, [&] { peer.heal(), peer.arrived(1, "c"); });
  scene.time.at(40, [&] { peer.doze(10), peer.arrived(1, "d"); });
  scene.time.at(50, [&] { peer.arrived(1, "e"), peer.doze(10), peer.disconnected(1); });
  scene.time.at(60, [&] { peer.arrived(1, "f"); });
  while (scene.time.step(2000)) {
  }
  EXPECT_EQ(peer.heard, "!abcde!f");
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
