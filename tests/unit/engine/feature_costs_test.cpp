// Tasks that are announced long cost their lane at once what they are expected to take (I13).
#include "broker/engine/costs.h"

#include "common/task_features.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

std::string tokens(double n) {
  return write_features({{"tokens", true, n, {}}});
}

constexpr Millis long_ms = 4000, short_ms = 250;  // of 1,600 and of 100 tokens, 2.5 ms each

// Two agents that take as long for the same, which is by the token.
class FeatureCosts : public testing::Test {
 protected:
  FeatureCosts() {
    hall.learned = &prediction;
    for (const auto* agent : {"one", "other"}) {
      auto& hand = hall.hire({"echo"}, 2, agent);
      hand.timed = true;
      hall.come_back(hand, {});
      for (int i = 0; i < 200; ++i)
        for (const double n : {100.0, 200.0, 400.0, 800.0, 1600.0}) {
          const auto features = scheduler::Features::of(tokens(n));
          prediction.learn({agent, "1", "echo", true, n * 2.5, {}, {}, &features});
        }
    }
    QueueSettings settings;
    settings.policy = "learned";
    EXPECT_TRUE(hall.engine->set_queue("default", settings));
  }
  static TaskOptions task(const std::string& tenant, double n) {
    auto options = echo();
    options.tenant = tenant;
    if (n > 0) options.features = tokens(n);
    return options;
  }
  std::uint32_t lane_of(const std::string& tenant) const {
    const auto& lanes = hall.engine->ledger().lanes;
    for (std::uint32_t i = 0; i < lanes.size(); ++i)
      if (lanes[i].tenant == tenant) return i;
    return 0;
  }
  const LaneService& service(const std::string& tenant) const {
    return hall.engine->costs().service(lane_of(tenant));
  }
  Millis mean(const std::string& tenant) const { return hall.engine->costs().expected(lane_of(tenant), 0); }
  // Runs for as long as its tokens say, and ends.
  void run(const std::string& tenant, double n, Millis takes) {
    const auto sequence = hall.submit("task", task(tenant, n));
    hall.turn();
    for (auto& hand : hall.hands)
      if (!hand.awards.empty() && hand.awards.front().sequence == sequence) {
        const auto award = hand.awards.front();
        hall.pass(takes);
        FinishItem item;
        item.ran_ms = takes;
        EXPECT_EQ(hall.finish(hand, award, item), Code::ok);
        return;
      }
    ADD_FAILURE() << "nobody has it";
  }
  // At the award of one such task, before anything is known of how long it took.
  std::int64_t charge_of(const std::string& tenant, double n) {
    const auto before = service(tenant).charged_ms;
    const auto sequence = hall.submit("task", task(tenant, n));
    hall.turn();
    EXPECT_EQ(hall.state(sequence), State::leased);
    return static_cast<std::int64_t>(service(tenant).charged_ms - before);
  }

  scheduler::Prediction prediction;
  Hall hall;
};

TEST_F(FeatureCosts, TheRatioIsCutToSaneBounds) {
  EXPECT_EQ(Costs::by_features(0, 100), Costs::whole) << "nothing is known";
  EXPECT_EQ(Costs::by_features(100, 0), Costs::whole);
  EXPECT_EQ(Costs::by_features(100, 100), Costs::whole);
  EXPECT_EQ(Costs::by_features(300, 100), 3 * Costs::whole);
  EXPECT_EQ(Costs::by_features(1'000'000'000'000, 1), 16 * Costs::whole);
  EXPECT_EQ(Costs::by_features(1, 1'000'000'000'000), Costs::whole / 16);
}

TEST_F(FeatureCosts, OfTwoLanesWithTheSameMeanTheOneWithLongTasksPaysAtTheAward) {
  for (int i = 0; i < 20; ++i)
    for (const auto* tenant : {"a", "b"}) run(tenant, 100, short_ms), run(tenant, 1600, long_ms);
  EXPECT_NEAR(static_cast<double>(mean("a")), static_cast<double>(mean("b")), 50);
  const auto lengthy = charge_of("a", 1600), brief = charge_of("b", 100);
  EXPECT_GT(lengthy, long_ms * 7 / 10) << "before it has run at all";
  EXPECT_LT(lengthy, long_ms * 14 / 10);
  EXPECT_GT(brief, short_ms * 7 / 10);
  EXPECT_LT(brief, short_ms * 14 / 10);
  // So the other lane has its turns meanwhile: the lag is known at the award.
  EXPECT_GT(lengthy - brief, (long_ms - short_ms) * 7 / 10);
}

TEST_F(FeatureCosts, WhatFeaturesExplainIsNotLearnedAsTheLanes) {
  for (int i = 0; i < 40; ++i) run("long", 1600, long_ms), run("short", 100, short_ms);
  const auto of_long = static_cast<double>(mean("long")), of_short = static_cast<double>(mean("short"));
  EXPECT_NEAR(of_long / of_short, 1, 0.2) << "they differ by their tokens only";
  const auto charged = charge_of("long", 1600);
  EXPECT_NEAR(static_cast<double>(charged), long_ms, long_ms * 0.15) << "not twice by its length";
}

TEST_F(FeatureCosts, AnEndSetsRightWhatWasCharged) {
  for (int i = 0; i < 10; ++i) run("a", 400, 1000);
  const auto& seen = service("a");
  const auto before = seen.used_ms();
  run("a", 1600, 700);  // it was thought long, and was not
  EXPECT_EQ(seen.used_ms() - before, 700);
  run("a", 100, 3000);
  EXPECT_EQ(seen.used_ms() - before, 3700);
  run("a", 0, 900);
  EXPECT_EQ(seen.used_ms() - before, 4600) << "the slots are those of tasks with features";
}

TEST_F(FeatureCosts, TasksWithoutFeaturesCostTheMeanAndSoDoTasksOfOtherPolicies) {
  for (int i = 0; i < 20; ++i) run("a", 0, 500);
  EXPECT_EQ(mean("a"), 500);
  EXPECT_EQ(charge_of("a", 0), 500);
  QueueSettings settings;
  settings.policy = "least_loaded";
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  EXPECT_EQ(charge_of("a", 1600), 500);
}

// Then no policy has looked at what it takes.
TEST_F(FeatureCosts, WithNothingToChooseItIsTheMean) {
  for (int i = 0; i < 20; ++i) run("a", 100, short_ms);
  hall.engine->disconnect_worker(hall.hands[1].number);
  EXPECT_EQ(charge_of("a", 100), mean("a"));
}

TEST_F(FeatureCosts, ARestartBeginsAnewAndCorrectsAsBefore) {
  for (int i = 0; i < 10; ++i) run("a", 1600, long_ms);
  hall.submit("task", task("a", 1600));
  hall.turn();
  hall.restart();
  for (auto& hand : hall.hands) {
    std::vector<std::uint64_t> holding;
    for (const auto& award : hand.awards) holding.push_back(award.token);
    EXPECT_TRUE(hall.come_back(hand, holding).empty());
  }
  hall.pass(1000);
  for (auto& hand : hall.hands)
    while (!hand.awards.empty()) {
      FinishItem item;
      item.ran_ms = 1000;
      hall.finish(hand, hand.awards.front(), item);
    }
  EXPECT_EQ(service("a").used_ms(), 1000);
  EXPECT_EQ(mean("a"), 1000) << "its features were charged by nobody who is there";
}

}  // namespace
}  // namespace hirehall::engine
