// What a worker hands back and has not begun gives back what its award took: units of rates, and what an
// auction was paid.
#include "scheduler/prices.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

constexpr Millis day_ms = 24 * 3600 * 1000;

TEST(GivingBack, OfAWindowIsWhatWasCountedAndNotWhatIsOver) {
  Window window({4, 1600});
  EXPECT_FALSE(window.give_back(1000, 1000)) << "nothing was counted";
  for (const Millis at : {1000, 1000, 1500, 2000}) window.count(at);
  EXPECT_TRUE(window.full(2000));
  EXPECT_TRUE(window.give_back(1000, 2050));
  EXPECT_EQ(window.used(2050), 3u);
  EXPECT_FALSE(window.give_back(1700, 2050)) << "none was counted in that sixteenth";
  EXPECT_FALSE(window.give_back(2100, 2050)) << "nor in one that is to come";
  EXPECT_FALSE(window.give_back(1000, 2800)) << "time has given it back";
  EXPECT_EQ(window.used(2800), 2u);
  EXPECT_TRUE(window.give_back(1500, 2800));
  EXPECT_FALSE(window.give_back(1500, 2800)) << "there was one";
}

TEST(GivingBack, IsBoundedByTheRateWhateverIsSaid) {
  Window window({10, 1600});
  std::vector<Millis> awards;
  for (Millis now = 0; now < 30'000; now += 7) {
    if (window.full(now)) continue;
    window.count(now);
    awards.push_back(now);
    window.give_back(now, now);
  }
  for (std::size_t i = 20; i < awards.size(); ++i) ASSERT_GE(awards[i] - awards[i - 20], 1600) << i;
  EXPECT_GT(awards.size(), 300u) << "nearly twice as many as the rate, when all are given back";
}

TEST(GivingBack, IsRememberedByASavedWindow) {
  Window window({3, 1600});
  for (const Millis at : {100, 200, 300}) window.count(at);
  for (const Millis at : {100, 200, 300}) EXPECT_TRUE(window.give_back(at, 350));
  EXPECT_EQ(window.used(400), 0u);
  EXPECT_FALSE(window.blank(400));
  Window again({3, 1600});
  again.restore(window.pieces_at(400), window.given_at(400));
  for (auto* one : {&window, &again}) {
    one->count(600);
    EXPECT_FALSE(one->give_back(600, 650)) << "as many as the rate are given back already";
    EXPECT_TRUE(one->give_back(600, 2100)) << "which is over";
  }
  EXPECT_TRUE(window.blank(4000));
}

class Refunds : public testing::TestWithParam<bool> {
 protected:
  // Its agent asks so much, in cost units.
  Hand& hire(const std::string& agent, double price = 0, std::uint32_t slots = 8) {
    Registration registration;
    registration.name = registration.token = agent;
    registration.spec.slots = registration.credit = slots;
    registration.timed = true;
    registration.principal = "test";
    auto& spec = registration.spec.agents.emplace_back();
    spec.name = agent;
    spec.version = "1";
    spec.types = {"echo"};
    spec.price = std::make_shared<const scheduler::PriceFunction>(
        *scheduler::PriceFunction::from({.base = price, .load_slope = 0}));
    auto done = hall->engine->register_worker(registration);
    EXPECT_TRUE(done);
    auto& hand = hall->hands.emplace_back();
    hand.number = done->worker;
    hand.token = agent;
    hand.agent = agent;
    hand.types = {"echo"};
    hand.credit = slots;
    hand.timed = true;
    return hand;
  }
  void set_rate(std::uint32_t units, Millis window_ms = 60'000) {
    LimitRule rule;
    rule.rates = {{units, window_ms}};
    ASSERT_TRUE(hall->engine->set_limit("rate", rule, "test"));
    hall->pass(10);
  }
  void set_policy(std::string_view policy) {
    QueueSettings settings;
    settings.policy = policy;
    ASSERT_TRUE(hall->engine->set_queue("default", settings));
  }
  void set_budget(std::int64_t hard, Period period = Period::day) {
    ASSERT_TRUE(hall->engine->set_budget("b", {"", "", std::string(auction_unit), period, hard, 0}, "test"));
    hall->pass(10);
  }
  void hand_back(Hand& hand, FinishItem item = {}) {
    ASSERT_FALSE(hand.awards.empty());
    const auto award = hand.awards.front();
    item.outcome = Outcome::interrupted;
    EXPECT_EQ(hall->finish(hand, award, item), Code::ok);
  }
  void begun_and_handed_back(Hand& hand) {
    FinishItem item;
    item.ran_ms = 5;
    hand_back(hand, item);
  }
  std::uint32_t used() {
    for (const auto& [key, gate] : hall->engine->ledger().gates)
      if (!gate->windows.empty()) return gate->windows[0].used(hall->now);
    return 0;
  }
  std::int64_t paid() {
    std::int64_t sum = 0;
    for (const auto& [key, row] : hall->engine->ledger().usage.rows())
      if (auto at = row.amounts.find(auction_unit); at != row.amounts.end()) sum += at->second;
    return sum;
  }
  std::int64_t refunded() {
    const auto& totals = hall->engine->ledger().usage.totals();
    const auto at = totals.find({0, std::string(refund_unit)});
    return at == totals.end() ? 0 : at->second;
  }
  // As its facts, or the last snapshot and those behind it, tell.
  void restart() {
    hall->turn();
    const auto before = hall->saved();
    hall->restart(GetParam());
    EXPECT_EQ(hall->saved(), before);
    for (auto& hand : hall->hands) {
      std::vector<std::uint64_t> holding;
      for (const auto& award : hand.awards) holding.push_back(award.token);
      EXPECT_TRUE(hall->come_back(hand, holding).empty());
    }
  }

