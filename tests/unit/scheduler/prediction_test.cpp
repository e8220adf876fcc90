// What is learned of agents: chances, durations, changes; kept and taken up again.
#include "scheduler/prediction.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "scheduler/chance.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

void teach(Prediction& hall, std::string_view agent, std::string_view type, int successes, int failures,
           double took_ms = 100) {
  for (int i = 0; i < std::max(successes, failures); ++i) {
    if (i < successes) hall.learn({agent, "1", type, true, took_ms});
    if (i < failures) hall.learn({agent, "1", type, false, took_ms});
  }
}

TEST(Chance, QuantilesOfTheNormalDistribution) {
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-12);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-9);
  EXPECT_NEAR(normal_quantile(1e-6), -4.753424308822899, 1e-8);
  for (const double z : {-5.0, -1.0, 0.3, 2.0, 4.0}) EXPECT_NEAR(normal_quantile(normal_share(z)), z, 1e-7);
}

TEST(Prediction, NobodyKnowsAStranger) {
  const Prediction hall;
  const auto forecast = hall.forecast("writer", "draft");
  EXPECT_DOUBLE_EQ(forecast.success.probability, 0.5);
  EXPECT_EQ(forecast.success.outcomes, 0);
  EXPECT_GT(forecast.duration.p99_ms, forecast.duration.p50_ms);
}

TEST(Prediction, ANewAgentBeginsAtWhatOthersDoAtThatType) {
  Prediction hall;
  for (const auto* agent : {"a", "b", "c", "d", "e"}) {
    teach(hall, agent, "easy", 95, 5);
    teach(hall, agent, "hard", 15, 85);
  }
  const auto easy = hall.forecast("new", "easy").success, hard = hall.forecast("new", "hard").success;
  EXPECT_GT(easy.probability, 0.75);
  EXPECT_LT(hard.probability, 0.35);
  EXPECT_GT(easy.own_sd, hall.forecast("a", "easy").success.own_sd) << "it is known less well";
}

TEST(Prediction, ANewTypeBeginsAtWhatTheAgentDoesElsewhere) {
  Prediction hall;
  for (const auto* type : {"t", "u", "v", "w"}) {
    teach(hall, "good", type, 90, 10);
    teach(hall, "poor", type, 30, 70);
  }
  EXPECT_GT(hall.forecast("good", "new").success.probability,
            hall.forecast("poor", "new").success.probability + 0.2);
}

TEST(Prediction, AnAgentThatChangesIsNoticedAndRelearned) {
  Prediction hall;
  for (const auto* agent : {"steady", "fallen"}) teach(hall, agent, "t", 270, 30);
  ASSERT_GT(hall.forecast("fallen", "t").success.probability, 0.85);
  int needed = 0;
  while (hall.alarms() == 0 && needed < 100) ++needed, hall.learn({"fallen", "1", "t", false});
  EXPECT_LE(needed, 12) << "failures in a row until the alarm";
  teach(hall, "fallen", "t", 1, 12);
  EXPECT_LT(hall.forecast("fallen", "t").success.probability, 0.5);
  EXPECT_GT(hall.forecast("steady", "t").success.probability, 0.85);
}

TEST(Prediction, AlarmsAreRareWhereNothingChanges) {
  Stream chance(seed_of_run(41));
  Prediction hall;
  const std::array<const char*, 4> agents{"a", "b", "c", "d"};
  for (int i = 0; i < 40000; ++i) {
    const auto agent = chance.below(4);
    hall.learn({agents[agent], "1", "t", chance.uniform() < 0.5 + 0.13 * static_cast<double>(agent)});
  }
  EXPECT_LE(hall.alarms(), 4u);
}

