// Schedules spoken to: each tick fires once, whatever happens to the broker and to its clocks (I8, I17).
#include "broker/engine/civil.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

constexpr Millis minute = 60'000, hour = 60 * minute, day = 24 * hour;

class ScheduleTest : public testing::Test {
 protected:
  ScheduleTest() {
    hall.now = days_of({2026, 3, 28}) * day;
    hall.turn();
  }
  static ScheduleSpec each(Millis ms) {
    ScheduleSpec spec;
    spec.every_ms = ms;
    TaskOptions options = echo();
    spec.options = encode_options(options);
    spec.payload = "tick";
    return spec;
  }
  static ScheduleSpec cron(const std::string& text, const std::string& zone = {}) {
    auto spec = each(0);
    spec.cron = text;
    spec.zone = zone;
    return spec;
  }
  void set(const std::string& name, const ScheduleSpec& spec) {
    auto done = hall.engine->set_schedule(name, spec, "test", true);
    ASSERT_TRUE(done.has_value()) << describe(done.error());
    hall.turn();
  }
  const Schedule& the(const std::string& name = "s") const {
    return hall.engine->ledger().schedules.at(name);
  }
  std::uint64_t tasks() const { return hall.engine->ledger().books.accepted; }
  // Nothing runs in between: the broker was off.
  void off(Millis ms) {
    hall.now += ms;
    hall.restart();
    hall.turn();
  }
  Hall hall;
};

TEST_F(ScheduleTest, EachTickBecomesATaskThatNamesIt) {
  set("s", each(minute));
  hall.pass(3 * minute + 1000);
  EXPECT_EQ(tasks(), 3u);
  EXPECT_EQ(the().fired, 3u);
  auto& hand = hall.hire({"echo"}, 8);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 3u);
  EXPECT_EQ(hall.engine->ledger().lease_by_token(hand.awards[1].token)->options->options.trigger,
            "schedule/s/" + std::to_string(the().anchor + 2 * minute));
}

TEST_F(ScheduleTest, ACrashAfterAnyTurnRepeatsNoTickAndLosesNone) {
  set("s", each(minute));
  set("c", cron("*/2 * * * *"));
  for (int i = 0; i < 30; ++i) {
    hall.pass(20'000);
    hall.restart(i % 2 == 0);
  }
  EXPECT_EQ(the("s").fired, 10u);
  EXPECT_EQ(the("c").fired, 5u);
  EXPECT_EQ(tasks(), 15u);
}

TEST_F(ScheduleTest, OfMissedTicksTheLastFires) {
  set("s", each(minute));
  off(10 * minute + 5000);
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().missed, 9u);
  EXPECT_EQ(the().last_tick, the().anchor + 10 * minute);
}

TEST_F(ScheduleTest, MissedTicksAreSkippedWhenTheyAreLate) {
  auto spec = cron("0 * * * *");
  spec.catch_up = CatchUp::skip;
  set("s", spec);
  off(hour + 30 * minute);
  EXPECT_EQ(the().fired, 0u);
  EXPECT_EQ(the().missed, 1u);
  off(30 * minute + 20'000);
  EXPECT_EQ(the().fired, 1u) << "twenty seconds late is no miss";
}

TEST_F(ScheduleTest, AllMissedTicksFireUpToTheBound) {
  auto spec = each(minute);
  spec.catch_up = CatchUp::all;
  spec.catch_up_max = 4;
  set("s", spec);
  off(10 * minute);
  EXPECT_EQ(the().fired, 4u);
  EXPECT_EQ(the().missed, 6u);
  hall.pass(minute);
  EXPECT_EQ(the().fired, 5u);
}

TEST_F(ScheduleTest, ALongAbsenceIsCountedToTheTickAndInSlices) {
  set("s", each(1000));
  off(10'000'500);
  for (int slice = 0; slice < 10; ++slice) hall.turn();
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().missed, 9'999u);
}

TEST_F(ScheduleTest, AWallClockThatIsSetBackFiresNoTickTwiceAndStopsNothing) {
  set("s", cron("0 * * * *"));
  hall.pass(2 * hour + minute);
  EXPECT_EQ(the().fired, 2u);
  hall.wall = -2 * hour;
  hall.pass(2 * hour + minute);
  EXPECT_EQ(the().fired, 2u) << "those hours have ticked";
  hall.pass(hour);
  EXPECT_EQ(the().fired, 3u);
  hall.wall = -5 * day;
  hall.pass(hour);
  EXPECT_EQ(the().fired, 4u) << "it does not wait for days";
}

TEST_F(ScheduleTest, AWallClockThatJumpsAheadMissesTicksAsADownBrokerDoes) {
  set("s", cron("0 * * * *"));
  hall.wall = 10 * hour + 5 * minute;
  hall.turn();
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().missed, 9u);
}

