// What features of tasks add to what is learned of agents: numbers, words, bounds.
#include "scheduler/features.h"

#include <cmath>
#include <limits>
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

Features language(const std::string& word) {
  return Features::of(write_features({{"language", false, 0, word}}));
}

double chance_of(const Prediction& hall, std::string_view agent, const Features& features) {
  return hall.forecast(agent, "t", &features).success.probability;
}

TEST(Features, LongTasksFailAndTheHallNoticesWhy) {
  Stream chance(seed_of_run(44));
  Prediction hall;
  const auto length = [](double x) {
    Features f;
    f.number("length", x);
    f.word("language", x > 0 ? "fi" : "en");
    return f;
  };
  for (int i = 0; i < 2000; ++i) {
    const double x = chance.normal();
    const auto f = length(x);
    hall.learn({"a", "1", "t", chance.uniform() < logistic(-2 * x), 10, {}, {}, &f});
  }
  const auto shorter = length(-1), longer = length(1);
  EXPECT_GT(hall.forecast("a", "t", &shorter).success.probability, 0.75);
  EXPECT_LT(hall.forecast("a", "t", &longer).success.probability, 0.25);
  EXPECT_NEAR(hall.forecast("a", "t").success.probability, 0.5, 0.4);
}

TEST(Features, NumbersOfAnySizeAreLearned) {
  for (const double scale : {1e-3, 1.0, 12000.0, 1e12}) {
    Stream chance(seed_of_run(45));
    Prediction hall;
    for (int i = 0; i < 400; ++i) {
      const bool high = chance.below(2) == 0;
      const auto f = tokens(scale * (high ? 1 : 0.25) * (0.9 + 0.2 * chance.uniform()));
      hall.learn({"a", "1", "t", chance.uniform() < (high ? 0.1 : 0.9), 10, {}, {}, &f});
    }
    EXPECT_GT(chance_of(hall, "a", tokens(scale * 0.25)), 0.75) << scale;
    EXPECT_LT(chance_of(hall, "a", tokens(scale)), 0.25) << scale;
    const auto rows = hall.status();
    ASSERT_EQ(rows.size(), 1u);
    const auto weights = rows[0].features->weights();
    ASSERT_EQ(weights.size(), 1u);
    EXPECT_LT(weights[0].weight, -2 * weights[0].sd);
    EXPECT_LT(weights[0].low, weights[0].high);
    EXPECT_EQ(weights[0].seen, 400);
  }
}

TEST(Features, WhatNobodyHasSeenAddsNothing) {
  Prediction hall;
  const auto known = language("de"), unknown = language("fi");
  for (int i = 0; i < 50; ++i) hall.learn({"a", "1", "t", true, 10, {}, {}, &known});
  EXPECT_GT(chance_of(hall, "a", known), hall.forecast("a", "t").success.probability);
  EXPECT_NEAR(hall.shift("a", "t", unknown).log_odds, hall.shift("a", "t", tokens(3)).log_odds, 1e-9);
  EXPECT_EQ(hall.shift("a", "other", known).variance, 0);
  EXPECT_EQ(hall.shift("b", "t", known).variance, 0);
}

// A hard stretch, foretold by its feature, is not taken for a change of the agent.
TEST(Features, ARunOfHardTasksRingsNoAlarm) {
  Stream chance(seed_of_run(46));
  Prediction with, without;
  const auto easy = language("en"), hard = language("fi");
  const auto live = [&](Prediction& hall, const Features* told, double p) {
    hall.learn({"a", "1", "t", chance.uniform() < p, 10, {}, {}, told});
  };
  for (int i = 0; i < 300; ++i) {
    const bool is_hard = i % 10 == 0;
    live(with, is_hard ? &hard : &easy, is_hard ? 0 : 0.95);
    live(without, nullptr, is_hard ? 0 : 0.95);
  }
  for (int i = 0; i < 60; ++i) live(with, &hard, 0), live(without, nullptr, 0);
  EXPECT_EQ(with.alarms(), 0u);
  EXPECT_LT(without.forecast("a", "t").success.probability, 0.6) << "what features spare it";
  EXPECT_GT(chance_of(with, "a", easy), 0.8);
  EXPECT_LT(chance_of(with, "a", hard), 0.2);
}

TEST(Features, RareWordsComeAndGoAndCommonOnesStay) {
  Stream chance(seed_of_run(47));
  Prediction hall;
  for (int i = 0; i < 3000; ++i) {
    const bool german = chance.below(2) == 0;
    const auto f = Features::of(write_features(
        {{"customer", false, 0, "c" + std::to_string(i)}, {"language", false, 0, german ? "de" : "en"}}));
    hall.learn({"a", "1", "t", chance.uniform() < (german ? 0.9 : 0.2), 10, {}, {}, &f});
  }
  ASSERT_EQ(hall.status().size(), 1u);
  EXPECT_EQ(hall.status()[0].features->size(), FeatureModel::width);
  EXPECT_GT(hall.feature_counts().displaced, 2700u);
  EXPECT_LE(hall.alarms(), 1u);
  EXPECT_GT(chance_of(hall, "a", language("de")), 0.75);
  EXPECT_LT(chance_of(hall, "a", language("en")), 0.35);
}

