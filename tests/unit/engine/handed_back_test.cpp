// What a worker hands back goes to the runner-up of that award, or to somebody else; and to the same one only
// when there is nobody else.
#include "broker/engine/handed_back.h"

#include "scheduler/prices.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

// Three agents of which the first is the best, then the second.
class HandedBack : public testing::Test {
 protected:
  HandedBack() {
    hall.learned = &prediction;
    for (const auto& [agent, failures] : {std::pair{"best", 10}, {"good", 60}, {"poor", 190}}) {
      hall.hire({"echo"}, 1, agent);
      for (int i = 0; i < 400; ++i) prediction.learn({agent, "1", "echo", i >= failures, 50});
    }
    set_policy("learned");
  }
  void set_policy(std::string_view policy) {
    QueueSettings settings;
    settings.policy = policy;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }
  // Who gets it; each with an agent of its own.
  Hand* holder() {
    for (auto& hand : hall.hands)
      if (!hand.awards.empty()) return &hand;
    return nullptr;
  }
  void hand_back(Hand& hand) {
    const auto award = hand.awards.front();
    hand.awards.pop_front();
    EXPECT_EQ(hall.finish(hand, award, Outcome::interrupted), Code::ok);
    hall.turn();
  }
  void succeed(Hand& hand) {
    const auto award = hand.awards.front();
    hall.finish(hand, award, Outcome::succeeded);
    hall.turn();
  }
  scheduler::Choice choice() const { return *scheduler::unpack_choice(hall.choices.back().packed); }
  std::uint32_t runner_up(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence) return lease.reasons.runner_up;
    return 0;
  }

  scheduler::Prediction prediction;
  Hall hall;
};

TEST_F(HandedBack, TheRunnerUpOfThatAwardGetsIt) {
  for (const auto* policy : {"learned", "auction"}) {
    set_policy(policy);
    for (int i = 0; i < 10; ++i) {
      const auto task = hall.submit("task", echo());
      hall.turn();
      auto* first = holder();
      ASSERT_NE(first, nullptr);
      const auto second = runner_up(task);
      hand_back(*first);
      auto* then = holder();
      ASSERT_NE(then, nullptr);
      EXPECT_EQ(then->number, second) << policy;
      EXPECT_EQ(choice().went_to, scheduler::WentTo::runner_up);
      EXPECT_EQ(choice().handed_back_by, first->number);
      EXPECT_EQ(choice().award.paid, choice().award.first_price) << "what it asks: there is no rival";
      succeed(*then);
    }
  }
  EXPECT_EQ(hall.engine->counts().passed_on[static_cast<std::size_t>(scheduler::WentTo::runner_up)], 20u);
}

TEST_F(HandedBack, SomebodyElseGetsItWhenTheRunnerUpIsBusy) {
  const auto task = hall.submit("task", echo());
  hall.turn();
  auto* first = holder();
  const auto second = runner_up(task);
  const auto award = first->awards.front();
  first->awards.clear();
  hall.submit("other", echo());
  hall.turn();
  for (auto* busy = holder(); busy != nullptr && busy->number != second; busy = holder()) {
    // The third one has the other task: it ends, and the runner-up gets one.
    succeed(*busy);
    hall.submit("other", echo());
    hall.turn();
  }
  ASSERT_NE(holder(), nullptr);
  holder()->awards.clear();
  EXPECT_EQ(hall.finish(*first, award, Outcome::interrupted), Code::ok);
  hall.turn();
  ASSERT_NE(holder(), nullptr);
  EXPECT_NE(holder()->number, first->number);
  EXPECT_NE(holder()->number, second);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::another);
  EXPECT_EQ(choice().handed_back_by, first->number);
}

TEST_F(HandedBack, ALoneWorkerGetsItAgain) {
  for (int i = 1; i < 3; ++i) hall.engine->disconnect_worker(hall.hands[static_cast<std::size_t>(i)].number);
  set_policy("auction");
  hall.submit("task", echo());
  hall.turn();
  auto& only = hall.hands[0];
  ASSERT_EQ(only.awards.size(), 1u);
  hand_back(only);
  ASSERT_EQ(only.awards.size(), 1u);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::same);
}

