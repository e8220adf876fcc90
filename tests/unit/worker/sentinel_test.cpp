// Who watches the watcher: a loop that hangs is noticed, one that was not allowed to run is not blamed.
#include "worker/sentinel.h"

#include <gtest/gtest.h>

#include <future>

namespace hirehall::worker {
namespace {

constexpr Micros interval = 100;

TEST(LoopWatch, CountsTheTimeInWhichTheLoopDidNotTurn) {
  LoopWatch watch(interval);
  EXPECT_EQ(watch.silent_for(1000, 7), 0);
  EXPECT_EQ(watch.silent_for(1100, 7), 100);
  EXPECT_EQ(watch.silent_for(1250, 7), 250);
  EXPECT_EQ(watch.silent_for(1350, 8), 0);
  EXPECT_EQ(watch.silent_for(1450, 8), 100);
}

TEST(LoopWatch, TimeInWhichTheWatcherDidNotRunIsNotHeldAgainstTheLoop) {
  LoopWatch watch(interval);
  watch.silent_for(1000, 7);
  EXPECT_EQ(watch.silent_for(1100, 7), 100);
  EXPECT_EQ(watch.silent_for(60'000'000, 7), 100) << "the process was stopped for a minute";
  EXPECT_EQ(watch.silent_for(60'000'100, 7), 200);
}

TEST(Sentinel, SaysOnceThatTheLoopIsStuck) {
  std::promise<void> said;
  Sentinel sentinel(20'000, [&] { said.set_value(); });  // a second call would throw
  EXPECT_EQ(said.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(Sentinel, IsQuietWhileTheLoopTurnsAndGoesWithIt) {
  std::atomic<bool> stuck = false;
  {
    Sentinel sentinel(60'000'000, [&] { stuck = true; });
    for (int i = 0; i < 1000; ++i) sentinel.turned();
  }
  EXPECT_FALSE(stuck);
}

}  // namespace
}  // namespace hirehall::worker