TEST(Features, TooManyPairsLearnWithoutAndAreCounted) {
  Prediction hall;
  const auto f = language("de");
  for (std::size_t i = 0; i <= Prediction::feature_models_max; ++i)
    hall.learn({"a" + std::to_string(i % 16), "1", "t" + std::to_string(i / 16), false, 10, {}, {}, &f});
  EXPECT_EQ(hall.feature_counts().weights, Prediction::feature_models_max);
  EXPECT_EQ(hall.feature_counts().left_out, 1u);
  EXPECT_TRUE(hall.reset("a1"));
  EXPECT_EQ(hall.feature_counts().weights, Prediction::feature_models_max - 32);
  EXPECT_TRUE(hall.learn({"b", "1", "t", true, 10, {}, {}, &f}));
  EXPECT_GT(hall.shift("b", "t", f).variance, 0);
}

TEST(Features, AnotherVersionAndAForgottenAgentKnowNothingOfThem) {
  Prediction hall;
  const auto f = language("de");
  for (int i = 0; i < 20; ++i) hall.learn({"a", "1", "t", true, 10, {}, {}, &f});
  ASSERT_GT(hall.shift("a", "t", f).log_odds, 0);
  hall.learn({"a", "2", "t", false, 10, {}, {}, &f});
  EXPECT_LT(hall.shift("a", "t", f).log_odds, 0);
  hall.reset("a");
  EXPECT_EQ(hall.shift("a", "t", f).variance, 0);
  EXPECT_EQ(hall.feature_counts().weights, 0u);
}

// What is told in new steps of a number is the same belief.
TEST(Features, ANewSpreadChangesNoBelief) {
  Stream chance(seed_of_run(48));
  FeatureModel model;
  for (int i = 1; i <= 127; ++i) {
    const auto size = static_cast<double>(1 + chance.below(1000));
    model.learn(tokens(i < 64 ? size : 8 * size), 0, 1, chance.below(3) > 0);
  }
  const auto before = model;
  model.learn(tokens(3000), 0, 1, true);  // the 128th: the spread is taken anew
  EXPECT_GT(model.weights()[0].high, 3 * before.weights()[0].high);
  for (const double at : {300.0, 2000.0, 8000.0})
    EXPECT_NEAR(before.shift(tokens(at)).log_odds, model.shift(tokens(at)).log_odds, 0.2)
        << "no more than one lesson changes, at " << at;
}

// A count that is nothing in the first tasks: the steps in which it is told jump by nine orders.
TEST(Features, ANumberThatWasTheSameAtFirstSpoilsNothing) {
  for (const double constant : {0.0, 7.0}) {
    FeatureModel model;
    double farthest = 0;
    for (int task = 0; task < 200; ++task) {
      Features features;
      features.number("images", task < 8 ? constant : 5.0 * (task % 4));
      model.learn(features, 0, 0.01, task % 2 == 0);
      farthest = std::max(farthest, std::abs(model.shift(features).log_odds));
    }
    EXPECT_LT(farthest, 5) << constant;
  }
}

// A unit that nobody had set: once the right numbers come, the first ones are not among the steps any more.
TEST(Features, NumbersThatWereWrongAtFirstAreOutOfTheStepsSoon) {
  Stream chance(seed_of_run(49));
  FeatureModel model;
  for (int task = 0; task < 40; ++task)
    model.learn(tokens(task < 8 ? 0 : 1e9 * std::exp(chance.normal())), 0, 1, true);
  EXPECT_GT(model.weights()[0].low, 5e7);
  EXPECT_LT(model.weights()[0].high, 5e10);
}

TEST(Features, WhatIsNoNumberIsLeftOut) {
  Features f;
  f.number("length", std::numeric_limits<double>::quiet_NaN());
  f.number("length", std::numeric_limits<double>::infinity());
  EXPECT_TRUE(f.empty());
  EXPECT_TRUE(Features::of("\xc1").empty());
  f.number("length", 1e300);
  ASSERT_EQ(f.all().size(), 1u);
  Prediction hall;
  for (int i = 0; i < 40; ++i) hall.learn({"a", "1", "t", true, 10, {}, {}, &f});
  EXPECT_GT(chance_of(hall, "a", f), 0.9);
  EXPECT_TRUE(Prediction::load(hall.save()));
}

}  // namespace
}  // namespace hirehall::scheduler
