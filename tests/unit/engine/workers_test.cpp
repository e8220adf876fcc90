// Workers come, report, fall silent and come back: what becomes of their leases.
#include "common/hash.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions with(const std::function<void(TaskOptions&)>& change) {
  auto options = echo();
  change(options);
  return options;
}

TEST(Workers, CreditIsTheMostThatIsHeldAtOnceAndZeroStopsAwards) {
  Hall hall;
  for (int i = 0; i < 5; ++i) hall.submit("A");
  auto& hand = hall.hire({"echo"}, 2);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  hand.credit = 0;
  hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 1u);
  hand.credit = 3;
  hall.beat(hand);
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 3u);
}

TEST(Workers, AFinishIsGoodOnceAndStaleAfterwards) {
  Hall hall;
  hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::ok);
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::stale);
  EXPECT_EQ(hall.engine->counts().stale, 1u);
}

TEST(Workers, AResentFinishGetsTheFirstAnswerAndRecordsNothing) {
  Hall hall;
  hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  FinishItem item;
  item.token = award.token;
  auto first = hall.engine->finish(hand.number, 1, 0, 1, {&item, 1});
  auto done = hall.engine->ledger().books.tasks;
  auto again = hall.engine->finish(hand.number, 1, 0, 1, {&item, 1});
  ASSERT_TRUE(first && again);
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(hall.engine->ledger().books.tasks, done);
  EXPECT_EQ(hall.engine->finish(hand.number, 3, 0, 1, {}).error().code, Code::out_of_order);
  ASSERT_TRUE(hall.engine->finish(hand.number, 2, 1, 1, {}));
  EXPECT_EQ(hall.engine->finish(hand.number, 1, 0, 1, {&item, 1}).error().code, Code::out_of_order)
      << "an answer that was acknowledged is gone";
}

TEST(Workers, WhatMakesNoSenseInAFinishLeavesTheLeaseAsItWas) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(hall.finish(hand, award, Outcome::cancelled), Code::invalid) << "nobody asked it to stop";
  EXPECT_EQ(hall.finish(hand, award, static_cast<Outcome>(42)), Code::invalid);
  FinishItem suspended;
  suspended.outcome = Outcome::suspended;
  EXPECT_EQ(hall.finish(hand, award, suspended), Code::invalid) << "it does not say on what";
  std::string large(limits::payload_bytes_max + 1, 'x');
  FinishItem too_large;
  too_large.result = large;
  EXPECT_EQ(hall.finish(hand, award, too_large), Code::too_large);
  EXPECT_EQ(hall.state(a), State::leased);
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::ok);
}

TEST(Workers, AWorkerThatFallsSilentLosesItsLeaseAndItsLateFinishIsStale) {
  Hall hall;
  auto a = hall.submit("A");
  auto& silent = hall.hire({"echo"});
  auto lost = hall.award(silent);
  hall.pass(limits::lease_ms - 500, false);
  EXPECT_EQ(hall.state(a), State::leased) << "not a moment early";
  hall.pass(1000, false);
  EXPECT_EQ(silent.lost, std::vector{lost.token});
  auto& other = hall.hire({"echo"});
  auto again = hall.award(other);
  EXPECT_EQ(again.sequence, a);
  EXPECT_GT(again.token, lost.token);
  EXPECT_EQ(hall.finish(silent, lost, Outcome::succeeded), Code::stale);
  EXPECT_EQ(hall.engine->ledger().leases[Ledger::slot_of(again.token)].tries.losses, 1u);
}

TEST(Workers, AsManyLossesAsTheLimitEndTheTask) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.retry.max_losses = 2; }));
  auto& hand = hall.hire({"echo"});
  for (int i = 0; i < 2; ++i) {
    hall.award(hand);
    hand.awards.clear();
    hall.engine->holding(hand.number, hand.last_award, {});
  }
  hall.turn();
  EXPECT_EQ(hall.state(a), State::failed);
  EXPECT_EQ(hall.error_of(a), "lost");
}

TEST(Workers, AnAwardThatNeverArrivedIsNoLoss) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  hand.awards.clear();
  hand.last_award = 0;
  EXPECT_TRUE(hall.come_back(hand, {}).empty());
  auto again = hall.award(hand);
  EXPECT_EQ(again.sequence, a);
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_NE(again.token, award.token);
  EXPECT_EQ(hall.engine->ledger().leases[Ledger::slot_of(again.token)].tries.losses, 0u);
}

TEST(Workers, AnAwardThatNoHeartbeatReachesIsTakenBackAfterALeaseTime) {
  Hall hall;
  auto a = hall.submit("A");
  auto& deaf = hall.hire({"echo"});
  hall.award(deaf);
  deaf.awards.clear();
  deaf.last_award = 0;
  deaf.credit = 0;
  hall.pass(limits::lease_ms - 500);
  EXPECT_EQ(hall.state(a), State::leased);
  hall.pass(1500);
  auto& other = hall.hire({"echo"});
  EXPECT_EQ(hall.award(other).sequence, a);
  EXPECT_EQ(deaf.lost.size(), 1u);
}

