// Whether an agent gets better or worse: the test behind it, how often it is wrong, and what is advised.
#include "scheduler/trend.h"

#include <cmath>

#include "scheduler/advice.h"
#include "scheduler/chance.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Track tracked(Stream& chance, double before, double after, double ms_before = 100, double ms_after = 100) {
  Track track;
  for (std::uint32_t i = 0; i < Track::kept; ++i) {
    const bool later = i >= Track::kept / 2;
    const double ms = (later ? ms_after : ms_before) * std::exp(0.5 * chance.normal());
    track.add(chance.uniform() < (later ? after : before), ms);
  }
  return track;
}

TEST(Trend, IsUnknownUntilThereAreEnoughEnds) {
  Track track;
  for (std::uint32_t i = 0; i < Track::needed - 1; ++i) track.add(i % 2 == 0, 1);
  EXPECT_EQ(track.test().trend, Trend::unknown);
  track.add(true, 1);
  EXPECT_EQ(track.test().trend, Trend::stable);
}

TEST(Trend, AClearChangeIsSeenInBothDirectionsAndInBothFigures) {
  Stream chance(seed_of_run(1));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(tracked(chance, 0.95, 0.4).test().trend, Trend::worsening);
    EXPECT_EQ(tracked(chance, 0.4, 0.95).test().trend, Trend::improving);
    EXPECT_EQ(tracked(chance, 0.9, 0.9, 100, 300).test().trend, Trend::worsening);
    EXPECT_EQ(tracked(chance, 0.9, 0.9, 300, 100).test().trend, Trend::improving);
  }
}

TEST(Trend, WhatDoesNotChangeIsCalledStableInAllButAFewOfAHundred) {
  Stream chance(seed_of_run(2));
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) wrong += tracked(chance, 0.8, 0.8).test().trend != Trend::stable;
  EXPECT_LT(wrong, 40) << "two tests at 1 %";
  EXPECT_GT(wrong, 0);
}

TEST(Trend, APaceThatNobodyFeelsIsNoChange) {
  Stream chance(seed_of_run(4));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(tracked(chance, 1, 1, 10, 30).test().trend, Trend::stable) << "20 ms";
    EXPECT_EQ(tracked(chance, 1, 1, 30, 10).test().trend, Trend::stable) << "20 ms";
  }
  Track track;
  for (std::uint32_t i = 0; i < Track::kept; ++i) track.add(true, i < Track::kept / 2 ? 1000 + i : 1100 + i);
  EXPECT_GT(track.test().duration_z, Track::far);
  EXPECT_EQ(track.test().trend, Trend::stable) << "a sixth";
}

TEST(Trend, OnlyTheLastEndsCount) {
  Stream chance(seed_of_run(3));
  Track track;
  for (int i = 0; i < 500; ++i) track.add(false, 10);
  for (std::uint32_t i = 0; i < Track::kept; ++i) track.add(true, 10);
  const auto test = track.test();
  EXPECT_EQ(test.trend, Trend::stable);
  EXPECT_EQ(test.success_before, 1);
  EXPECT_EQ(test.ends, Track::kept);
}

TEST(Trend, RanksOfEqualValuesAreShared) {
  EXPECT_EQ(rank_z({1, 1, 1}, {1, 1, 1}), 0);
  EXPECT_EQ(rank_z({}, {1}), 0);
  EXPECT_GT(rank_z({1, 2, 3}, {4, 5, 6}), 1.9);
  EXPECT_NEAR(rank_z({1, 2, 3}, {4, 5, 6}), -rank_z({4, 5, 6}, {1, 2, 3}), 1e-12);
}

AgentFigures agent(const std::string& name, double success, double outcomes = 200) {
  AgentFigures out;
  out.agent = name;
  out.type = "write";
  out.outcomes = outcomes;
  out.success = success;
  const double half = 2 * std::sqrt(success * (1 - success) / outcomes);
  out.success_low = success - half;
  out.success_high = success + half;
  return out;
}

