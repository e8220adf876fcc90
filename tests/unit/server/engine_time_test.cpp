#include "broker/server/engine_time.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

namespace hirehall::server {
namespace {

constexpr Millis second = 1000;
constexpr Millis minute = 60 * second;
constexpr Millis hour = 60 * minute;
constexpr Millis day = 24 * hour;
constexpr Millis year = 365 * day;
constexpr Millis start = 1'790'000'000'000;

// A machine with two clocks that the test moves.
struct Machine {
  std::int64_t monotonic = 5000;
  std::int64_t wall = start;
  EngineClock clock;
  Tick last;

  explicit Machine(Millis recorded = 0) : clock(recorded, monotonic, wall) {
    last = clock.tick(monotonic, wall);
  }

  // Lets time pass in turns of `turn`; the wall clock runs at `rate` per thousand.
  Tick pass(Millis time, Millis turn = 10, std::int64_t rate = 1000) {
    const auto wall_before = wall;
    for (Millis done = turn; done <= time; done += turn) {
      monotonic += turn;
      wall = wall_before + done * rate / 1000;
      look();
    }
    return last;
  }
  Tick step(Millis by) {
    wall += by;
    return look();
  }
  Tick look() {
    const auto before = last.engine;
    last = clock.tick(monotonic, wall);
    EXPECT_GE(last.engine, before) << "engine time went back";
    return last;
  }
};

TEST(EngineClock, of_a_new_store_starts_at_the_wall_clock_and_runs_with_it) {
  Machine m;
  EXPECT_EQ(m.last.engine, start);
  EXPECT_EQ(m.pass(hour).engine, start + hour);
  EXPECT_EQ(m.last.calendar, start + hour);
  EXPECT_FALSE(m.last.held);
}

TEST(EngineClock, continues_after_downtime_at_the_wall_clock) {
  Machine m(start - 5 * hour);
  EXPECT_EQ(m.last.engine, start);
  EXPECT_FALSE(m.last.held);
}

TEST(EngineClock, never_starts_before_what_is_recorded) {
  Machine little(start + 30 * second);
  EXPECT_EQ(little.last.engine, start + 30 * second);
  EXPECT_FALSE(little.last.held);
  EXPECT_EQ(little.pass(10 * minute).engine, start + 10 * minute)
      << "it waits for the wall clock, at nine tenths";

  Machine far(start + year);
  EXPECT_EQ(far.last.engine, start + year);
  EXPECT_TRUE(far.last.held);
}

TEST(EngineClock, doubts_a_wall_clock_years_ahead_of_the_record) {
  Machine m(start - 10 * year);
  EXPECT_EQ(m.last.engine, start - 10 * year);
  EXPECT_TRUE(m.last.held);
  EXPECT_EQ(m.last.calendar, start);
}

TEST(EngineClock, slews_small_steps_by_a_tenth_at_most) {
  for (const Millis by : {-59 * second, -second, second, 59 * second}) {
    Machine m;
    m.step(by);
    EXPECT_FALSE(m.last.held);
    const auto before = m.last.engine;
    m.pass(second);
    const auto went = m.last.engine - before;
    EXPECT_GE(went, 900);
    EXPECT_LE(went, 1100);
    m.pass(10 * minute);
    EXPECT_EQ(m.last.engine, m.wall) << "after a step of " << by;
  }
}

TEST(EngineClock, slews_also_when_turns_are_a_millisecond_or_an_hour) {
  for (const Millis turn : {Millis{1}, Millis{7}, hour}) {
    Machine m;
    m.step(-30 * second);
    m.pass(2 * hour, turn);
    EXPECT_NEAR(static_cast<double>(m.last.engine), static_cast<double>(m.wall), 1.0) << "turns of " << turn;
  }
}

TEST(EngineClock, follows_a_drifting_wall_clock) {
  for (const std::int64_t rate : {990, 1010}) {
    Machine m;
    m.pass(day, 100, rate);
    EXPECT_FALSE(m.last.held);
    EXPECT_EQ(m.clock.steps(), 0u);
    EXPECT_NEAR(static_cast<double>(m.last.engine), static_cast<double>(m.wall), 10.0);
  }
}

TEST(EngineClock, holds_at_a_step_over_a_minute_and_runs_on_with_the_monotonic_clock) {
  for (const Millis by : {-10 * year, -day, -61 * second, 61 * second, day, 10 * year}) {
    Machine m;
    const auto tick = m.step(by);
    EXPECT_TRUE(tick.held);
    EXPECT_TRUE(tick.stepped);
    EXPECT_EQ(tick.step_ms, by);
    EXPECT_EQ(tick.calendar, start + by);
    m.pass(hour - second);
    EXPECT_TRUE(m.last.held);
    EXPECT_FALSE(m.last.stepped) << "one step is told once";
    EXPECT_EQ(m.last.engine, start + hour - second);
    EXPECT_EQ(m.clock.steps(), 1u);
  }
}

TEST(EngineClock, believes_a_step_forward_after_an_hour_and_tells_of_the_jump) {
  Machine m;
  m.step(day);
  m.pass(hour - 10);
  EXPECT_TRUE(m.last.held);
  m.pass(10);
  EXPECT_FALSE(m.last.held);
  EXPECT_EQ(m.last.engine, m.wall);
  EXPECT_EQ(m.last.jumped_ms, day);
  EXPECT_EQ(m.pass(10).jumped_ms, 0);
}

TEST(EngineClock, believes_a_step_at_once_when_a_person_accepts_it) {
  Machine m;
  m.step(10 * year);
  m.clock.accept();
  const auto tick = m.pass(10);
  EXPECT_FALSE(tick.held);
  EXPECT_EQ(tick.engine, m.wall);
  EXPECT_EQ(tick.jumped_ms, 10 * year);
}

TEST(EngineClock, goes_slow_after_an_accepted_step_back_and_never_back) {
  Machine m;
  m.step(-hour);
  m.clock.accept();
  const auto tick = m.pass(10);
  EXPECT_FALSE(tick.held);
  EXPECT_EQ(tick.jumped_ms, 0);
  const auto before = tick.engine;
  m.pass(hour);
  EXPECT_EQ(m.last.engine - before, hour * 9 / 10);
  m.pass(10 * hour);
  EXPECT_EQ(m.last.engine, m.wall);
  EXPECT_EQ(m.clock.steps(), 1u);
}

TEST(EngineClock, lets_go_when_the_wall_clock_comes_back) {
  Machine m;
  m.step(3 * hour);
  m.pass(minute);
  m.step(-3 * hour);
  EXPECT_FALSE(m.last.held);
  EXPECT_EQ(m.last.engine, m.wall);
  EXPECT_EQ(m.clock.steps(), 1u);
}

TEST(EngineClock, counts_a_second_step_while_it_holds_and_waits_the_hour_anew) {
  Machine m;
  m.step(3 * hour);
  m.pass(50 * minute);
  EXPECT_TRUE(m.step(3 * hour).stepped);
  m.pass(50 * minute);
  EXPECT_TRUE(m.last.held);
  EXPECT_EQ(m.clock.steps(), 2u);
}

TEST(EngineClock, an_accept_without_a_step_does_not_wait_for_the_next_one) {
  Machine m;
  m.clock.accept();
  m.pass(10);
  EXPECT_TRUE(m.step(day).held);
}

// The monotonic clock stands still in suspend: waking up is a wall step forward.
TEST(EngineClock, after_suspend_expires_nothing_until_the_hour_has_passed) {
  Machine m;
  const auto deadline = m.last.engine + 30 * minute;
  m.step(8 * hour);
  EXPECT_TRUE(m.last.held);
  EXPECT_LT(m.last.engine, deadline);
  m.pass(hour);
  EXPECT_FALSE(m.last.held);
  EXPECT_GT(m.last.engine, deadline);
}

TEST(EngineClock, ignores_a_monotonic_clock_that_goes_back) {
  EngineClock clock(0, 1000, start);
  EXPECT_EQ(clock.tick(1100, start + 100).engine, start + 100);
  EXPECT_EQ(clock.tick(1050, start + 100).engine, start + 100);
  EXPECT_EQ(clock.tick(1200, start + 200).engine, start + 200);
}

std::uint64_t seed() {
  const char* given = std::getenv("HIREHALL_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

TEST(EngineClock, under_random_clocks_rises_and_stays_within_a_tenth_unless_it_says_so) {
  const auto s = seed();
  SCOPED_TRACE("HIREHALL_SEED=" + std::to_string(s));
  std::mt19937_64 random(s);
  for (int run = 0; run < 200; ++run) {
    Machine m;
    for (int turn = 0; turn < 500; ++turn) {
      const auto before = m.last.engine;
      const auto elapsed = static_cast<Millis>(random() % 2000);
      m.monotonic += elapsed;
      m.wall += elapsed + static_cast<Millis>(random() % 201) - 100;
      if (random() % 50 == 0)
        m.wall += (static_cast<Millis>(random() % 2001) - 1000) * (random() % 2 ? second : day);
      if (random() % 100 == 0) m.clock.accept();
      m.look();
      const auto went = m.last.engine - before - m.last.jumped_ms;
      ASSERT_GE(went, elapsed - elapsed / 10 - 1);
      ASSERT_LE(went, elapsed + elapsed / 10 + 1);
      if (m.last.held) {
        ASSERT_EQ(m.last.jumped_ms, 0);
      }
    }
  }
}

}  // namespace
}  // namespace hirehall::server
