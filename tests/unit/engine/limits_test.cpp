// Limits spoken to: how many run, how many begin in a time, and who waits for what.
#include <array>
#include <functional>
#include <set>
#include <vector>

#include "broker/engine/few.h"
#include "common/hash.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

constexpr Millis minute = 60'000;

TEST(Windows, NoStretchOfTheWindowSeesMoreThanTheRate) {
  Window window({10, 1600});
  std::vector<Millis> awards;
  std::uint64_t chance = 7;
  for (Millis now = 0; now < 30'000; now += static_cast<Millis>((chance = mix(chance)) % 97)) {
    if (window.full(now)) {
      EXPECT_GT(window.opens_at(now), now);
      continue;
    }
    EXPECT_EQ(window.opens_at(now), now);
    window.count(now);
    awards.push_back(now);
  }
  for (std::size_t i = 10; i < awards.size(); ++i) EXPECT_GE(awards[i] - awards[i - 10], 1600) << i;
  EXPECT_GT(awards.size(), 150u) << "of 187 that a perfect account would allow";
}

TEST(Windows, SavedPiecesGiveTheSameWindow) {
  Window window({5, 1000});
  for (Millis now : {10, 20, 500, 900}) window.count(now);
  Window again({5, 1000});
  again.restore(window.pieces_at(950), {});
  for (Millis now : {950, 1000, 1100, 1500, 2000, 5000}) EXPECT_EQ(again.used(now), window.used(now)) << now;
}