TEST(Prediction, ChancesAreCalibrated) {
  Stream chance(seed_of_run(42));
  Prediction hall;
  std::array<std::array<double, 6>, 10> truth{};
  for (auto& row : truth)
    for (auto& p : row) p = logistic(1.2 * chance.normal());
  double believed = 0, best = 0, surplus = 0;
  for (int i = 0; i < 12000; ++i) {
    const auto a = chance.below(10), t = chance.below(6);
    const std::string agent(1, static_cast<char>('a' + a)), type(1, static_cast<char>('t' + t));
    const bool success = chance.uniform() < truth[a][t];
    const double p = hall.forecast(agent, type).success.probability, y = success ? 1 : 0;
    if (i >= 3000) {
      believed += (p - y) * (p - y);
      best += (truth[a][t] - y) * (truth[a][t] - y);
      surplus += p - y;
    }
    hall.learn({agent, "1", type, success});
  }
  EXPECT_LT(believed / best, 1.02) << "Brier score against the one of the truth";
  EXPECT_NEAR(surplus / 9000, 0, 0.01);
}

// Durations of some shape; how many of them lie below the 90 % quantile that was foretold.
double covered(double (*draw)(Stream&), std::uint64_t seed) {
  Stream chance(seed);
  Prediction hall;
  int below = 0, asked = 0;
  for (int i = 0; i < 6000; ++i) {
    const double took = draw(chance);
    if (i >= 200) {
      ++asked;
      if (took <= hall.forecast("a", "t").duration.p90_ms) ++below;
    }
    hall.learn({"a", "1", "t", true, took});
  }
  return static_cast<double>(below) / asked;
}

TEST(Prediction, NineInTenDurationsLieBelowTheirP90) {
  const auto seed = seed_of_run(43);
  const auto lognormal = [](Stream& c) { return std::exp(7 + 0.85 * c.normal()); };
  const auto skewed = [](Stream& c) {  // most are quick, some are a hundred times slower
    return c.uniform() < 0.85 ? std::exp(4 + 0.3 * c.normal()) : std::exp(8.5 + 0.3 * c.normal());
  };
  EXPECT_NEAR(covered(lognormal, seed), 0.90, 0.02);
  EXPECT_NEAR(covered(skewed, seed), 0.90, 0.02);
}

TEST(Prediction, WhatAlwaysTakesTheSameIsForetoldToATenth) {
  Prediction hall;
  teach(hall, "a", "t", 500, 0, 1000);
  EXPECT_NEAR(hall.forecast("a", "t").duration.p50_ms, 1000, 100);
  EXPECT_NEAR(hall.forecast("a", "t").duration.p90_ms, 1000, 100);
}

TEST(Prediction, ASlowAgentIsKnownToBeSlowAtANewType) {
  Prediction hall;
  for (const auto* type : {"t", "u", "v"}) {
    teach(hall, "quick", type, 60, 0, 100);
    teach(hall, "slow", type, 60, 0, 1000);
  }
  EXPECT_GT(hall.forecast("slow", "new").duration.p50_ms, 3 * hall.forecast("quick", "new").duration.p50_ms);
}

TEST(Prediction, CostAndQualityAreMeansOfWhatWasReported) {
  Prediction hall;
  hall.learn({"a", "1", "t", true, 10, 2.0, 0.5});
  hall.learn({"a", "1", "t", true, 10, 4.0});
  hall.learn({"a", "1", "t", true, 10, std::numeric_limits<double>::quiet_NaN(), -1.0});
  const auto forecast = hall.forecast("a", "t");
  EXPECT_DOUBLE_EQ(forecast.cost, 3);
  EXPECT_DOUBLE_EQ(forecast.quality, 0.5);
  EXPECT_DOUBLE_EQ(forecast.costs_told, 2);
}

TEST(Prediction, AnotherVersionIsAnotherAgent) {
  Prediction hall;
  teach(hall, "b", "t", 20, 20);
  teach(hall, "a", "t", 0, 40);
  EXPECT_LT(hall.forecast("a", "t").success.probability, 0.1);
  hall.learn({"a", "2", "t", true, 10});
  EXPECT_EQ(hall.forecast("a", "t").success.outcomes, 1);
  EXPECT_GT(hall.forecast("a", "t").success.probability, 0.3);
}

TEST(Prediction, ResetForgetsOneAgent) {
  Prediction hall;
  teach(hall, "a", "t", 0, 40);
  teach(hall, "b", "t", 40, 0);
  EXPECT_FALSE(hall.reset("nobody"));
  EXPECT_TRUE(hall.reset("a"));
  EXPECT_EQ(hall.forecast("a", "t").success.outcomes, 0);
  EXPECT_EQ(hall.forecast("b", "t").success.outcomes, 40);
  EXPECT_EQ(hall.status().size(), 1u);
}