TEST_F(HandedBack, OnlyTheNextAwardLeavesItOut) {
  hall.submit("task", echo());
  hall.turn();
  auto* first = holder();
  hand_back(*first);
  auto* second = holder();
  ASSERT_NE(second, first);
  hand_back(*second);
  ASSERT_NE(holder(), nullptr);
  EXPECT_NE(holder(), second) << "the first one may take part again";
  EXPECT_EQ(choice().handed_back_by, second->number);
}

TEST_F(HandedBack, FailuresAndRestartsAreAwardedAnew) {
  const auto task = hall.submit("task", echo());
  hall.turn();
  auto* first = holder();
  const auto award = first->awards.front();
  first->awards.clear();
  hall.finish(*first, award, Outcome::failed);
  hall.pass(5000);
  ASSERT_NE(holder(), nullptr);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::anew);
  EXPECT_EQ(hall.state(task), State::leased);
}

TEST_F(HandedBack, LeastLoadedGoesByLoadAsEver) {
  set_policy("least_loaded");
  hall.submit("task", echo());
  hall.turn();
  auto* first = holder();
  hand_back(*first);
  EXPECT_EQ(holder(), first);
  EXPECT_TRUE(hall.choices.empty());
}

// Agents that bid live, each on a worker of its own.
class HandedBackBids : public testing::Test {
 protected:
  HandedBackBids() {
    QueueSettings settings;
    settings.policy = "auction live_bids_from_ms=1";
    EXPECT_TRUE(hall.engine->set_queue("default", settings));
  }
  std::uint32_t hire(const std::string& name, double asks = -1) {
    Registration registration;
    registration.name = name;
    registration.token = "token of " + name;
    registration.spec.slots = 1;
    registration.credit = 1;
    auto& agent = registration.spec.agents.emplace_back();
    agent.name = name;
    agent.types = {"echo"};
    agent.bids = asks < 0;
    if (asks >= 0)
      agent.price =
          std::make_shared<const scheduler::PriceFunction>(*scheduler::PriceFunction::from({.base = asks}));
    const auto done = hall.engine->register_worker(registration);
    EXPECT_TRUE(done);
    return done->worker;
  }
  void bid(std::uint32_t worker, const std::string& agent, double price) {
    hall.engine->begin_turn(hall.now);
    EXPECT_EQ(hall.engine->bid(worker, hall.calls.back().round, agent, price), Code::ok);
  }
  const Lease* lease_of(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence) return &lease;
    return nullptr;
  }
  void hand_back(std::uint32_t worker, Sequence task) {
    FinishItem item;
    item.token = lease_of(task)->token;
    item.outcome = Outcome::interrupted;
    hall.engine->begin_turn(hall.now);
    EXPECT_TRUE(hall.engine->finish(worker, 1, 0, 1, {&item, 1}));
    hall.turn();
  }
  scheduler::Choice choice() const { return *scheduler::unpack_choice(hall.choices.back().packed); }

  Hall hall;
};

TEST_F(HandedBackBids, TheSecondBestBidHoldsAndNobodyIsAskedAgain) {
  const auto a = hire("a"), b = hire("b"), c = hire("c");
  const auto task = hall.submit("task", echo());
  hall.turn();
  ASSERT_EQ(hall.calls.size(), 3u);
  bid(a, "a", 0.25), bid(b, "b", 3), bid(c, "c", 6);
  hall.turn();
  ASSERT_NE(lease_of(task), nullptr);
  EXPECT_EQ(lease_of(task)->worker, a);
  const auto round = choice().round;
  hand_back(a, task);
  ASSERT_NE(lease_of(task), nullptr);
  EXPECT_EQ(lease_of(task)->worker, b);
  EXPECT_EQ(hall.calls.size(), 3u);
  EXPECT_EQ(choice().round, round);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::runner_up);
  EXPECT_TRUE(choice().quotes[0].live);
  EXPECT_EQ(choice().award.paid, 3'000'000);
}

TEST_F(HandedBackBids, WhenTheSecondIsGoneTheOthersAreAskedAnew) {
  const auto a = hire("a"), b = hire("b"), c = hire("c");
  const auto task = hall.submit("task", echo());
  hall.turn();
  bid(a, "a", 0.25), bid(b, "b", 3), bid(c, "c", 6);
  hall.turn();
  ASSERT_NE(lease_of(task), nullptr);
  hall.engine->disconnect_worker(b);
  hand_back(a, task);
  EXPECT_EQ(lease_of(task), nullptr);
  ASSERT_EQ(hall.calls.size(), 4u) << "the one that handed it back is left out";
  EXPECT_EQ(hall.calls.back().worker, c);
  bid(c, "c", 6);
  hall.turn();
  ASSERT_NE(lease_of(task), nullptr);
  EXPECT_EQ(lease_of(task)->worker, c);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::another);
}