TEST_F(ScheduleTest, EveryGoesByTimeThatPassesWhateverTheWallClockSays) {
  set("s", each(minute));
  hall.wall = 10 * day;
  hall.pass(2 * minute);
  hall.wall = -10 * day;
  hall.pass(2 * minute);
  EXPECT_EQ(the().fired, 4u);
  EXPECT_EQ(the().missed, 0u);
}

TEST_F(ScheduleTest, BothNightsOnWhichClocksChange) {
  hall.engine->know_zone("Europe/Berlin", *Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3"));
  set("s", cron("30 2 * * *", "Europe/Berlin"));
  EXPECT_EQ(the().next, days_of({2026, 3, 28}) * day + 90 * minute);
  hall.pass(30 * hour);
  EXPECT_EQ(the().fired, 2u);
  EXPECT_EQ(the().last_tick, days_of({2026, 3, 29}) * day + hour)
      << "02:30 is skipped: it ticks at the change";
  EXPECT_EQ(the().next, days_of({2026, 3, 30}) * day + 30 * minute);
  const auto upcoming = hall.engine->upcoming(the(), 211);
  EXPECT_EQ(upcoming[209] - upcoming[208], day);
  EXPECT_EQ(upcoming[210] - upcoming[209], day + hour) << "2026-10-25 has 25 hours";
}

TEST_F(ScheduleTest, OverlapSkips) {
  auto spec = each(minute);
  spec.overlap = Overlap::skip;
  set("s", spec);
  hall.pass(3 * minute + 1000);
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().overlapped, 2u);
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  hall.pass(minute);
  EXPECT_EQ(the().fired, 2u);
}

TEST_F(ScheduleTest, OverlapQueuesAndARestartRemembersWhatWaits) {
  auto spec = each(minute);
  spec.overlap = Overlap::queue;
  set("s", spec);
  hall.pass(3 * minute + 1000);
  EXPECT_EQ(the().waiting.size(), 2u);
  hall.restart();
  auto& hand = hall.hire({"echo"});
  for (int i = 0; i < 3; ++i) {
    hall.finish(hand, hall.award(hand), Outcome::succeeded);
    hall.turn();
  }
  EXPECT_EQ(the().fired, 3u);
  EXPECT_TRUE(the().waiting.empty());
}

TEST_F(ScheduleTest, OverlapCancelsWhatRunsAndWhatIsQueued) {
  auto spec = each(minute);
  spec.overlap = Overlap::cancel;
  set("s", spec);
  hall.pass(minute + 1000);
  const auto first = the().last_task;
  hall.pass(minute);
  EXPECT_EQ(hall.state(first), State::cancelled);
  EXPECT_EQ(the().fired, 2u);
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  hall.pass(minute);
  ASSERT_EQ(hand.stops.size(), 1u);
  EXPECT_EQ(the().fired, 2u) << "the next one waits for the end of the one before it";
  hall.finish(hand, award, Outcome::cancelled);
  hall.turn();
  EXPECT_EQ(the().fired, 3u);
}

TEST_F(ScheduleTest, PausedNothingTicksAndResumedItGoesOnFromThen) {
  set("s", each(minute));
  ASSERT_TRUE(hall.engine->hold_schedule("s", true, "holiday"));
  hall.pass(10 * minute + 1000);
  hall.restart();
  EXPECT_EQ(the().fired, 0u);
  EXPECT_EQ(the().pause_reason, "holiday");
  ASSERT_TRUE(hall.engine->hold_schedule("s", false, {}));
  hall.pass(minute);
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().missed, 0u);
}