TEST(Prediction, TooManyNamesAreToldAndNotLearned) {
  Prediction hall;
  for (std::size_t i = 0; i < Prediction::names_max; ++i)
    ASSERT_TRUE(hall.learn({"a" + std::to_string(i), "1", "t", true}));
  EXPECT_FALSE(hall.learn({"one more", "1", "t", true}));
  EXPECT_EQ(hall.refused(), 1u);
  EXPECT_TRUE(hall.learn({"a0", "1", "t", true}));
}

TEST(Prediction, TooManyPairsOfAgentAndTypeAreToldAndNotLearned) {
  Prediction hall;
  for (std::size_t i = 0; i < Prediction::cells_max; ++i)
    ASSERT_TRUE(hall.learn({"a" + std::to_string(i % 128), "1", "t" + std::to_string(i / 128), true}));
  EXPECT_FALSE(hall.learn({"a1", "1", "one more", true}));
  EXPECT_TRUE(hall.reset("a2"));
  EXPECT_TRUE(hall.learn({"a1", "1", "one more", true})) << "an agent that is forgotten makes room";
  EXPECT_EQ(hall.status().size(), Prediction::cells_max - 127);
}

TEST(QuantileSketch, QuantilesAreWithinFivePerCent) {
  Stream chance(seed_of_run(45));
  QuantileSketch sketch;
  EXPECT_EQ(sketch.quantile(0.5), 0);
  for (int i = 0; i < 100000; ++i) sketch.add(std::exp(5 + chance.normal()));
  for (const double share : {0.1, 0.5, 0.9})
    EXPECT_NEAR(std::log(sketch.quantile(share)), 5 + normal_quantile(share), 0.12);
  EXPECT_LT(sketch.buckets(), 120u);
  for (const double value : {0.0, -1.0, 1e300}) sketch.add(value);
  EXPECT_LT(sketch.quantile(1), std::exp(51));
}

Prediction experienced() {
  Stream chance(9);
  Prediction hall;
  const std::array<const char*, 3> names{"a", "b", "c"};
  for (int i = 0; i < 900; ++i) {
    Features f;
    f.number("size", chance.normal());
    f.word("colour", names[chance.below(3)]);
    hall.learn({names[chance.below(3)],
                "1",
                names[chance.below(3)],
                chance.below(3) > 0,
                std::exp(5 + chance.normal()),
                1.5,
                {},
                chance.below(2) == 0 ? &f : nullptr});
  }
  return hall;
}

TEST(PredictionBytes, WhatIsTakenUpAgainPredictsTheSame) {
  const auto hall = experienced();
  const auto again = Prediction::load(hall.save());
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(again->save(), hall.save());
  EXPECT_EQ(again->outcomes(), 900u);
  EXPECT_EQ(again->forecast("a", "b").success.probability, hall.forecast("a", "b").success.probability);
  EXPECT_EQ(again->forecast("a", "b").duration.p90_ms, hall.forecast("a", "b").duration.p90_ms);
}

TEST(PredictionBytes, DamageIsRefusedByName) {
  const auto bytes = experienced().save();
  for (std::size_t cut = 0; cut < bytes.size(); cut += cut < 400 ? 1 : 97) {
    const auto loaded = Prediction::load(std::string_view(bytes).substr(0, cut));
    ASSERT_FALSE(loaded) << cut << " bytes of " << bytes.size();
    EXPECT_EQ(loaded.error().code, Code::corrupt);
  }
  auto newer = bytes;
  newer[0] = 99;
  EXPECT_NE(describe(Prediction::load(newer).error()).find("format is 99"), std::string::npos);
}

