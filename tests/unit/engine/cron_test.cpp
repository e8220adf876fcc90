// When a schedule ticks: fields, names, L, W and #, and the two nights on which clocks change.
#include "broker/engine/cron.h"

#include <gtest/gtest.h>

#include "broker/engine/civil.h"

namespace hirehall::engine {
namespace {

Millis at(std::int64_t year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return (days_of({year, month, day}) * day_seconds + (hour * 60 + minute) * 60 + second) * 1000;
}

std::string shown(Millis time) {
  const auto seconds = floor_div(time, 1000);
  const auto days = floor_div(seconds, day_seconds);
  const auto date = date_of(days);
  const auto rest = static_cast<int>(seconds - days * day_seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%02d-%02d %02d:%02d:%02d", date.month, date.day, rest / 3600,
                rest / 60 % 60, rest % 60);
  return text;
}

std::vector<std::string> ticks(std::string_view text, Millis after, int count, const Zone& zone = {}) {
  auto cron = Cron::parse(text);
  EXPECT_TRUE(cron.has_value()) << text << ": " << (cron ? "" : describe(cron.error()));
  std::vector<std::string> out;
  if (!cron) return out;
  auto time = after;
  while (count-- > 0) {
    auto next = cron->next(time, zone);
    if (!next) break;
    EXPECT_GT(*next, time) << text;
    time = *next;
    out.push_back(shown(time));
  }
  return out;
}
using Ticks = std::vector<std::string>;

const auto& berlin() {
  static const auto zone = *Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  return zone;
}
const Millis november = at(2026, 11, 21, 10, 32, 7);  // a Saturday

TEST(Cron, FieldsRangesStepsAndLists) {
  EXPECT_EQ(ticks("30 3 * * *", november, 2), (Ticks{"11-22 03:30:00", "11-23 03:30:00"}));
  EXPECT_EQ(ticks("*/20 * * * *", november, 3),
            (Ticks{"11-21 10:40:00", "11-21 11:00:00", "11-21 11:20:00"}));
  EXPECT_EQ(ticks("0 9-11,17 * * *", november, 3),
            (Ticks{"11-21 11:00:00", "11-21 17:00:00", "11-22 09:00:00"}));
  EXPECT_EQ(ticks("5/25 10 * * *", november, 2), (Ticks{"11-21 10:55:00", "11-22 10:05:00"}));
  EXPECT_EQ(ticks("0 8-18/4 * * *", november, 3),
            (Ticks{"11-21 12:00:00", "11-21 16:00:00", "11-22 08:00:00"}));
  EXPECT_EQ(ticks("  0\t0 1 1 ?", november, 1), (Ticks{"01-01 00:00:00"}));
}

TEST(Cron, SixFieldsBeginWithTheSecond) {
  EXPECT_EQ(ticks("*/30 * * * * *", november, 3),
            (Ticks{"11-21 10:32:30", "11-21 10:33:00", "11-21 10:33:30"}));
  EXPECT_EQ(ticks("15 32 10 * * *", november, 1), (Ticks{"11-21 10:32:15"}));
  EXPECT_EQ(ticks("7 32 10 * * *", november, 1), (Ticks{"11-22 10:32:07"})) << "behind, never at";
  EXPECT_EQ(ticks("7 32 10 * * *", november - 1, 1), (Ticks{"11-21 10:32:07"}));
}

TEST(Cron, NamesInAnyCase) {
  EXPECT_EQ(ticks("0 0 * jan-Mar mon", november, 2), (Ticks{"01-04 00:00:00", "01-11 00:00:00"}));
  EXPECT_EQ(ticks("0 0 * * MON-FRI", november, 1), (Ticks{"11-23 00:00:00"}));
  EXPECT_EQ(ticks("0 0 * * 7", november, 1), ticks("0 0 * * 0", november, 1));
  EXPECT_EQ(ticks("0 0 * * 5-7", november, 2), (Ticks{"11-22 00:00:00", "11-27 00:00:00"}));
}

TEST(Cron, Macros) {
  EXPECT_EQ(ticks("@hourly", november, 1), (Ticks{"11-21 11:00:00"}));
  EXPECT_EQ(ticks("@daily", november, 1), (Ticks{"11-22 00:00:00"}));
  EXPECT_EQ(ticks("@Midnight", november, 1), (Ticks{"11-22 00:00:00"}));
  EXPECT_EQ(ticks("@weekly", november, 1), (Ticks{"11-22 00:00:00"}));
  EXPECT_EQ(ticks("@monthly", november, 1), (Ticks{"12-01 00:00:00"}));
  EXPECT_EQ(ticks("@yearly", november, 1), (Ticks{"01-01 00:00:00"}));
}

TEST(Cron, TheLastDayAndTheWorkingDayNearest) {
  EXPECT_EQ(ticks("0 0 L * *", november, 4),
            (Ticks{"11-30 00:00:00", "12-31 00:00:00", "01-31 00:00:00", "02-28 00:00:00"}));
  EXPECT_EQ(ticks("0 0 L-2 2 *", at(2028, 1, 1), 1), (Ticks{"02-27 00:00:00"})) << "of a leap year";
  EXPECT_EQ(ticks("0 0 15W * *", november, 3), (Ticks{"12-15 00:00:00", "01-15 00:00:00", "02-15 00:00:00"}));
  EXPECT_EQ(ticks("0 0 15W 8 *", november, 1), (Ticks{"08-16 00:00:00"})) << "15 August 2027 is a Sunday";
  EXPECT_EQ(ticks("0 0 1W 5 *", november, 1), (Ticks{"05-03 00:00:00"})) << "1 May 2027 is a Saturday";
  EXPECT_EQ(ticks("0 0 31W 1 *", november, 1), (Ticks{"01-29 00:00:00"})) << "31 January 2027 is a Sunday";
  EXPECT_EQ(ticks("0 0 LW * *", november, 3), (Ticks{"11-30 00:00:00", "12-31 00:00:00", "01-29 00:00:00"}));
}

TEST(Cron, TheKthAndTheLastWeekday) {
  EXPECT_EQ(ticks("0 0 * * MON#1", november, 2), (Ticks{"12-07 00:00:00", "01-04 00:00:00"}));
  EXPECT_EQ(ticks("0 0 * * 5#5", november, 1), (Ticks{"01-29 00:00:00"})) << "only months that have five";
  EXPECT_EQ(ticks("0 0 * * 5L", november, 2), (Ticks{"11-27 00:00:00", "12-25 00:00:00"}));
  EXPECT_EQ(ticks("0 0 * * sunL", november, 1), (Ticks{"11-29 00:00:00"}));
}

TEST(Cron, DayAndWeekdayTogetherMeanEither) {
  EXPECT_EQ(ticks("0 0 13 * FRI", november, 3),
            (Ticks{"11-27 00:00:00", "12-04 00:00:00", "12-11 00:00:00"}));
  EXPECT_EQ(ticks("0 0 25 * FRI", at(2026, 11, 22), 2), (Ticks{"11-25 00:00:00", "11-27 00:00:00"}));
}

TEST(Cron, TheLeapDayComes) {
  EXPECT_EQ(ticks("0 0 29 2 *", november, 2), (Ticks{"02-29 00:00:00", "02-29 00:00:00"}));
  EXPECT_EQ(ticks("0 12 29 2 *", at(2096, 3, 1), 1).size(), 1u) << "1900 and 2100 have none";
}

// 2026-03-29 02:00 CET becomes 03:00 CEST, which is 01:00 UTC.
TEST(Cron, WhatIsSkippedInSpringTicksOnceAtTheChange) {
  EXPECT_EQ(ticks("30 2 * * *", at(2026, 3, 28, 12), 2, berlin()),
            (Ticks{"03-29 01:00:00", "03-30 00:30:00"}));
  EXPECT_EQ(ticks("0,15,30,45 2 * * *", at(2026, 3, 28, 12), 2, berlin()),
            (Ticks{"03-29 01:00:00", "03-30 00:00:00"}));
  EXPECT_EQ(ticks("0 3 * * *", at(2026, 3, 28, 12), 1, berlin()), (Ticks{"03-29 01:00:00"}));
  EXPECT_EQ(ticks("0 1,2,3 * * *", at(2026, 3, 28, 12), 3, berlin()),
            (Ticks{"03-29 00:00:00", "03-29 01:00:00", "03-29 23:00:00"}))
      << "02:00 and 03:00 are one instant, and it ticks once";
}

// 2026-10-25 03:00 CEST becomes 02:00 CET, which is 01:00 UTC.
TEST(Cron, WhatComesTwiceInAutumnTicksTheFirstTime) {
  EXPECT_EQ(ticks("30 2 * * *", at(2026, 10, 24, 12), 2, berlin()),
            (Ticks{"10-25 00:30:00", "10-26 01:30:00"}));
  EXPECT_EQ(ticks("30 2 * * *", at(2026, 10, 25, 0, 45), 1, berlin()), (Ticks{"10-26 01:30:00"}));
  EXPECT_EQ(ticks("*/30 2,3 * * *", at(2026, 10, 25, 1, 10), 2, berlin()),
            (Ticks{"10-25 02:00:00", "10-25 02:30:00"}))
      << "asked within the hour that comes again";
}

TEST(Cron, WhereEveryHourMatchesTicksFollowTheHoursThatPass) {
  EXPECT_EQ(ticks("30 * * * *", at(2026, 10, 24, 23, 45), 3, berlin()),
            (Ticks{"10-25 00:30:00", "10-25 01:30:00", "10-25 02:30:00"}))
      << "02:30 twice";
  EXPECT_EQ(ticks("30 * * * *", at(2026, 3, 28, 23, 45), 3, berlin()),
            (Ticks{"03-29 00:30:00", "03-29 01:30:00", "03-29 02:30:00"}))
      << "none is missing";
  EXPECT_EQ(ticks("*/20 * * * *", at(2026, 10, 25, 0, 50), 2, berlin()),
            (Ticks{"10-25 01:00:00", "10-25 01:20:00"}));
}

TEST(Cron, HalfAnHourOnLordHowe) {
  const auto zone = *Zone::of_rule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
  EXPECT_EQ(ticks("15 2 * * *", at(2026, 10, 3, 0), 2, zone), (Ticks{"10-03 15:30:00", "10-04 15:15:00"}));
  EXPECT_EQ(ticks("45 1 * * *", at(2026, 4, 4, 0), 2, zone), (Ticks{"04-04 14:45:00", "04-05 15:15:00"}));
}

TEST(Cron, TicksRiseAndStandOnTheirFieldsInAnyZone) {
  for (const auto* text : {"0 0 29 2 *", "*/7 * * * *", "59 23 L * *", "30 2 * * SUN", "0 */5 1,15 * *"}) {
    auto cron = *Cron::parse(text);
    Millis time = at(2026, 1, 1);
    for (int i = 0; i < 400; ++i) {
      auto next = cron.next(time, berlin());
      ASSERT_TRUE(next) << text;
      ASSERT_GT(*next, time) << text;
      ASSERT_EQ(*cron.next(*next - 1, berlin()), *next) << text << ": asked a moment before it";
      time = *next;
    }
  }
}

TEST(Cron, MistakesNameTheFieldTheValueAndWhatIsAccepted) {
  struct Mistake {
    const char *text, *says;
  };
  for (const auto& [text, says] : std::initializer_list<Mistake>{
           {"", "has 0 fields"},
           {"* * * *", "has 4 fields; give five"},
           {"* * * * * * *", "has 7 fields"},
           {"60 * * * *", "'60' in the field minute is not accepted; give 0 to 59"},
           {"* 24 * * *", "field hour"},
           {"* * 0 * *", "field day"},
           {"* * * 13 *", "give 1 to 12 or JAN to DEC"},
           {"* * * * 8", "give 0 to 7 or SUN to SAT"},
           {"* * * * MOO", "field weekday"},
           {"*/0 * * * *", "no step from 1"},
           {"5- * * * *", "field minute"},
           {"10-5 * * * *", "goes backwards"},
           {"1,,2 * * * *", "empty place"},
           {"* * 32W * *", "1W to 31W"},
           {"* * L-31 * *", "L-1 to L-30"},
           {"* * * * MON#6", "MON#1 to MON#5"},
           {"* * * * XL", "0L to 7L"},
           {"0 0 30 2 *", "never comes"},
           {"0 0 31 4,6 *", "never comes"},
           {"@always", "none of @yearly"},
           {"-1 * * * *", "field minute"}}) {
    auto cron = Cron::parse(text);
    ASSERT_FALSE(cron.has_value()) << text;
    EXPECT_EQ(cron.error().code, Code::invalid);
    EXPECT_NE(cron.error().message.find(says), std::string::npos) << describe(cron.error());
  }
}

}  // namespace
}  // namespace hirehall::engine