TEST_F(ScheduleTest, ATriggerThatIsAskedAgainGivesTheSameTask) {
  set("s", each(hour));
  auto first = hall.engine->trigger_schedule("s", "k1");
  ASSERT_TRUE(first.has_value());
  hall.turn();
  hall.restart();
  EXPECT_EQ(*hall.engine->trigger_schedule("s", "k1"), *first);
  EXPECT_NE(*hall.engine->trigger_schedule("s", "k2"), *first);
  EXPECT_EQ(hall.engine->trigger_schedule("t", "k1").error().code, Code::not_found);
}

TEST_F(ScheduleTest, JitterDelaysATickByTheSameAmountInEachLife) {
  auto spec = each(hour);
  spec.jitter_ms = 10 * minute;
  std::set<Millis> delays;
  for (const auto* name : {"a", "b", "c", "d", "e", "f"}) {
    set(name, spec);
    delays.insert(jitter_of(name, the(name).next, spec.jitter_ms));
  }
  EXPECT_GT(delays.size(), 3u);
  EXPECT_LE(*delays.rbegin(), spec.jitter_ms);
  hall.pass(hour - 1000);
  EXPECT_EQ(tasks(), 0u);
  hall.pass(*delays.begin() + 2000);
  EXPECT_GE(tasks(), 1u);
  EXPECT_LT(tasks(), 6u);
  hall.restart();
  hall.pass(10 * minute);
  EXPECT_EQ(tasks(), 6u);
}

TEST_F(ScheduleTest, AFullQueueRefusesATickAndTheScheduleSaysSo) {
  QueueSettings settings;
  settings.cap = 1;
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  set("s", each(minute));
  hall.pass(2 * minute + 1000);
  EXPECT_EQ(the().fired, 1u);
  EXPECT_EQ(the().refused, 1u);
  EXPECT_NE(the().error.find("queue_full"), std::string::npos);
}

TEST_F(ScheduleTest, NothingIsSubmittedWhileTheDiskIsFull) {
  set("s", each(minute));
  hall.full = true;
  hall.pass(3 * minute);
  EXPECT_EQ(tasks(), 0u);
  hall.full = false;
  hall.pass(1000);
  EXPECT_EQ(tasks(), 1u);
  EXPECT_EQ(the().missed, 2u);
}

