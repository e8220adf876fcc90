// What features of tasks say of durations and costs: slopes, means, bounds, and what is not believed.
#include "scheduler/amounts.h"

#include <cmath>
#include <string>

#include "common/task_features.h"
#include "scheduler/chance.h"
#include "scheduler/prediction.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Features tokens(double count) {
  return Features::of(write_features({{"tokens", true, count, {}}}));
}

// Ten milliseconds and a hundred-thousandth of a unit for each token.
struct ByTokens {
  Stream chance;
  Prediction hall;
  double next_tokens() { return std::round(std::exp(7 + 1.3 * chance.normal())); }
  double took(double count) { return 10 * count * std::exp(0.2 * chance.normal()); }
  double cost(double count) { return 1e-5 * count * std::exp(0.2 * chance.normal()); }
  void live(int tasks) {
    for (int i = 0; i < tasks; ++i) {
      const double count = next_tokens();
      const auto f = tokens(count);
      hall.learn({"a", "1", "t", true, took(count), cost(count), {}, &f});
    }
  }
};

TEST(Amounts, WhatATaskTakesAndCostsGoesByItsTokens) {
  ByTokens world{Stream(seed_of_run(61)), {}};
  world.live(200);
  const double without = world.hall.forecast("a", "t").duration.p50_ms;
  for (const double count : {100.0, 1000.0, 12000.0}) {
    const auto f = tokens(count);
    const auto told = world.hall.forecast("a", "t", &f);
    EXPECT_NEAR(std::log(told.duration.p50_ms / (10 * count)), 0, 0.2) << count;
    EXPECT_NEAR(std::log(told.cost / (1e-5 * count)), 0, 0.25) << count;
    EXPECT_LT(told.duration.p90_ms, 2 * told.duration.p50_ms);
    EXPECT_LE(told.duration.p90_ms, told.duration.p99_ms);
    const auto award = world.hall.by_features("a", "t", f, without, world.hall.forecast("a", "t").cost);
    EXPECT_NEAR(award.p50_ms, told.duration.p50_ms, 1e-6 * told.duration.p50_ms);
    EXPECT_NEAR(award.cost, told.cost, 1e-6);
  }
  EXPECT_NEAR(std::log(without / 10'000), 0, 0.5) << "without features it is what all take";
  const auto rows = world.hall.status();
  ASSERT_NE(rows[0].duration_features, nullptr);
  ASSERT_NE(rows[0].cost_features, nullptr);
  EXPECT_NEAR(rows[0].duration_features->weights()[0].weight, 1.3, 0.3)
      << "a step is one spread of the tokens";
}

TEST(Amounts, NineOfTenEndBeforeP90OfTheLongOnesToo) {
  ByTokens world{Stream(seed_of_run(62)), {}};
  world.live(100);
  double all = 0, below = 0, lengthy = 0, lengthy_below = 0, lengthy_without = 0;
  for (int i = 0; i < 3000; ++i) {
    const double count = world.next_tokens(), took = world.took(count);
    const auto f = tokens(count);
    const auto with = world.hall.forecast("a", "t", &f).duration.p90_ms;
    const auto without = world.hall.forecast("a", "t").duration.p90_ms;
    all += 1, below += took <= with;
    if (count > 3000) lengthy += 1, lengthy_below += took <= with, lengthy_without += took <= without;
    world.hall.learn({"a", "1", "t", true, took, {}, {}, &f});
  }
  EXPECT_NEAR(below / all, 0.9, 0.025);
  EXPECT_NEAR(lengthy_below / lengthy, 0.9, 0.05);
  EXPECT_LT(lengthy_without / lengthy, 0.75) << "what features are for";
}

TEST(Amounts, TasksWithoutFeaturesAreForetoldAsIfThereWereNone) {
  Stream chance(seed_of_run(63));
  Prediction with, without;
  for (int i = 0; i < 300; ++i) {
    const auto f = tokens(1 + static_cast<double>(chance.below(5000)));
    const double took = 5 + static_cast<double>(chance.below(9000)), cost = chance.uniform();
    with.learn({"a", "1", "t", true, took, cost, {}, i % 2 == 0 ? &f : nullptr});
    without.learn({"a", "1", "t", true, took, cost});
  }
  const auto a = with.forecast("a", "t"), b = without.forecast("a", "t");
  EXPECT_EQ(a.duration.p50_ms, b.duration.p50_ms);
  EXPECT_EQ(a.duration.p90_ms, b.duration.p90_ms);
  EXPECT_EQ(a.cost, b.cost);
  const auto f = tokens(10), unknown = Features::of(write_features({{"pages", true, 3, {}}}));
  EXPECT_EQ(without.forecast("a", "t", &f).duration.p90_ms, b.duration.p90_ms);
  EXPECT_EQ(with.forecast("a", "t", &unknown).duration.p90_ms, b.duration.p90_ms);
  EXPECT_EQ(with.forecast("a", "t", &unknown).cost, b.cost);
}

// Words that say nothing of the time: what is foretold is no worse than without them.
TEST(Amounts, FeaturesThatSayNothingDoNoHarm) {
  Stream chance(seed_of_run(64));
  Prediction hall;
  double with = 0, without = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto f =
        Features::of(write_features({{"customer", false, 0, "c" + std::to_string(chance.below(200))},
                                     {"weight", true, std::exp(20 * chance.normal()), {}}}));
    const double took = std::exp(6 + chance.normal());
    if (i >= 50) {
      with += std::abs(std::log(took / hall.forecast("a", "t", &f).duration.p50_ms));
      without += std::abs(std::log(took / hall.forecast("a", "t").duration.p50_ms));
    }
    hall.learn({"a", "1", "t", true, took, {}, {}, &f});
  }
  EXPECT_LT(with, 1.06 * without);
}

// Fifty fits that are one thing, then the same number means another: the model is not believed while it errs.
TEST(Amounts, AModelThatErrsIsNotBelieved) {
  Stream chance(seed_of_run(65));
  Prediction hall;
  const auto took = [&](double count, bool turned) {
    return (turned ? 3e7 / count : 10 * count) * std::exp(0.1 * chance.normal());
  };
  for (int i = 0; i < 60; ++i) {
    const double count = 300 * std::exp(2 * chance.uniform());
    const auto f = tokens(count);
    hall.learn({"a", "1", "t", true, took(count, false), {}, {}, &f});
  }
  double with = 0, without = 0;
  for (int i = 0; i < 100; ++i) {
    const double count = 300 * std::exp(2 * chance.uniform()), x = took(count, true);
    const auto f = tokens(count);
    with += std::abs(std::log(x / hall.forecast("a", "t", &f).duration.p50_ms));
    without += std::abs(std::log(x / hall.forecast("a", "t").duration.p50_ms));
    hall.learn({"a", "1", "t", true, x, {}, {}, &f});
  }
  EXPECT_LT(with, 1.3 * without);
}

TEST(Amounts, WrongUnitsAtFirstAreToldInNewSteps) {
  ByTokens world{Stream(seed_of_run(66)), {}};
  const auto nothing = tokens(0);
  for (int i = 0; i < 8; ++i) world.hall.learn({"a", "1", "t", true, 5000, 0.05, {}, &nothing});
  for (int i = 0; i < 200; ++i) {
    const double count = 1e9 * world.next_tokens();
    const auto f = tokens(count);
    const auto told = world.hall.forecast("a", "t", &f), bare = world.hall.forecast("a", "t");
    EXPECT_LT(told.duration.p50_ms, AmountModel::factor_max * 1.001 * bare.duration.p50_ms);
    EXPECT_GT(told.cost * AmountModel::factor_max * 1.001, bare.cost);
    world.hall.learn({"a", "1", "t", true, world.took(count * 1e-9), world.cost(count * 1e-9), {}, &f});
  }
  const auto small = tokens(2e11), large = tokens(12e12);
  EXPECT_GT(world.hall.forecast("a", "t", &large).duration.p50_ms,
            10 * world.hall.forecast("a", "t", &small).duration.p50_ms);
}

TEST(Amounts, WhatCostsNothingCountsInTheMean) {
  Stream chance(seed_of_run(67));
  Prediction hall;
  for (int i = 0; i < 400; ++i) {
    const double count = std::exp(5 + 2 * chance.uniform());
    const auto f = tokens(count);
    hall.learn({"a", "1", "t", true, 10, chance.below(2) == 0 ? 0 : 0.001 * count, {}, &f});
  }
  const auto f = tokens(400);
  EXPECT_NEAR(hall.forecast("a", "t", &f).cost, 0.2, 0.06);
  Prediction free;
  for (int i = 0; i < 40; ++i) free.learn({"a", "1", "t", true, 10, 0.0, {}, &f});
  EXPECT_EQ(free.forecast("a", "t", &f).cost, 0);
  EXPECT_EQ(free.status()[0].cost_features, nullptr);
}

TEST(Amounts, FailuresTeachCostsAndNoDurations) {
  Prediction hall;
  const auto f = tokens(100);
  for (int i = 0; i < 5; ++i) hall.learn({"a", "1", "t", false, 10, 2.0, {}, &f});
  const auto row = hall.status()[0];
  EXPECT_EQ(row.duration_features, nullptr);
  ASSERT_NE(row.cost_features, nullptr);
  EXPECT_NEAR(hall.forecast("a", "t", &f).cost, 2, 0.1);
}

TEST(Amounts, ThirtyTwoWeightsAndTheCommonOnesStay) {
  Stream chance(seed_of_run(68));
  Prediction hall;
  for (int i = 0; i < 1000; ++i) {
    const bool german = chance.below(2) == 0;
    const auto f = Features::of(write_features(
        {{"customer", false, 0, "c" + std::to_string(i)}, {"language", false, 0, german ? "de" : "en"}}));
    hall.learn({"a", "1", "t", true, (german ? 1000 : 100) * std::exp(0.2 * chance.normal()), {}, {}, &f});
  }
  const auto row = hall.status()[0];
  EXPECT_EQ(row.duration_features->size(), AmountModel::width);
  EXPECT_EQ(hall.feature_counts().weights, FeatureModel::width + AmountModel::width);
  const auto german = Features::of(write_features({{"language", false, 0, "de"}}));
  EXPECT_NEAR(std::log(hall.forecast("a", "t", &german).duration.p50_ms / 1000), 0, 0.35);
}

TEST(Amounts, AnAgentThatGetsFasterIsNoticed) {
  ByTokens world{Stream(seed_of_run(69)), {}};
  world.live(2000);
  const auto thousand = tokens(1000);
  const auto foretold = [&] { return world.hall.forecast("a", "t", &thousand).duration.p50_ms; };
  EXPECT_NEAR(foretold(), 10'000, 1500);
  for (int i = 0; i < 300; ++i) {
    const double count = world.next_tokens();
    const auto f = tokens(count);
    world.hall.learn({"a", "1", "t", true, world.took(count) / 4, {}, {}, &f});
    if (i == 120) {
      EXPECT_LT(foretold(), 5000) << "half of it";
    }
  }
  EXPECT_LT(foretold(), 3500);
}

TEST(Amounts, TakenUpAgainTheyTellTheSame) {
  ByTokens world{Stream(seed_of_run(70)), {}};
  world.live(150);
  const auto bytes = world.hall.save();
  const auto again = Prediction::load(bytes);
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(again->save(), bytes);
  const auto f = tokens(5000);
  EXPECT_EQ(again->forecast("a", "t", &f).duration.p90_ms, world.hall.forecast("a", "t", &f).duration.p90_ms);
  EXPECT_EQ(again->forecast("a", "t", &f).cost, world.hall.forecast("a", "t", &f).cost);
  EXPECT_TRUE(world.hall.reset("a"));
  EXPECT_EQ(world.hall.status().size(), 0u);
}

}  // namespace
}  // namespace hirehall::scheduler