// What a gate remembers to spare its windows the question changes no answer.
TEST(Gates, AreFullExactlyWhenAWindowIs) {
  Gate gate;
  gate.windows = {Window({3, 500}), Window({20, 10'000})};
  gate.find_spare();
  std::uint64_t chance = 11;
  std::size_t passed = 0, held = 0;
  for (Millis now = 0; now < 60'000; now += static_cast<Millis>((chance = mix(chance)) % 211)) {
    const bool full = gate.windows[0].full(now) || gate.windows[1].full(now);
    ASSERT_EQ(gate.full(now), full) << now;
    ++(full ? held : passed);
    if (!full) gate.count(now);
    if (chance % 37 != 0) continue;
    gate.windows[0].set_units(static_cast<std::uint32_t>(1 + chance % 5));  // as when a limit is set anew
    gate.find_spare();
  }
  EXPECT_GT(passed, 50u);
  EXPECT_GT(held, 50u);
}

TEST(Few, KeepsWhatItIsGivenHoweverMany) {
  std::array<int, 9> numbers{};
  std::set<const int*> kept;
  Few<int> few;
  std::uint64_t chance = 5;
  for (int step = 0; step < 2000; ++step) {
    chance = mix(chance);
    auto* item = &numbers.at(chance % numbers.size());
    if (kept.contains(item)) {
      few.erase(item);
      kept.erase(item);
    } else {
      few.push_back(item);
      kept.insert(item);
    }
    ASSERT_EQ(std::set<const int*>(few.begin(), few.end()), kept) << step;
    ASSERT_EQ(few.size(), kept.size()) << step;
  }
  few.erase(nullptr);
  EXPECT_EQ(few.size(), kept.size());
}

TEST(Templates, ArePlainWhenNothingIsSaidButWhereTheyGo) {
  TaskOptions options;
  options.type = "t";
  options.queue = "q";
  options.tenant = "acme";
  options.limit_keys = {"a", "b"};
  options.submitter = "alice";
  options.producer = 3;
  EXPECT_TRUE(make_template(options)->plain);
  EXPECT_EQ(make_template(options)->producer, 3u);
  const std::vector<std::function<void(TaskOptions&)>> more{
      [](TaskOptions& o) { o.priority = 9; },       [](TaskOptions& o) { o.timeout_ms = 1; },
      [](TaskOptions& o) { o.retention_ms = 1; },   [](TaskOptions& o) { o.parent = "a"; },
      [](TaskOptions& o) { o.delay_ms = 1; },       [](TaskOptions& o) { o.labels = {{"a", "b"}}; },
      [](TaskOptions& o) { o.content_type = "x"; }, [](TaskOptions& o) { o.policies = "x"; },
      [](TaskOptions& o) { o.deadline = 1; },       [](TaskOptions& o) { o.idempotency_key = "x"; },
      [](TaskOptions& o) { o.batch = "x"; },        [](TaskOptions& o) { o.retry.max_attempts = 1; }};
  for (std::size_t i = 0; i < more.size(); ++i) {
    auto changed = options;
    more[i](changed);
    EXPECT_FALSE(make_template(changed)->plain) << i;
  }
}

class LimitTest : public testing::Test {
 protected:
  void set(const std::string& name, const LimitRule& rule) {
    auto done = hall.engine->set_limit(name, rule, "test");
    ASSERT_TRUE(done.has_value()) << describe(done.error());
    hall.turn();
  }
  static LimitRule running(std::uint32_t n) {
    LimitRule rule;
    rule.concurrency = n;
    return rule;
  }
  static LimitRule rate(std::uint32_t units, Millis window_ms) {
    LimitRule rule;
    rule.rates = {{units, window_ms}};
    return rule;
  }
  static TaskOptions keyed(const std::string& key) {
    auto options = echo();
    options.limit_keys = {key};
    return options;
  }
  std::size_t awarded(Hand& hand) {
    hall.turn();
    return hand.awards.size();
  }
  void finish_all(Hand& hand) {
    while (!hand.awards.empty()) hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  }
  std::vector<std::string> holding(Sequence task) {
    std::vector<std::string> names;
    for (const auto* gate : hall.engine->gates_of(hall.kept.task(task).place))
      if (gate->full(hall.now)) names.push_back(gate->limit);
    return names;
  }
  Hall hall;
};

TEST_F(LimitTest, OneBudgetIsSharedOverQueuesTypesAndTenants) {
  ASSERT_TRUE(hall.engine->set_queue("other", {}));
  set("all", running(2));
  auto other = echo();
  other.queue = "other";
  other.tenant = "t";
  for (int i = 0; i < 3; ++i) hall.submit("a"), hall.submit("b", other);
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 2u);
  hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  EXPECT_EQ(awarded(hand), 2u);
  finish_all(hand);
  EXPECT_EQ(awarded(hand), 2u);
}

TEST_F(LimitTest, PerGivesABudgetToEach) {
  auto rule = running(1);
  rule.per = "tenant";
  set("each", rule);
  for (const auto* tenant : {"a", "a", "b", "b", "c"}) {
    auto options = echo();
    options.tenant = tenant;
    hall.submit(tenant, options);
  }
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 3u);
}

TEST_F(LimitTest, ARuleCountsWhatItsSelectorsName) {
  ASSERT_TRUE(hall.engine->set_queue("mail", {}));
  auto rule = running(1);
  rule.queue = "mail";
  rule.key = "smtp/*";
  rule.per = "key";
  set("smtp", rule);
  auto in_mail = [](const std::string& key) {
    auto options = keyed(key);
    options.queue = "mail";
    return options;
  };
  auto& hand = hall.hire({"echo"}, 20);
  for (int i = 0; i < 2; ++i) {
    hall.submit("1", in_mail("smtp/x"));
    hall.submit("2", in_mail("smtp/y"));
    hall.submit("3", in_mail("pop"));
    hall.submit("4", keyed("smtp/x"));
  }
  EXPECT_EQ(awarded(hand), 6u) << "x and y one each, the rest is free";
}

TEST_F(LimitTest, ARateLetsSoManyBeginInAnyStretchOfItsWindow) {
  set("slow", rate(3, minute));
  for (int i = 0; i < 10; ++i) hall.submit("a");
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 3u);
  finish_all(hand);
  hall.pass(minute - 1000);
  EXPECT_EQ(hand.awards.size(), 0u) << "that they have ended gives nothing back";
  hall.pass(6000);
  EXPECT_EQ(hand.awards.size(), 3u);
}

