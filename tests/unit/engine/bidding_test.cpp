// Rounds of live bids: they open for long tasks, close when all have answered or at their deadline, and
// nothing that a bidder does or leaves undone holds a line for longer.
#include <cmath>
#include <limits>

#include "common/task_features.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

constexpr const char* live = "auction live_bids_from_ms=1";

// Prices differ by more than a success is worth where the cheapest has to win: chances are drawn.
class Bids : public testing::Test {
 protected:
  void set_policy(std::string_view policy) {
    QueueSettings settings;
    settings.policy = policy;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }
  std::uint32_t hire(const std::string& name, double price, bool bids = true, std::uint32_t slots = 1) {
    Registration registration;
    registration.name = name;
    registration.token = "token of " + name;
    registration.spec.slots = slots;
    registration.credit = slots;
    auto& spec = registration.spec.agents.emplace_back();
    spec.name = name;
    spec.types = {"echo"};
    spec.bids = bids;
    spec.price =
        std::make_shared<const scheduler::PriceFunction>(*scheduler::PriceFunction::from({.base = price}));
    auto done = hall.engine->register_worker(registration);
    EXPECT_TRUE(done);
    return done->worker;
  }
  std::uint32_t holder(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence) return lease.worker;
    return 0;
  }
  Sequence offered() {
    auto sequence = hall.submit("task " + std::to_string(++submitted), echo());
    hall.turn();
    return sequence;
  }
  std::uint64_t round() const { return hall.calls.empty() ? 0 : hall.calls.back().round; }
  Code bid(std::uint32_t worker, const std::string& agent, std::optional<double> price) {
    hall.engine->begin_turn(hall.now);
    return hall.engine->bid(worker, round(), agent, price);
  }
  void after(Millis ms) {
    hall.now += ms;
    hall.turn();
  }
  const BidCounts& counts() const { return hall.engine->bidding().counts; }
  scheduler::Choice choice() const { return *scheduler::unpack_choice(hall.choices.back().packed); }

  Hall hall;
  int submitted = 0;
  std::map<std::uint32_t, std::uint64_t> finishes;
};