// Simulation: with the last award taken back, the numbers of worker and broker never met again, and what was
// lost before stayed leased as long as the connection lived.
TEST(Workers, AnAwardThatWasLostBeforeALaterOneIsFoundWhenTheLastOneIsLostToo) {
  Hall hall;
  auto& hand = hall.hire({"echo"}, 3);
  hall.submit("lost");
  hall.award(hand);
  hand.awards.clear();
  hall.submit("arrived");
  auto arrived = hall.award(hand);
  auto last_award = hand.last_award;
  auto last = hall.submit("lost too");
  hall.award(hand);
  hand.awards = {arrived};
  hand.last_award = last_award;
  hand.credit = 0;
  hall.pass(limits::lease_ms + 1000);
  EXPECT_EQ(hall.state(last), State::ready);
  auto answer = hall.engine->heartbeat(hand.number, 1, mix(arrived.token), hand.last_award, 0);
  EXPECT_TRUE(answer.known);
  EXPECT_TRUE(answer.list);
}

TEST(Workers, AStallOfTheBrokerGrantsEveryLeaseAnew) {
  Hall hall;
  auto a = hall.submit("A");
  hall.award(hall.hire({"echo"}));
  hall.now += 60000;
  hall.turn();
  EXPECT_EQ(hall.state(a), State::leased);
  hall.pass(limits::lease_ms - 500, false);
  EXPECT_EQ(hall.state(a), State::leased);
  hall.pass(1000, false);
  EXPECT_EQ(hall.state(a), State::ready);
}

TEST(Workers, AJumpOfTheClockGrantsEveryLeaseAndEveryAttemptItsTimeAnew) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.timeout_ms = 10000; }));
  auto& hand = hall.hire({"echo"});
  hall.award(hand);
  hall.now += 3'600'000;
  hall.engine->begin_turn({hall.now, hall.now, 3'600'000, false});
  hall.turn();
  EXPECT_EQ(hall.state(a), State::leased);
  EXPECT_TRUE(hand.stops.empty());
  hall.pass(10500);
  ASSERT_EQ(hand.stops.size(), 1u);
  EXPECT_EQ(hand.stops[0].reason, "timeout");
}

TEST(Workers, ARestartRepeatsNoRunningWork) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  hall.restart();
  EXPECT_TRUE(hall.come_back(hand, {award.token}).empty());
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::ok);
  EXPECT_EQ(hall.state(a), State::succeeded);
}

TEST(Workers, AWorkerThatDoesNotComeBackAfterARestartLosesItsLeases) {
  Hall hall;
  auto a = hall.submit("A");
  hall.award(hall.hire({"echo"}));
  hall.restart();
  hall.pass(limits::lease_ms + 1000, false);
  EXPECT_EQ(hall.award(hall.hire({"echo"})).sequence, a);
}

TEST(Workers, AnAttemptOverItsTimeIsToldToStopAlsoAfterARestart) {
  for (bool restart : {false, true}) {
    Hall hall;
    QueueSettings settings;
    settings.timeout_ms = 2000;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
    hall.submit("A");
    auto& hand = hall.hire({"echo"});
    auto award = hall.award(hand);
    if (restart) {
      hall.restart();
      hall.come_back(hand, {award.token});
    }
    hall.pass(2500);
    ASSERT_EQ(hand.stops.size(), 1u);
    EXPECT_EQ(hand.stops[0].token, award.token);
    EXPECT_EQ(hand.stops[0].reason, "timeout");
  }
}

TEST(Workers, GetNothingOfAQueueThatTheyMayNotServe) {
  Hall hall;
  ASSERT_TRUE(hall.engine->set_queue("mail", {}));
  hall.submit("A");
  auto& hand = hall.hire({"echo"}, 8);
  hall.award(hand);
  hall.engine->bind_worker(hand.number, std::vector<std::string>{"mail", "later"});
  hall.submit("B");
  auto options = echo();
  options.queue = "mail";
  hall.submit("C", options);
  EXPECT_EQ(hall.name(hall.award(hand)), "C");
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 2u);
  ASSERT_TRUE(hall.engine->set_queue("later", {}));
  options.queue = "later";
  hall.submit("D", options);
  EXPECT_EQ(hall.name(hall.award(hand)), "D") << "a queue that was made after the worker had come";
  hall.engine->bind_worker(hand.number, std::nullopt);
  EXPECT_EQ(hall.name(hall.award(hand)), "B");
}

TEST(Workers, SetAsideByAnOperatorGetNothingUntilItIsUndone) {
  Hall hall;
  auto& hand = hall.hire({"echo"}, 8);
  hall.engine->set_aside(hand.number, true);
  hall.submit("A");
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
  hall.come_back(hand, {});
  hall.turn();
  EXPECT_TRUE(hand.awards.empty()) << "also after it has come back";
  hall.engine->set_aside(hand.number, false);
  EXPECT_EQ(hall.name(hall.award(hand)), "A");
}

TEST(Workers, AreBoundToTheirQueuesWhenTheyComeBack) {
  Hall hall;
  ASSERT_TRUE(hall.engine->set_queue("mail", {}));
  hall.submit("A");
  auto& hand = hall.hire({"other"});
  hand.queues = std::vector<std::string>{"mail"};
  hand.types = {"echo"};
  hall.restart();
  hall.come_back(hand, {});
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
}

}  // namespace
}  // namespace hirehall::engine