TEST_F(LimitTest, SeveralWindowsHoldTogether) {
  LimitRule rule;
  rule.rates = {{2, 1000}, {3, minute}};
  set("slow", rule);
  for (int i = 0; i < 10; ++i) hall.submit("a");
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 2u);
  hall.pass(1500);
  EXPECT_EQ(hand.awards.size(), 3u);
  hall.pass(10'000);
  EXPECT_EQ(hand.awards.size(), 3u);
}

TEST_F(LimitTest, ARestartNeitherDoublesNorForgetsARate) {
  for (bool from_snapshot : {false, true}) {
    Hall one(from_snapshot ? Engine::Settings{.snapshot_bytes = 1} : Engine::Settings{});
    ASSERT_TRUE(one.engine->set_limit("slow", rate(3, minute), "test"));
    for (int i = 0; i < 10; ++i) one.submit("a");
    auto& hand = one.hire({"echo"}, 10);
    one.turn();
    EXPECT_EQ(hand.awards.size(), 3u);
    one.restart(from_snapshot);
    one.come_back(hand, {hand.awards[0].token, hand.awards[1].token, hand.awards[2].token});
    one.pass(30'000);
    EXPECT_EQ(hand.awards.size(), 3u) << from_snapshot;
    one.pass(36'000);
    EXPECT_EQ(hand.awards.size(), 6u) << from_snapshot;
  }
}

TEST_F(LimitTest, WhatRunsAlreadyCountsAgainstANewLimit) {
  for (int i = 0; i < 6; ++i) hall.submit("a");
  auto& hand = hall.hire({"echo"}, 3);
  EXPECT_EQ(awarded(hand), 3u);
  set("all", running(2));
  hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  EXPECT_EQ(awarded(hand), 2u) << "two still run";
  hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  EXPECT_EQ(awarded(hand), 2u);
}

TEST_F(LimitTest, AWiderOrDeletedLimitFreesWhatWaits) {
  set("all", running(1));
  for (int i = 0; i < 6; ++i) hall.submit("a");
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 1u);
  set("all", running(3));
  EXPECT_EQ(awarded(hand), 3u);
  ASSERT_TRUE(hall.engine->delete_limit("all"));
  EXPECT_EQ(awarded(hand), 6u);
  finish_all(hand);
}

TEST_F(LimitTest, PausedUntilATimeNothingBegins) {
  set("all", running(5));
  ASSERT_TRUE(hall.engine->hold_limit("all", hall.now + minute, "told to"));
  auto task = hall.submit("a");
  auto& hand = hall.hire({"echo"}, 10);
  EXPECT_EQ(awarded(hand), 0u);
  EXPECT_EQ(holding(task), std::vector<std::string>{"all"});
  hall.restart();
  hall.come_back(hand, {});
  hall.pass(minute - 2000);
  EXPECT_EQ(hand.awards.size(), 0u);
  hall.pass(3000);
  EXPECT_EQ(hand.awards.size(), 1u);
  ASSERT_TRUE(hall.engine->hold_limit("all", until_resumed, "for good"));
  hall.submit("b");
  hall.pass(minute);
  EXPECT_EQ(hand.awards.size(), 1u);
  ASSERT_TRUE(hall.engine->hold_limit("all", 0, ""));
  EXPECT_EQ(awarded(hand), 2u);
}

TEST_F(LimitTest, AFullLimitHoldsNobodyElseBack) {
  auto rule = running(1);
  rule.key = "slow";
  set("slow", rule);
  for (int i = 0; i < 50; ++i) hall.submit("slow", keyed("slow"));
  for (int i = 0; i < 5; ++i) hall.submit("free");
  auto& hand = hall.hire({"echo"}, 20);
  EXPECT_EQ(awarded(hand), 6u);
}

TEST_F(LimitTest, ThoseThatWaitGoInTurnWhoeverElseHoldsThem) {
  QueueSettings settings;
  settings.limits = {{"a", 1}, {"b", 1}};
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  auto rule = running(1);
  rule.key = "shared";
  set("shared", rule);
  auto both = [&](const char* key) {
    auto options = echo();
    options.limit_keys = {key, "shared"};
    return options;
  };
  for (int i = 0; i < 20; ++i) hall.submit("x", both(i % 2 == 0 ? "a" : "b"));
  auto& hand = hall.hire({"echo"}, 20);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(awarded(hand), 1u) << i;
    hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  }
}