TEST(PredictionBytes, NoBytesCrashTheReader) {
  Chance chance(seed_of_run(46));
  const auto bytes = experienced().save();
  for (int i = 0; i < 3000; ++i) {
    auto damaged = bytes;
    for (std::uint32_t k = 0; k <= chance.below(4); ++k)
      damaged[chance.below(static_cast<std::uint32_t>(damaged.size()))] =
          static_cast<char>(chance.below(256));
    const auto loaded = Prediction::load(damaged);
    if (loaded) loaded->status();
  }
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) >> 4], hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// The form of an empty hall is pinned: when this test fails, the format has changed and needs a new number.
TEST(PredictionBytes, FormatThree) {
  EXPECT_EQ(hex_of(Prediction().save()),
            "03000000"  // format, outcomes, types, agents
            "0000000000000000"
            "0000000000000240"  // chances: what all have in common
            "000000"            // alarms, types, agents
            "0000000000001c40"
            "0000000000003040"  // durations: what all have in common
            "0000000000000040"
            "000000000000f03f"  // the pooled variance
            "0000");            // types, agents
}

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// As a program of format 2 kept it: one agent, a success and a failure with tokens=300 and language=de. Its
// models of features are of chances only.
TEST(PredictionBytes, TheSecondFormatIsRead) {
  constexpr std::string_view kept =
      "0202010174000101610131000100000000000000f03f0000000000000040000000000000000000000000000000000100"
      "000000000000004003000000000000000000006807754c128979bf06746f6b656e730100000000000000400000000000"
      "0000000c86a9747596194000000000000000000c86a97475961940000000000000f03f0b6c616e67756167653d646500"
      "0000000000000040ecb66d0aa2bbb1bfe33e6903cea2b63f0000000000000000000000000000f03f181565681ff591bf"
      "000000000000000002ae4edfc6c3e93fac7661f3a2c6bfbfdb91191b4e8df63f0001f2b11effa1d2abbf6c7ede6c884b"
      "dc3f01fc645f5b4864b1bfcea256440be8e13f62b095097576cb3f010020bfb45825e5b4bfe2b98e77d1dee53f000000"
      "000000f03f000000000000f03f62b095097576cb3fd4e18941d8b81b4008cf086a0c940f4000000000000004408a49e6"
      "046900f03f01178b879defc991bf1ba5359b4af9094001d3f38976db6e61bf426156d547a3de3f01000000000000000c"
      "40178b879defc951bf26f599c73ba0cf3f8a49e6046900f83f000000000000f03f3d24bafa1387e53f3d24bafa1387e5"
      "3f010148000000000000f03f";
  auto hall = Prediction::load(bytes_of(kept));
  ASSERT_TRUE(hall) << describe(hall.error());
  Features f;
  f.number("tokens", 300);
  f.word("language", "de");
  EXPECT_NEAR(hall->shift("a", "t", f).log_odds, -0.0755035, 1e-6);
  EXPECT_NEAR(hall->shift("a", "t", f).variance, 0.8584969, 1e-6);
  EXPECT_EQ(hall->forecast("a", "t", &f).duration.p50_ms, hall->forecast("a", "t").duration.p50_ms);
  EXPECT_DOUBLE_EQ(hall->forecast("a", "t", &f).cost, 0.5);
  hall->learn({"a", "1", "t", true, 3000, 1.5, {}, &f});
  EXPECT_NE(hall->status()[0].duration_features, nullptr);
  EXPECT_TRUE(Prediction::load(hall->save()));
  auto newer = bytes_of(kept);
  newer[0] = 3;
  EXPECT_FALSE(Prediction::load(newer)) << "it is of another form";
}

// Agents of format 1 end with a byte that says whether a model of features follows; nothing fed it.
TEST(PredictionBytes, TheFirstFormatIsRead) {
  Prediction hall;
  teach(hall, "a", "t", 3, 1);
  auto bytes = hall.save();
  bytes[0] = 1;
  const auto plain = Prediction::load(bytes);
  ASSERT_TRUE(plain) << describe(plain.error());
  EXPECT_EQ(plain->save(), hall.save());
  const std::string agent("\x01\x61\x01\x31\x00\x00", 6);  // its name, version, number, nothing told
  const auto flag = bytes.find(agent) + agent.size();
  ASSERT_EQ(bytes[flag], 0);
  bytes[flag] = 1;
  bytes.insert(flag + 1, std::string((1 + 16 + 136) * 8, '\0'));
  const auto modelled = Prediction::load(bytes);
  ASSERT_TRUE(modelled) << describe(modelled.error());
  EXPECT_EQ(modelled->save(), hall.save());
}

}  // namespace
}  // namespace hirehall::scheduler
