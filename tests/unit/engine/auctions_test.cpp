// Auctions in queues: what is unsold waits and is offered again, prices are kept, and a change of the reserve
// acts at once.
#include "scheduler/prices.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

class Auctions : public testing::Test {
 protected:
  void set_policy(std::string_view policy) {
    QueueSettings settings;
    settings.policy = policy;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }
  // Registers a worker whose agent asks so much, and so much more when all its slots are taken.
  std::uint32_t hire(const std::string& agent, double base, double slope = 0, std::uint32_t slots = 1) {
    Registration registration;
    registration.name = agent;
    registration.token = "token of " + agent;
    registration.spec.slots = slots;
    registration.credit = 2 * slots;
    auto& spec = registration.spec.agents.emplace_back();
    spec.name = agent;
    spec.types = {"echo"};
    spec.price = std::make_shared<const scheduler::PriceFunction>(
        *scheduler::PriceFunction::from({.base = base, .load_slope = slope}));
    auto done = hall.engine->register_worker(registration);
    EXPECT_TRUE(done);
    return done->worker;
  }
  std::uint32_t holder(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence) return lease.worker;
    return 0;
  }

  Hall hall;
};

TEST_F(Auctions, TheLowestBidderIsAwardedAndThePriceIsKept) {
  set_policy("auction");
  hire("dear", 0.5);
  const auto cheap = hire("cheap", 0.2);
  const auto sequence = hall.submit("task", echo());
  hall.turn();
  EXPECT_EQ(hall.state(sequence), State::leased);
  EXPECT_EQ(holder(sequence), cheap);
  ASSERT_EQ(hall.choices.size(), 1u);
  const auto choice = scheduler::unpack_choice(hall.choices.back().packed);
  EXPECT_EQ(choice->award.first_price, 200'000);
  ASSERT_EQ(hall.engine->prices().size(), 1u);
  EXPECT_EQ(hall.engine->prices()[0].level, choice->award.paid);
  EXPECT_EQ(hall.engine->counts().auction_paid, static_cast<std::uint64_t>(choice->award.paid));
}

TEST_F(Auctions, ABudgetHoldsInTheMiddleOfATurnAndOfARun) {
  set_policy("auction settlement=first_price");
  const auto worker = hire("only", 0.2, 0, 64);
  BudgetRule rule;
  rule.tenant = "acme", rule.unit = auction_unit, rule.hard = 1'100'000;
  ASSERT_TRUE(hall.engine->set_budget("acme", rule, "test"));
  for (int i = 0; i < 40; ++i) {
    auto options = echo();
    options.tenant = "acme";
    hall.submit("task " + std::to_string(i), std::move(options));
  }
  hall.turn();
  EXPECT_EQ(hall.engine->ledger().workers.at(worker).held, 6u)
      << "five are 1.0 units, the sixth uses the budget up";
  EXPECT_EQ(hall.engine->ledger().budgets.at("acme").used, 1'200'000);
  const auto before = hall.saved();
  hall.restart(false);
  EXPECT_EQ(hall.saved(), before) << "what was paid follows from the facts";
}

TEST_F(Auctions, WhatIsPaidIsChargedToTheBudgetOfTheTenantAndHoldsItsNextTasksBack) {
  set_policy("auction settlement=first_price");
  hire("only", 0.2, 0, 4);
  BudgetRule rule;
  rule.tenant = "acme", rule.unit = auction_unit, rule.hard = 400'000;
  ASSERT_TRUE(hall.engine->set_budget("acme", rule, "test"));
  std::vector<Sequence> sequences;
  for (const auto* key : {"one", "two", "three"}) {
    auto options = echo();
    options.tenant = "acme";
    sequences.push_back(hall.submit(key, std::move(options)));
    hall.turn();
  }
  EXPECT_EQ(hall.state(sequences[1]), State::leased);
  EXPECT_EQ(hall.state(sequences[2]), State::ready) << "0.4 of 0.4 units are paid";
  const auto& rows = hall.engine->ledger().usage.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.begin()->first.agent, "only");
  EXPECT_EQ(rows.begin()->second.amounts.at(std::string(auction_unit)), 400'000);
  EXPECT_EQ(rows.begin()->second.attempts, 0u) << "attempts are counted when they end";
  EXPECT_EQ(hall.submit("another tenant", echo()), sequences[2] + 1);
  hall.turn();
  EXPECT_EQ(hall.state(sequences[2] + 1), State::leased);
}

TEST_F(Auctions, AShadowDoesNotChangeWhatIsPaid) {
  set_policy("auction+least_loaded settlement=first_price");
  hire("cheap", 0.2);
  hire("dear", 0.5);
  hall.submit("task", echo());
  hall.turn();
  ASSERT_EQ(hall.choices.size(), 1u);
  const auto choice = scheduler::unpack_choice(hall.choices.back().packed);
  EXPECT_EQ(hall.engine->counts().auction_paid, static_cast<std::uint64_t>(choice->award.paid));
}

TEST_F(Auctions, WithEveryBidAboveTheReserveItWaitsUntilOneComesBelow) {
  set_policy("auction reserve=300000");
  hire("dear", 0.5);
  const auto sequence = hall.submit("task", echo());
  hall.turn();
  EXPECT_EQ(hall.state(sequence), State::ready);
  ASSERT_EQ(hall.engine->unsold().size(), 1u);
  const auto& unsold = hall.engine->unsold().begin()->second;
  EXPECT_EQ(unsold.lowest, 500'000);
  EXPECT_EQ(unsold.reserve, 300'000);
  EXPECT_EQ(unsold.agent, "dear");
  EXPECT_LE(hall.engine->next_deadline(), hall.now + 100) << "it is offered again";
  const auto cheap = hire("cheap", 0.2);
  hall.pass(200, false);
  EXPECT_EQ(holder(sequence), cheap);
  EXPECT_TRUE(hall.engine->unsold().empty());
}

TEST_F(Auctions, AHigherReserveAndAnotherPolicyActAtOnce) {
  for (const auto* policy : {"auction reserve=600000", "auction", "least_loaded"}) {
    set_policy("auction reserve=300000");
    hire(std::string("dear for ") + policy, 0.5);
    const auto sequence = hall.submit(policy, echo());
    hall.turn();
    EXPECT_EQ(hall.state(sequence), State::ready);
    set_policy(policy);
    hall.turn();
    EXPECT_EQ(hall.state(sequence), State::leased) << policy;
  }
}

TEST_F(Auctions, ABidAboveTheReserveHoldsNobodyElseBack) {
  set_policy("auction reserve=300000");
  hire("dear", 0.5);
  const auto waits = hall.submit("task", echo());
  auto options = echo();
  options.queue = "other";
  QueueSettings plain;
  ASSERT_TRUE(hall.engine->set_queue("other", plain));
  const auto goes = hall.submit("goes", std::move(options));
  hall.turn();
  EXPECT_EQ(hall.state(waits), State::ready);
  EXPECT_EQ(hall.state(goes), State::leased);
}

TEST_F(Auctions, ARisingPriceIsHeldByTheReserveUntilWorkEnds) {
  set_policy("auction reserve=300000");
  hire("rising", 0.2, 0.4, 2);  // 0.2, then 0.4
  hall.submit("first", echo());
  const auto second = hall.submit("second", echo());
  hall.turn();
  EXPECT_EQ(hall.state(second), State::ready);
  EXPECT_EQ(hall.engine->unsold().size(), 1u);
}

}  // namespace
}  // namespace hirehall::engine