TEST_F(LimitTest, ManyLanesBehindOneLimitAllGetTheirTurn) {
  set("all", running(2));
  for (int i = 0; i < 40; ++i) {
    auto options = echo();
    options.tenant = "t" + std::to_string(i);
    hall.submit("a", options), hall.submit("b", options);
  }
  auto& hand = hall.hire({"echo"}, 20);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(awarded(hand), 2u) << i;
    finish_all(hand);
  }
}

TEST_F(LimitTest, AStateSavedAndFoldedAgainIsTheSame) {
  auto rule = rate(4, minute);
  rule.per = "tenant";
  set("each", rule);
  for (int i = 0; i < 20; ++i) {
    auto options = echo();
    options.tenant = i % 2 == 0 ? "a" : "b";
    hall.submit("x", options);
  }
  auto& hand = hall.hire({"echo"}, 6);
  EXPECT_EQ(awarded(hand), 6u);
  finish_all(hand);
  hall.turn();
  const auto saved = hall.saved();
  Ledger loaded;
  ASSERT_TRUE(loaded.load(saved));
  std::string again;
  loaded.save(again);
  EXPECT_EQ(again, saved);
  hall.restart(false);
  std::string folded;
  hall.engine->ledger().save(folded);
  EXPECT_EQ(folded, saved);
}

TEST_F(LimitTest, MistakesAreNamed) {
  struct Mistake {
    LimitRule rule;
    const char* context;
  };
  auto with = [](const std::function<void(LimitRule&)>& change) {
    auto rule = running(1);
    change(rule);
    return rule;
  };
  for (const auto& [rule, context] : std::vector<Mistake>{{LimitRule(), "concurrency"},
                                                          {with([](auto& r) { r.per = "worker"; }), "per"},
                                                          {with([](auto& r) { r.per = "key"; }), "key"},
                                                          {with([](auto& r) { r.type = "a*b"; }), "type"},
                                                          {with([](auto& r) {
                                                             r.rates = {{0, 1000}};
                                                           }),
                                                           "rates"},
                                                          {with([](auto& r) {
                                                             r.rates = {{1, 10}};
                                                           }),
                                                           "rates"},
                                                          {with([](auto& r) {
                                                             r.rates = {{1, 1000}, {2, 1000}};
                                                           }),
                                                           "rates"},
                                                          {with([](auto& r) {
                                                             r.rates.assign(5, {1, 1000});
                                                           }),
                                                           "rates"}}) {
    auto done = hall.engine->set_limit("l", rule, "test");
    ASSERT_FALSE(done.has_value()) << context;
    EXPECT_EQ(done.error().code, Code::invalid);
    EXPECT_EQ(done.error().context, context) << describe(done.error());
  }
  EXPECT_EQ(hall.engine->set_limit("", running(1), "test").error().context, "name");
  EXPECT_EQ(hall.engine->delete_limit("l").error().code, Code::not_found);
  EXPECT_EQ(hall.engine->hold_limit("l", 5, "").error().code, Code::not_found);
}

}  // namespace
}  // namespace hirehall::engine