TEST_F(ScheduleTest, WhatIsWrongWithAScheduleIsNamed) {
  struct Mistake {
    std::function<void(ScheduleSpec&)> change;
    Code code;
    const char* context;
  };
  auto options = [](const std::function<void(TaskOptions&)>& change) {
    return [change](ScheduleSpec& s) {
      auto o = echo();
      change(o);
      s.options = encode_options(o);
    };
  };
  const std::vector<Mistake> mistakes{
      {[](auto& s) { s.cron = "* * * * *"; }, Code::invalid, "cron"},
      {[](auto& s) { s.every_ms = 0; }, Code::invalid, "cron"},
      {[](auto& s) { s.every_ms = 0, s.cron = "61 * * * *"; }, Code::invalid, "cron"},
      {[](auto& s) { s.every_ms = 10; }, Code::invalid, "every_ms"},
      {[](auto& s) { s.zone = "Europe/Berlin"; }, Code::invalid, "zone"},
      {[](auto& s) { s.every_ms = 0, s.cron = "@daily", s.zone = "Mars/Phobos"; }, Code::invalid, "zone"},
      {[](auto& s) { s.catch_up_max = 0; }, Code::invalid, "catch_up_max"},
      {[](auto& s) { s.jitter_ms = -1; }, Code::invalid, "jitter_ms"},
      {[](auto& s) { s.payload.assign(70'000, 'x'); }, Code::too_large, "payload"},
      {options([](auto& o) { o.idempotency_key = "k"; }), Code::invalid, "options"},
      {options([](auto& o) { o.deadline = 5; }), Code::invalid, "options"},
      {options([](auto& o) { o.queue = "nowhere"; }), Code::not_found, "queue"},
  };
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    auto spec = each(minute);
    mistakes[i].change(spec);
    auto done = hall.engine->set_schedule("s", spec, "test", true);
    ASSERT_FALSE(done.has_value()) << i;
    EXPECT_EQ(done.error().code, mistakes[i].code) << i << describe(done.error());
    EXPECT_EQ(done.error().context, mistakes[i].context) << i << describe(done.error());
  }
  EXPECT_EQ(hall.engine->set_schedule("", each(minute), "test", true).error().context, "name");
  EXPECT_TRUE(hall.engine->ledger().schedules.empty());
}

TEST_F(ScheduleTest, ASecondOneOfTheSameNameIsAConflictUnlessItSaysTheSame) {
  set("s", each(minute));
  EXPECT_TRUE(hall.engine->set_schedule("s", each(minute), "test", true));
  EXPECT_EQ(hall.engine->set_schedule("s", each(hour), "test", true).error().code, Code::conflict);
  EXPECT_TRUE(hall.engine->set_schedule("s", each(hour), "test", false));
  EXPECT_EQ(the().next, hall.now + hour);
}

TEST_F(ScheduleTest, ALateZoneGoesOnFromWhenItIsKnown) {
  hall.engine->know_zone("Europe/Berlin", *Zone::of_rule("CET-1"));
  set("s", cron("0 3 * * *", "Europe/Berlin"));
  hall.restart();
  hall.pass(5 * hour);
  EXPECT_EQ(the().fired, 1u) << "the next tick was recorded";
  EXPECT_EQ(the().next, 0);
  hall.engine->know_zone("Europe/Berlin", *Zone::of_rule("CET-1"));
  EXPECT_EQ(the().next, days_of({2026, 3, 29}) * day + 2 * hour);
}

TEST_F(ScheduleTest, AFileIsDesiredStateAndAHandStandsAboveIt) {
  using What = ScheduleChange::What;
  auto adopt = [&](const std::map<std::string, ScheduleSpec>& file, bool force = false) {
    auto changes = hall.engine->adopt_schedules(file, force);
    EXPECT_TRUE(changes.has_value());
    hall.turn();
    hall.restart(false);
    std::map<std::string, What> out;
    for (const auto& change : *changes) out[change.name] = change.what;
    return out;
  };
  using Changes = std::map<std::string, What>;
  EXPECT_EQ(adopt({{"a", each(minute)}, {"b", each(minute)}}),
            (Changes{{"a", What::made}, {"b", What::made}}));
  EXPECT_EQ(adopt({{"a", each(minute)}, {"b", each(minute)}}), Changes{});
  ASSERT_TRUE(hall.engine->set_schedule("a", each(hour), "somebody", false));
  EXPECT_EQ(adopt({{"a", each(2 * minute)}, {"b", each(2 * minute)}}),
            (Changes{{"a", What::kept}, {"b", What::changed}}));
  EXPECT_EQ(the("a").spec.every_ms, hour);
  EXPECT_EQ(adopt({}), (Changes{{"a", What::kept}, {"b", What::deleted}}));
  EXPECT_EQ(adopt({}), Changes{}) << "the file has nothing more to do with it";
  EXPECT_EQ(adopt({{"a", each(minute)}}, true), (Changes{{"a", What::changed}}));
  EXPECT_EQ(the("a").spec.every_ms, minute);
}

TEST_F(ScheduleTest, TheSnapshotHasThem) {
  auto spec = each(minute);
  spec.overlap = Overlap::queue;
  set("s", spec);
  hall.pass(3 * minute);
  ASSERT_TRUE(hall.engine->trigger_schedule("s", "key"));
  hall.turn();
  const auto saved = hall.saved();
  Ledger loaded;
  ASSERT_TRUE(loaded.load(saved));
  std::string again;
  loaded.save(again);
  EXPECT_EQ(again, saved);
  EXPECT_EQ(loaded.schedules.at("s").waiting, the().waiting);
}

}  // namespace
}  // namespace hirehall::engine