  void renew() { hall = std::make_unique<Hall>(); }

  std::unique_ptr<Hall> hall = std::make_unique<Hall>();
};
INSTANTIATE_TEST_SUITE_P(FromASnapshotOrAllFacts, Refunds, testing::Bool());

TEST_P(Refunds, AUnitOfARateComesBackAndSomebodyElseUsesIt) {
  set_rate(1);
  auto& hand = hire("one");
  const auto first = hall->submit("first", echo());
  hall->turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  const auto second = hall->submit("second", echo());
  hall->turn();
  EXPECT_EQ(hall->state(second), State::ready);
  restart();
  EXPECT_EQ(used(), 1u);
  hand_back(hand);
  EXPECT_EQ(used(), 0u);
  restart();
  hall->turn();
  EXPECT_EQ(hall->state(first), State::leased) << "what comes back is first";
  EXPECT_EQ(hall->state(second), State::ready);
  EXPECT_EQ(used(), 1u);
}

TEST_P(Refunds, WhatHadBegunCosts) {
  set_rate(8);
  auto& hand = hire("one", 0, 1);
  FinishItem with_usage, with_checkpoint, silent;
  const std::string usage("\x81\xa1n\x01", 4);
  with_usage.usage = usage;
  with_checkpoint.checkpoint = "c";
  hall->submit("task", echo());
  hall->turn();
  begun_and_handed_back(hand);
  hall->turn();
  hand_back(hand, with_usage);
  hall->turn();
  hand_back(hand, with_checkpoint);
  hall->turn();
  EXPECT_EQ(used(), 4u);
  hall->finish(hand, hand.awards.front(), Outcome::failed);
  EXPECT_EQ(used(), 4u);
}

TEST_P(Refunds, OfAWorkerThatDoesNotSayWhatBeganNothingComesBack) {
  set_rate(8);
  auto& hand = hall->hire({"echo"});
  hall->submit("task", echo());
  hall->turn();
  hand_back(hand);
  EXPECT_EQ(used(), 1u);
}

TEST_P(Refunds, AWorkerThatAlwaysHandsBackGetsTwiceTheRateAtMost) {
  set_rate(5, 3'600'000);
  auto& hand = hire("liar", 0, 1);
  const auto task = hall->submit("task", echo());
  int awards = 0;
  for (int i = 0; i < 30; ++i) {
    hall->turn();
    if (hand.awards.empty()) break;
    ++awards;
    if (i == 7) restart();
    hand_back(hand);
  }
  EXPECT_EQ(awards, 10);
  EXPECT_EQ(hall->state(task), State::ready);
  EXPECT_EQ(used(), 5u);
}

TEST_P(Refunds, ALimitThatWasChangedSinceKeepsWhatItHas) {
  auto& hand = hire("one");
  hall->submit("before", echo());
  hall->turn();
  set_rate(3);
  hall->submit("counted", echo());
  hall->turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  EXPECT_EQ(used(), 1u);
  hand_back(hand);
  hall->pass(10);
  EXPECT_EQ(used(), 2u) << "it was not counted at its first award, and is now";
  set_rate(9);
  while (!hand.awards.empty()) hand_back(hand);
  EXPECT_EQ(used(), 2u) << "both were counted before the change";
  restart();
}

TEST_P(Refunds, ADeletedLimitHasNothingToGive) {
  auto& hand = hire("one");
  set_rate(3);
  hall->submit("task", echo());
  hall->turn();
  ASSERT_TRUE(hall->engine->delete_limit("rate"));
  hand_back(hand);
  hall->turn();
  EXPECT_EQ(hand.awards.size(), 1u);
  restart();
}