// Who is left out may be the only one that asks little enough.
TEST_F(HandedBackBids, WhoHandedItBackGetsItAgainWhenTheOthersAskMoreThanTheReserve) {
  QueueSettings settings;
  settings.policy = "auction reserve=5000000";
  EXPECT_TRUE(hall.engine->set_queue("default", settings));
  const auto a = hire("a", 1), b = hire("b", 10);
  const auto task = hall.submit("task", echo());
  hall.turn();
  ASSERT_NE(lease_of(task), nullptr);
  EXPECT_EQ(lease_of(task)->worker, a);
  hand_back(a, task);
  ASSERT_NE(lease_of(task), nullptr) << "its shelf does not wait for " << b;
  EXPECT_EQ(lease_of(task)->worker, a);
  EXPECT_EQ(choice().went_to, scheduler::WentTo::same);
}

TEST_F(HandedBackBids, OnceAllOthersHaveDeclinedTheNextRoundAsksWhoHandedItBack) {
  const auto a = hire("a"), b = hire("b");
  const auto task = hall.submit("task", echo());
  hall.turn();
  bid(a, "a", 0.25), bid(b, "b", 3);
  hall.turn();
  hall.engine->disconnect_worker(b);
  const auto c = hire("c");
  hand_back(a, task);
  hall.engine->begin_turn(hall.now);
  EXPECT_EQ(hall.engine->bid(c, hall.calls.back().round, "c", std::nullopt), Code::ok);
  hall.turn();
  const auto before = hall.calls.size();
  hall.pass(1100);
  EXPECT_EQ(hall.calls.size(), before + 2) << "all are asked";
}

TEST(HandedBackTasks, ABidIsForTheAwardThatItWasMadeFor) {
  HandedBackTasks tasks;
  scheduler::Choice choice;
  choice.candidates = {{.worker = 1}, {.worker = 2}};
  choice.agents = {"one", "two"};
  choice.quotes = {{.ask = 1, .live = true}, {.ask = 3, .live = true}};
  choice.award = scheduler::decide(choice.settings, choice.candidates, 7, 0);
  choice.award.winner = 0, choice.award.runner_up = 1;
  tasks.keep_bid(5, choice, 1000);
  tasks.note(5, 1, 2, 1000, 1500);
  ASSERT_TRUE(tasks.of(5, 1500)->bid);
  EXPECT_EQ(*tasks.of(5, 1500)->bid, 3);
  tasks.keep_bid(6, choice, 1000);
  tasks.note(6, 1, 2, 1200, 1500);
  EXPECT_FALSE(tasks.of(6, 1500)->bid) << "another award of the task";
  tasks.keep_bid(7, choice, 1000);
  tasks.note(7, 1, 2, 1000, 1001 + HandedBackTasks::kept_ms);
  EXPECT_FALSE(tasks.of(7, 1001 + HandedBackTasks::kept_ms)->bid) << "it is old";
}

TEST(HandedBackTasks, TheyAreBoundedAndKeptForAWhile) {
  HandedBackTasks tasks;
  for (Sequence s = 1; s <= HandedBackTasks::tasks_max + 10; ++s) tasks.note(s, 1, 2, 900, 1000);
  EXPECT_NE(tasks.of(1, 1000), nullptr);
  EXPECT_EQ(tasks.of(HandedBackTasks::tasks_max + 1, 1000), nullptr) << "awarded anew";
  EXPECT_EQ(tasks.of(1, 1000 + HandedBackTasks::kept_ms), nullptr);
  tasks.note(99999, 1, 0, 900, 1000 + HandedBackTasks::kept_ms);
  ASSERT_NE(tasks.of(99999, 1001 + HandedBackTasks::kept_ms), nullptr) << "old ones have made room";
  EXPECT_EQ(tasks.of(99999, 1001 + HandedBackTasks::kept_ms)->runner_up, scheduler::none);
  tasks.forget(99999);
  EXPECT_FALSE(tasks.has(99999, 1001 + HandedBackTasks::kept_ms));
}

}  // namespace
}  // namespace hirehall::engine