TEST_F(Bids, ACallTellsTheFeaturesOfItsTask) {
  set_policy(live);
  const auto a = hire("a", 0.1);
  offered();
  ASSERT_EQ(hall.calls.size(), 1u);
  EXPECT_EQ(hall.calls[0].features, "");
  EXPECT_EQ(bid(a, "a", 0.5), Code::ok);
  hall.turn();
  hall.calls.clear();
  hire("b", 0.1);
  auto options = echo();
  options.features = write_features({{"tokens", true, 12'000, {}}});
  hall.submit("featured", options);
  hall.turn();
  ASSERT_EQ(hall.calls.size(), 1u);
  EXPECT_EQ(hall.calls[0].features, options.features);
}

TEST_F(Bids, ARoundEndsWhenAllHaveAnsweredAndTheLowestBidWins) {
  set_policy(live);
  const auto a = hire("a", 0.1), b = hire("b", 3);
  const auto task = offered();
  EXPECT_EQ(hall.state(task), State::ready);
  ASSERT_EQ(hall.calls.size(), 2u);
  EXPECT_EQ(hall.calls[0].left_ms, 200);
  EXPECT_EQ(hall.calls[0].payload_bytes, std::string("task 1").size());
  EXPECT_EQ(hall.engine->next_deadline(), hall.now + 200);
  EXPECT_EQ(bid(a, "a", 2.5), Code::ok);
  hall.turn();
  EXPECT_EQ(hall.state(task), State::ready) << "b has not answered";
  EXPECT_EQ(bid(b, "b", 0.25), Code::ok);
  hall.turn();
  EXPECT_EQ(holder(task), b) << "its bid counts, and its price function does not";
  EXPECT_EQ(choice().round, round());
  EXPECT_EQ(choice().award.first_price, 250'000);
  EXPECT_TRUE(choice().quotes[choice().award.winner].live);
  EXPECT_TRUE(hall.engine->bidding().empty());
  EXPECT_EQ(counts().answered, 1u);
  EXPECT_EQ(counts().sold, 1u);
  EXPECT_EQ(counts().bids, 2u);
}

TEST_F(Bids, NobodyHoldsARoundBeyondItsDeadline) {
  set_policy("auction live_bids_from_ms=1 bid_deadline_ms=50");
  const auto a = hire("a", 0.5);
  const auto hangs = hire("hangs", 0.1);
  const auto task = offered();
  EXPECT_EQ(bid(a, "a", 0.5), Code::ok);
  after(49);
  EXPECT_EQ(hall.state(task), State::ready);
  after(1);
  EXPECT_EQ(holder(task), a);
  ASSERT_EQ(choice().absent.size(), 1u);
  EXPECT_EQ(choice().absent[0].agent, "hangs");
  EXPECT_EQ(choice().absent[0].why, "late");
  EXPECT_EQ(counts().deadline, 1u);
  EXPECT_EQ(counts().silent, 1u);
  EXPECT_EQ(bid(hangs, "hangs", 0.01), Code::stale) << "the round is over";
  EXPECT_EQ(counts().late, 1u);
}

TEST_F(Bids, ABidAtTheDeadlineIsLate) {
  set_policy(live);
  const auto a = hire("a", 0.5), b = hire("b", 0.4);
  const auto task = offered();
  EXPECT_EQ(bid(a, "a", 0.5), Code::ok);
  hall.now += 200;
  EXPECT_EQ(bid(b, "b", 0.01), Code::stale);
  hall.turn();
  EXPECT_EQ(holder(task), a);
}

TEST_F(Bids, WhatIsNoBidOfThisRoundDoesNotCount) {
  set_policy(live);
  const auto a = hire("a", 0.1), b = hire("b", 0.1);
  const auto proxy = hire("proxy", 0.3, false);
  const auto task = offered();
  ASSERT_EQ(hall.calls.size(), 2u) << "whose agent has no bid call is not asked";
  EXPECT_EQ(bid(a, "b", 0.01), Code::denied) << "the agent of somebody else";
  EXPECT_EQ(bid(proxy, "proxy", 0.01), Code::denied);
  EXPECT_EQ(bid(77, "a", 0.01), Code::denied);
  EXPECT_EQ(hall.engine->bid(a, 99, "a", 0.01), Code::stale);
  EXPECT_EQ(bid(a, "a", 2.9), Code::ok);
  EXPECT_EQ(bid(a, "a", 0.01), Code::conflict);
  EXPECT_EQ(bid(b, "b", std::nan("")), Code::invalid);
  EXPECT_EQ(bid(b, "b", 0.01), Code::conflict) << "a bid that is none was its answer";
  hall.turn();
  EXPECT_EQ(holder(task), proxy) << "who is not asked takes part with its price";
  EXPECT_EQ(choice().absent.at(0).why, "invalid");
  EXPECT_EQ(counts().uninvited, 3u);
  EXPECT_EQ(counts().second, 2u);
  EXPECT_EQ(counts().invalid, 1u);
  EXPECT_EQ(counts().late, 1u);
}

TEST_F(Bids, NegativeInfiniteAndHugeBidsAreInvalid) {
  for (const double wrong : {-0.01, -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::infinity(), 1e7, std::nan("")}) {
    EXPECT_FALSE(scheduler::bid_from(wrong));
  }
  EXPECT_EQ(scheduler::bid_from(0), 0);
  EXPECT_EQ(scheduler::bid_from(1e6), 1'000'000'000'000);
}

TEST_F(Bids, WhenTheWinnerIsGoneTheRunnerUpGetsIt) {
  set_policy(live);
  const auto a = hire("a", 0.1), b = hire("b", 0.1), c = hire("c", 0.1);
  const auto task = offered();
  bid(a, "a", 0.1);
  bid(b, "b", 2.2);
  bid(c, "c", 4.3);
  hall.engine->disconnect_worker(a);
  hall.turn();
  EXPECT_EQ(holder(task), b);
  EXPECT_EQ(choice().absent.at(0).why, "busy");
}

TEST_F(Bids, WhoLeavesIsNotWaitedFor) {
  set_policy(live);
  const auto a = hire("a", 0.1), b = hire("b", 0.1);
  const auto task = offered();
  bid(a, "a", 0.1);
  hall.engine->disconnect_worker(b);
  hall.turn();
  EXPECT_EQ(holder(task), a);
  EXPECT_EQ(choice().absent.at(0).why, "gone");
}

TEST_F(Bids, WhenAllDeclineTheLineRestsAndIsOfferedAgain) {
  set_policy(live);
  const auto a = hire("a", 0.1), b = hire("b", 0.1);
  const auto task = offered();
  EXPECT_EQ(bid(a, "a", std::nullopt), Code::ok);
  EXPECT_EQ(bid(b, "b", std::nullopt), Code::ok);
  hall.turn();
  EXPECT_EQ(hall.state(task), State::ready);
  EXPECT_EQ(counts().no_bid, 1u);
  after(500);
  EXPECT_EQ(hall.calls.size(), 2u) << "not at once";
  after(500);
  EXPECT_EQ(hall.calls.size(), 4u);
  bid(a, "a", 0.3);
  bid(b, "b", std::nullopt);
  hall.turn();
  EXPECT_EQ(holder(task), a);
  EXPECT_EQ(choice().absent.at(0).why, "declined");
}

TEST_F(Bids, TheReserveHoldsForLiveBids) {
  set_policy("auction reserve=300000 live_bids_from_ms=1");
  const auto a = hire("a", 0.9);
  const auto task = offered();
  bid(a, "a", 0.4);
  hall.turn();
  ASSERT_EQ(hall.engine->bidding().rounds().size(), 1u);
  const auto& resting = hall.engine->bidding().rounds().begin()->second;
  EXPECT_EQ(resting.unsold.lowest, 400'000);
  EXPECT_EQ(resting.unsold.agent, "a");
  after(1000);
  bid(a, "a", 0.3);
  hall.turn();
  EXPECT_EQ(holder(task), a);
}

TEST_F(Bids, WhenNobodyAnswersThreeTimesProxyPricesDecide) {
  set_policy(live);
  hire("a", 2.5);
  const auto b = hire("b", 0.2);
  const auto task = offered();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(hall.state(task), State::ready);
    after(200);
  }
  EXPECT_EQ(holder(task), b);
  EXPECT_EQ(choice().round, 0u);
  EXPECT_EQ(counts().again, 2u);
  EXPECT_EQ(counts().by_proxy, 1u);
  EXPECT_EQ(counts().silent, 6u);
  EXPECT_EQ(counts().dropped, 0u);
}

TEST_F(Bids, AfterRoundsInVainProxyPricesHaveTheLineForAWhile) {
  set_policy(live);
  hire("a", 0.5, true, 4);
  offered();
  for (int i = 0; i < 3; ++i) after(200);
  EXPECT_EQ(hall.calls.size(), 3u);
  EXPECT_EQ(hall.state(offered()), State::leased) << "at once";
  after(9'000);
  EXPECT_EQ(hall.state(offered()), State::leased);
  EXPECT_EQ(hall.calls.size(), 3u);
  after(1'100);
  EXPECT_EQ(hall.state(offered()), State::ready);
  EXPECT_EQ(hall.calls.size(), 4u) << "they are asked again";
}

TEST_F(Bids, OtherLinesGoOnMeanwhile) {
  set_policy(live);
  const auto a = hire("a", 0.5);
  ASSERT_TRUE(hall.engine->set_queue("other", {}));
  const auto waits = offered();
  auto options = echo();
  options.queue = "other";
  const auto goes = hall.submit("goes", std::move(options));
  hall.turn();
  EXPECT_EQ(hall.state(waits), State::ready);
  EXPECT_EQ(holder(goes), a);
  EXPECT_EQ(bid(a, "a", 0.2), Code::ok);
  hall.turn();
  EXPECT_EQ(hall.state(waits), State::ready) << "the bidder has no room any more";
  after(1000);
  EXPECT_FALSE(hall.engine->bidding().holds(0))
      << "its bid is old, and the line waits for a free worker only";
  EXPECT_EQ(counts().dropped, 0u);
}

// Whoever gets free goes to the other queue while the round is open: a round in vain, whenever that is seen.
TEST_F(Bids, InABusyFleetProxyPricesDecideAfterThreeRoundsInVain) {
  set_policy(live);
  const auto a = hire("a", 0.5);
  ASSERT_TRUE(hall.engine->set_queue("other", {}));
  const auto waits = offered();
  std::vector<Sequence> others;
  for (int i = 0; i < 20; ++i) {
    auto options = echo();
    options.queue = "other";
    others.push_back(hall.submit("other " + std::to_string(i), std::move(options)));
  }
  hall.turn();
  std::size_t rounds = 0;
  for (; rounds < 15 && holder(waits) == 0; ++rounds) {
    bid(a, "a", 0.2);
    hall.turn();
    after(5000);
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0) {
        FinishItem item;
        item.token = lease.token;
        ASSERT_TRUE(hall.engine->finish(a, ++finishes[a], 0, 1, std::span(&item, 1)));
        break;
      }
    hall.turn();
  }
  EXPECT_EQ(holder(waits), a);
  EXPECT_LE(rounds, 10u);
  EXPECT_EQ(counts().by_proxy, 1u);
}

TEST_F(Bids, ShortTasksAreNotWorthARound) {
  set_policy("auction live_bids_from_ms=60000");
  scheduler::Prediction learned;
  for (int i = 0; i < 50; ++i) learned.learn({"a", "1", "echo", true, 5000});
  hall.learned = &learned;
  const auto a = hire("a", 0.5);
  const auto task = offered();
  EXPECT_EQ(holder(task), a);
  EXPECT_TRUE(hall.calls.empty());
  set_policy("auction live_bids_from_ms=1000");
  hire("b", 0.5);
  offered();
  EXPECT_EQ(hall.calls.size(), 1u);
}

TEST_F(Bids, OtherSettingsOfTheQueueEndItsRounds) {
  set_policy(live);
  const auto a = hire("a", 0.5);
  const auto task = offered();
  set_policy("auction");
  hall.turn();
  EXPECT_EQ(holder(task), a);
  EXPECT_EQ(bid(a, "a", 0.1), Code::stale);
}

TEST_F(Bids, ARestartForgetsRoundsAndNoTask) {
  set_policy(live);
  hire("a", 0.5);
  const auto task = offered();
  hall.restart();
  EXPECT_TRUE(hall.engine->bidding().empty());
  EXPECT_EQ(hall.state(task), State::ready);
  const auto b = hire("b", 0.5);
  hall.calls.clear();
  hall.turn();
  ASSERT_EQ(hall.calls.size(), 1u);
  bid(b, "b", 0.1);
  hall.turn();
  EXPECT_EQ(holder(task), b);
}

TEST_F(Bids, ATaskThatIsCancelledMeanwhileLeavesNothing) {
  set_policy(live);
  const auto a = hire("a", 0.5);
  const auto task = offered();
  EXPECT_EQ(hall.cancel(task), Code::ok);
  bid(a, "a", 0.1);
  after(200);
  after(1000);
  after(600'000);
  EXPECT_TRUE(hall.engine->bidding().empty());
  EXPECT_EQ(hall.state(task), State::cancelled);
}

TEST_F(Bids, ALineHasOneRoundAndABidIsForTheTaskThatWasInFront) {
  set_policy(live);
  const auto a = hire("a", 0.5);
  const auto first = offered();
  const auto second = offered();
  EXPECT_EQ(hall.calls.size(), 1u) << "one round for a line at a time";
  const auto number = round();
  EXPECT_EQ(hall.cancel(first), Code::ok);
  bid(a, "a", 0.1);
  hall.turn();
  EXPECT_EQ(hall.state(second), State::ready);
  ASSERT_EQ(hall.calls.size(), 2u) << "a bid for another task does not count";
  EXPECT_EQ(round(), number + 1);
  bid(a, "a", 0.2);
  hall.turn();
  EXPECT_EQ(holder(second), a);
}

TEST_F(Bids, AWinnerCanBeWorkedOutAgainFromWhatIsKept) {
  set_policy("auction live_bids_from_ms=1 settlement=first_price");
  const auto a = hire("a", 0.5), b = hire("b", 0.5), p = hire("p", 0.5, false);
  for (int i = 0; i < 20; ++i) {
    const auto task = offered();
    bid(a, "a", 0.1 * (i % 3));
    bid(b, "b", 0.1 * (i % 4));
    hall.turn();
    const auto why = choice();
    const auto winner = scheduler::winner_of(why.award.terms);
    EXPECT_EQ(why.award.terms[winner].worker, holder(task));
    EXPECT_EQ(why.award.paid, why.award.terms[winner].cost);
    for (std::size_t k = 0; k < why.quotes.size(); ++k) {
      EXPECT_EQ(why.quotes[k].live, why.candidates[k].worker != p);
      EXPECT_EQ(why.quotes[k].ask, why.award.terms[k].cost);
    }
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == task) {
        FinishItem item;
        item.token = lease.token;
        hall.engine->begin_turn(hall.now);
        const auto worker = lease.worker;
        ASSERT_TRUE(hall.engine->finish(worker, ++finishes[worker], 0, 1, std::span(&item, 1)));
        break;
      }
    hall.turn();
  }
}

}  // namespace
}  // namespace hirehall::engine
