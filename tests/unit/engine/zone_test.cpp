// Time zones out of rules: which offset holds when, and what becomes of times that are skipped or come twice.
#include "broker/engine/zone.h"

#include <gtest/gtest.h>

#include "broker/engine/civil.h"

namespace hirehall::engine {
namespace {

std::int64_t at(std::int64_t year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return days_of({year, month, day}) * day_seconds + (hour * 60 + minute) * 60 + second;
}

Zone zone(std::string_view rule) {
  auto read = Zone::of_rule(rule);
  EXPECT_TRUE(read.has_value()) << rule;
  return *read;
}

TEST(Civil, DatesAndDaysAreInverse) {
  for (std::int64_t day = -800'000; day < 800'000; day += 37) EXPECT_EQ(days_of(date_of(day)), day);
  EXPECT_EQ(weekday_of(days_of({2026, 11, 21})), 6);
}

TEST(Zones, BerlinChangesInMarchAndOctober) {
  const auto berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(berlin.span_at(at(2026, 3, 29, 0, 59, 59)).offset, 3600);
  EXPECT_EQ(berlin.span_at(at(2026, 3, 29, 1)).offset, 7200);
  EXPECT_EQ(berlin.span_at(at(2026, 10, 25, 0, 59, 59)).offset, 7200);
  EXPECT_EQ(berlin.span_at(at(2026, 10, 25, 1)).offset, 3600);
  EXPECT_EQ(berlin.span_at(at(2026, 7, 1)).from, at(2026, 3, 29, 1));
  EXPECT_EQ(berlin.span_at(at(2026, 7, 1)).until, at(2026, 10, 25, 1));
}

TEST(Zones, SouthOfTheEquatorSummerGoesOverTheNewYear) {
  const auto hobart = zone("AEST-10AEDT,M10.1.0,M4.1.0/3");
  EXPECT_EQ(hobart.span_at(at(2026, 1, 1)).offset, 11 * 3600);
  EXPECT_EQ(hobart.span_at(at(2026, 7, 1)).offset, 10 * 3600);
}

TEST(Zones, ATimeThatIsSkippedIsTheChangeAndOneThatComesTwiceTheFirst) {
  const auto berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(berlin.instant_of(at(2026, 3, 29, 2, 30)), at(2026, 3, 29, 1));
  EXPECT_EQ(berlin.instant_of(at(2026, 3, 29, 3)), at(2026, 3, 29, 1));
  EXPECT_EQ(berlin.instant_of(at(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30));
  EXPECT_EQ(berlin.instant_of(at(2026, 10, 25, 3)), at(2026, 10, 25, 2));
}

TEST(Zones, RulesOfEveryForm) {
  EXPECT_EQ(zone("<+0330>-3:30").span_at(0).offset, 3 * 3600 + 1800);
  EXPECT_EQ(zone("EST5").span_at(0).offset, -5 * 3600);
  EXPECT_EQ(zone("LHST-10:30LHDT-11,M10.1.0,M4.1.0").span_at(at(2026, 1, 1)).offset, 11 * 3600);
  const auto by_day = zone("AAA0BBB,J60/0,J300/0");
  EXPECT_EQ(by_day.span_at(at(2024, 7, 1)).from, at(2024, 3, 1)) << "J leaves 29 February out";
  EXPECT_EQ(by_day.span_at(at(2026, 7, 1)).from, at(2026, 3, 1));
  EXPECT_EQ(zone("AAA0BBB,60/0,300/0").span_at(at(2024, 7, 1)).from, at(2024, 3, 1));
  EXPECT_EQ(zone("IST-2IDT,M3.4.4/26,M10.5.0").span_at(at(2026, 7, 1)).from, at(2026, 3, 27, 0));
}

TEST(Zones, WhatIsNoRuleOrNoFileIsRefused) {
  for (const auto* rule : {"", "X", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
                           "CET-1CEST,M3.5.0,M10.5.0/3x", "<+03", "CET-999"})
    EXPECT_FALSE(Zone::of_rule(rule).has_value()) << rule;
  EXPECT_FALSE(Zone::parse("").has_value());
  EXPECT_FALSE(Zone::parse("TZif2").has_value());
  std::string claims = "TZif2" + std::string(15, '\0') + std::string(24, '\x7f');
  EXPECT_FALSE(Zone::parse(claims).has_value()) << "more than there is";
}

}  // namespace
}  // namespace hirehall::engine