// A run: all of them are paid for together, and come back one after another.
TEST_P(Refunds, WhatAnAuctionWasPaidComesBack) {
  for (const auto* settlement : {"first_price", "second_price"}) {
    renew();
    set_policy("auction reserve=900000 settlement=" + std::string(settlement));
    hire("cheap", 0.2);
    hire("dear", 0.5);
    for (int i = 0; i < 3; ++i) hall->submit("task", echo());
    hall->turn();
    const auto sum = paid();
    EXPECT_GT(sum, 0) << settlement;
    restart();
    for (auto& hand : hall->hands)
      while (!hand.awards.empty()) {
        const auto slot = Ledger::slot_of(hand.awards.front().token);
        const auto* one = hall->engine->ledger().payments.of(slot);
        ASSERT_NE(one, nullptr);
        const auto micros = one->micros, were = paid();
        hand_back(hand);
        EXPECT_EQ(paid(), were - micros) << settlement;
      }
    EXPECT_EQ(paid(), 0);
    EXPECT_EQ(refunded(), sum);
    EXPECT_TRUE(hall->engine->ledger().usage.rows().empty()) << "nothing is left to tell";
    restart();
  }
}

TEST_P(Refunds, ABudgetIsOpenAgain) {
  for (const auto period : {Period::day, Period::month, Period::total}) {
    renew();
    set_policy("auction settlement=first_price");
    set_budget(300'000, period);
    auto& hand = hire("one", 0.3);
    hall->submit("first", echo());
    hall->turn();
    const auto second = hall->submit("second", echo());
    hall->turn();
    EXPECT_EQ(hall->state(second), State::ready);
    hand_back(hand);
    EXPECT_EQ(hall->engine->ledger().budgets.at("b").used, 0);
    restart();
  }
}

TEST_P(Refunds, OfYesterdayGoToYesterday) {
  set_policy("auction settlement=first_price");
  set_budget(900'000);
  auto& hand = hire("one", 0.3, 2);
  hall->submit("yesterday", echo());
  hall->turn();
  for (Millis step = 0; step < day_ms; step += 4000) hall->pass(4000);
  hall->submit("today", echo());
  hall->turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  EXPECT_EQ(hall->engine->ledger().usage.rows().size(), 2u);
  restart();
  hand_back(hand);
  EXPECT_EQ(hall->engine->ledger().usage.rows().size(), 1u);
  EXPECT_EQ(hall->engine->ledger().budgets.at("b").used, 300'000) << "of today's award";
  EXPECT_EQ(paid(), 300'000);
  restart();
}

TEST_P(Refunds, WhatHadBegunIsPaid) {
  set_policy("auction settlement=first_price");
  auto& hand = hire("one", 0.3);
  hall->submit("task", echo());
  hall->turn();
  begun_and_handed_back(hand);
  EXPECT_EQ(paid(), 300'000);
  hall->turn();
  hall->finish(hand, hand.awards.front(), Outcome::succeeded);
  EXPECT_EQ(paid(), 600'000);
  EXPECT_EQ(hall->engine->ledger().payments.of(0), nullptr) << "its lease is over";
  restart();
}

TEST_P(Refunds, AFinishThatComesAgainGivesBackOnce) {
  set_policy("auction settlement=first_price");
  set_rate(5);
  auto& hand = hire("one", 0.3);
  for (const auto* name : {"A", "B"}) hall->submit(name, echo());
  hall->turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  FinishItem item;
  item.token = hand.awards.front().token;
  item.outcome = Outcome::interrupted;
  const std::vector<FinishItem> items{item};
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(hall->engine->finish(hand.number, 1, 0, 0, items));
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(paid(), 300'000);
  }
  EXPECT_TRUE(hall->engine->finish(hand.number, 2, 0, 0, items)) << "it is stale by now";
  EXPECT_EQ(used(), 1u);
  EXPECT_EQ(paid(), 300'000);
}

// As versions before wrote it: it does not say which awards were paid.
TEST(GivingBack, KnowsNothingOfPaymentsOfEarlierVersions) {
  Ledger ledger;
  QueueSet queue{0, "default", {}};
  LaneDefined lane{0, 0, "t"};
  Settled settled{{{0, "a", 1000}}};
  ledger.apply(queue);
  ledger.apply(lane);
  ledger.apply(settled);
  EXPECT_EQ(ledger.usage.rows().begin()->second.amounts.at(std::string(auction_unit)), 1000);
  EXPECT_EQ(ledger.payments.slots(), 0u);
  std::string saved;
  ledger.save(saved);
  Ledger again;
  EXPECT_TRUE(again.load(saved));
}

}  // namespace
}  // namespace hirehall::engine