std::vector<std::string> words(const FleetFigures& fleet) {
  std::vector<std::string> out;
  for (const auto& advice : advise(fleet)) out.push_back(advice.what);
  return out;
}

TypeFigures waiting(const std::string& type, std::uint64_t ready, std::int64_t oldest_ms, std::uint64_t slots,
                    double p50_ms) {
  TypeFigures out;
  out.type = type;
  out.ready = ready;
  out.oldest_ms = oldest_ms;
  out.workers = out.slots = slots;
  out.p50_ms = p50_ms;
  return out;
}

TEST(Advice, TheBottleneckIsTheTypeWithTheLongestWaitAgainstItsSupply) {
  FleetFigures fleet;
  fleet.types = {waiting("quick", 5000, 2000, 50, 10), waiting("slow", 100, 1500, 1, 60'000),
                 waiting("idle", 0, 0, 4, 100)};
  EXPECT_EQ(bottleneck(fleet)->type, "slow");
  ASSERT_EQ(words(fleet), std::vector<std::string>{"bottleneck"});
  const auto advice = advise(fleet)[0];
  EXPECT_NE(advice.message.find("100 tasks are ready on 1 slots"), std::string::npos) << advice.message;
  EXPECT_NE(advice.message.find("6000 s"), std::string::npos) << advice.message;
  fleet.types[1].ready = 0;
  EXPECT_TRUE(words(fleet).empty()) << "two seconds are no matter";
  fleet.types.clear();
  EXPECT_EQ(bottleneck(fleet), nullptr);
}

TEST(Advice, WorkThatNobodyCanDoIsToldFirst) {
  FleetFigures fleet;
  fleet.types = {waiting("rare", 3, 60'000, 0, 0)};
  EXPECT_EQ(words(fleet), std::vector<std::string>{"no_supply"});
  fleet.types[0].kept_out = 2;
  EXPECT_EQ(words(fleet), std::vector<std::string>{"breaker"});
}

TEST(Advice, AgentsThatDifferClearlyAreNamedAndThoseThatMayBeAlikeAreNot) {
  FleetFigures fleet;
  fleet.agents = {agent("good", 0.95), agent("poor", 0.5), agent("new", 0.5, 10)};
  ASSERT_EQ(words(fleet), std::vector<std::string>{"route_elsewhere"});
  EXPECT_NE(advise(fleet)[0].message.find("agent poor succeeds in 50 %, good in 95 %"), std::string::npos);
  fleet.agents = {agent("good", 0.9), agent("fair", 0.8)};
  EXPECT_TRUE(words(fleet).empty());
}

TEST(Advice, AWorseningAgentIsToldWithItsEvidence) {
  FleetFigures fleet;
  fleet.agents = {agent("falling", 0.7)};
  fleet.agents[0].trend = {Trend::worsening, 128, 0.95, 0.5, -5.7, 100, 100, 0};
  const auto advice = advise(fleet);
  ASSERT_EQ(advice.size(), 1u);
  EXPECT_NE(advice[0].message.find("50 % after 95 %"), std::string::npos) << advice[0].message;
  EXPECT_NE(advice[0].message.find("z -5.7"), std::string::npos) << advice[0].message;
}

TEST(Advice, AFleetThatIsHardlyUsedIsToldAfterTenMinutesAndOnlyWhenNothingWaits) {
  FleetFigures fleet;
  fleet.slots = 40;
  fleet.utilisation = 0.04;
  fleet.watched_ms = 60'000;
  EXPECT_TRUE(words(fleet).empty());
  fleet.watched_ms = 3'600'000;
  EXPECT_EQ(words(fleet), std::vector<std::string>{"fewer_workers"});
  fleet.types = {waiting("quick", 1, 10, 4, 10)};
  EXPECT_TRUE(words(fleet).empty());
}

}  // namespace
}  // namespace hirehall::scheduler
