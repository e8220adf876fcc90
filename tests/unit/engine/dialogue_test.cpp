// The engine spoken to: what is submitted, who gets it, what becomes of it.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions with(const std::function<void(TaskOptions&)>& change) {
  auto options = echo();
  change(options);
  return options;
}

TEST(Dialogue, ATaskIsAwardedAndSucceeds) {
  Hall hall;
  auto a = hall.submit("A");
  EXPECT_EQ(hall.engine->look(a), Engine::Known::queued);
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(hall.name(award), "A");
  EXPECT_EQ(award.attempt, 1u);
  EXPECT_EQ(hall.state(a), State::leased);
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::ok);
  EXPECT_EQ(hall.state(a), State::succeeded);
}

TEST(Dialogue, NobodyGetsWhatItCannotDo) {
  Hall hall;
  hall.submit("A");
  auto& hand = hall.hire({"paint"});
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
  auto paint = hall.submit("B", with([](auto& o) { o.type = "paint"; }));
  EXPECT_EQ(hall.award(hand).sequence, paint);
}

TEST(Dialogue, AFailureIsTriedAgainAfterAPauseUntilNoAttemptIsLeft) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.retry = {2, 1000, 600000, 3}; }));
  auto& hand = hall.hire({"echo"});
  EXPECT_EQ(hall.finish(hand, hall.award(hand), Outcome::failed), Code::ok);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::scheduled);
  EXPECT_LE(hall.kept.task(a).due, hall.now + 1000);
  hall.pass(1500);
  auto second = hall.award(hand);
  EXPECT_EQ(second.attempt, 2u);
  hall.finish(hand, second, Outcome::failed);
  EXPECT_EQ(hall.state(a), State::failed);
  hall.turn();
  EXPECT_TRUE(hall.kept.dead(0, a));
}

TEST(Dialogue, PausesBetweenAttemptsComeFromTheSeed) {
  auto pause = [](std::uint64_t seed) {
    Engine::Settings settings;
    settings.seed = seed;
    Hall hall(settings);
    auto a = hall.submit("A", with([](auto& o) { o.retry.backoff_ms = 100000; }));
    auto& hand = hall.hire({"echo"});
    hall.finish(hand, hall.award(hand), Outcome::failed);
    hall.turn();
    return hall.kept.task(a).due - hall.now;
  };
  EXPECT_EQ(pause(1), pause(1));
  EXPECT_NE(pause(1), pause(2));
}

TEST(Dialogue, AnAgentMayAskForALongerPause) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  FinishItem item;
  item.outcome = Outcome::failed;
  item.delay_ms = 5000;
  hall.finish(hand, hall.award(hand), item);
  hall.turn();
  EXPECT_GE(hall.kept.task(a).due, hall.now + 5000);
}

TEST(Dialogue, InterruptedSnoozedAndSuspendedCountAgainstNothing) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.retry.max_attempts = 1, o.retry.max_losses = 1; }));
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::interrupted);
  hall.finish(hand, hall.award(hand), Outcome::snoozed);
  hall.pass(100);
  hall.finish(hand, hall.award(hand), Outcome::suspended);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::suspended);
  EXPECT_EQ(hall.answer(a, "yes"), Code::ok);
  auto award = hall.award(hand);
  EXPECT_EQ(award.attempt, 4u);
  ASSERT_TRUE(award.extras);
  EXPECT_EQ(award.extras->answer, "yes");
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_EQ(hall.state(a), State::succeeded);
}

TEST(Dialogue, AnAnswerSurvivesTheLossOfTheAttemptThatWasToGetIt) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::suspended);
  EXPECT_EQ(hall.answer(a, "yes"), Code::ok);
  hall.finish(hand, hall.award(hand), Outcome::interrupted);
  auto again = hall.award(hand);
  ASSERT_TRUE(again.extras);
  EXPECT_EQ(again.extras->answer, "yes");
  EXPECT_EQ(hall.answer(a, "no"), Code::invalid) << "it waits for nothing now";
}

TEST(Dialogue, TheNextAttemptStartsFromTheCheckpoint) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(hall.engine->checkpoint(hand.number, award.token, "half"), Code::ok);
  hall.finish(hand, award, Outcome::interrupted);
  auto again = hall.award(hand);
  ASSERT_TRUE(again.extras);
  EXPECT_EQ(again.extras->checkpoint, "half");
  std::string large(limits::payload_bytes_max + 1, 'x');
  EXPECT_EQ(hall.engine->checkpoint(hand.number, again.token, large), Code::too_large);
  hall.finish(hand, again, Outcome::succeeded);
  hall.turn();
  EXPECT_FALSE(hall.kept.at(Shelving::records, checkpoint_key(a)));
}

TEST(Dialogue, AtMostOnceEndsWithItsFirstAward) {
  for (auto outcome :
       {Outcome::failed, Outcome::interrupted, Outcome::snoozed, Outcome::suspended, Outcome::timed_out}) {
    Hall hall;
    auto a = hall.submit("A", with([](auto& o) { o.delivery = Delivery::at_most_once; }));
    auto& hand = hall.hire({"echo"});
    hall.finish(hand, hall.award(hand), outcome);
    EXPECT_EQ(hall.state(a), State::failed) << name_of(outcome);
  }
}

TEST(Dialogue, ALimitKeyBoundsWhatRunsAtOnce) {
  Hall hall;
  QueueSettings settings;
  settings.limits["db"] = 2;
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  for (int i = 0; i < 4; ++i) hall.submit("limited", with([](auto& o) { o.limit_keys = {"db"}; }));
  hall.submit("free");
  auto& hand = hall.hire({"echo"}, 8);
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 3u);
  for (auto& award : std::deque(hand.awards))
    if (hall.name(award) == "limited") {
      hall.finish(hand, award, Outcome::succeeded);
      break;
    }
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 3u) << "one ended, one may start";
  settings.limits.clear();
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 4u);
}

TEST(Dialogue, HigherPriorityGoesFirstAndEqualPriorityInOrder) {
  Hall hall;
  for (auto [name, priority] : {std::pair{"C", 5}, {"E", 1}, {"A", 10}, {"D", 5}, {"B", 10}})
    hall.submit(name, with([p = priority](auto& o) { o.priority = p; }));
  auto& hand = hall.hire({"echo"});
  std::string order;
  for (int i = 0; i < 5; ++i) {
    auto award = hall.award(hand);
    order += hall.name(award);
    hall.finish(hand, award, Outcome::succeeded);
  }
  EXPECT_EQ(order, "ABCDE");
}

TEST(Dialogue, WhoWaitsLongOvertakesHigherPriority) {
  Hall hall;
  QueueSettings settings;
  settings.aging_ms = 1000;
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  auto old = hall.submit("old", with([](auto& o) { o.priority = 1; }));
  hall.pass(10000);
  hall.submit("young", with([](auto& o) { o.priority = 10; }));
  EXPECT_EQ(hall.award(hall.hire({"echo"})).sequence, old);
}

TEST(Dialogue, TheEarliestDeadlineGoesFirst) {
  Hall hall;
  auto plain = hall.submit("plain");
  auto late = hall.submit("late", with([&](auto& o) { o.deadline = hall.now + 500000; }));
  auto soon = hall.submit("soon", with([&](auto& o) { o.deadline = hall.now + 400000; }));
  auto& hand = hall.hire({"echo"}, 3);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 3u);
  EXPECT_EQ(hand.awards[0].sequence, soon);
  EXPECT_EQ(hand.awards[1].sequence, late);
  EXPECT_EQ(hand.awards[2].sequence, plain);
}

TEST(Dialogue, CancelEndsATaskInEveryStateThatIsNoEnd) {
  Hall hall;
  auto scheduled = hall.submit("A", with([](auto& o) { o.delay_ms = 5000; }));
  auto ready = hall.submit("B", with([](auto& o) { o.type = "nobody"; }));
  auto suspended = hall.submit("C");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::suspended);
  for (auto sequence : {scheduled, ready, suspended}) {
    EXPECT_EQ(hall.cancel(sequence), Code::ok);
    EXPECT_EQ(hall.state(sequence), State::cancelled);
    EXPECT_EQ(hall.cancel(sequence), Code::terminal);
  }
  EXPECT_EQ(hall.cancel(99), Code::not_found);
  hall.pass(6000);
  EXPECT_TRUE(hand.awards.empty()) << "what was cancelled does not start";
}

TEST(Dialogue, ALeasedTaskThatIsCancelledEndsWithItsAttempt) {
  struct Case {
    Outcome outcome;
    State state;
  };
  for (auto [outcome, state] :
       {Case{Outcome::cancelled, State::cancelled}, Case{Outcome::failed, State::cancelled},
        Case{Outcome::interrupted, State::cancelled}, Case{Outcome::succeeded, State::succeeded}}) {
    Hall hall;
    auto a = hall.submit("A");
    auto& hand = hall.hire({"echo"});
    auto award = hall.award(hand);
    EXPECT_EQ(hall.cancel(a), Code::ok);
    hall.turn();
    ASSERT_EQ(hand.stops.size(), 1u);
    EXPECT_EQ(hand.stops[0].reason, "enough");
    EXPECT_EQ(hall.finish(hand, award, outcome), Code::ok);
    EXPECT_EQ(hall.state(a), state) << name_of(outcome);
  }
}

TEST(Dialogue, ALeasedTaskThatIsCancelledAndLostIsCancelled) {
  Hall hall;
  auto a = hall.submit("A");
  hall.award(hall.hire({"echo"}));
  hall.cancel(a);
  hall.pass(limits::lease_ms + 1000, false);
  EXPECT_EQ(hall.state(a), State::cancelled);
}

TEST(Dialogue, ADeadlineEndsALeaseAtOnce) {
  Hall hall;
  auto a = hall.submit("A", with([&](auto& o) { o.deadline = hall.now + 1000; }));
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  hall.pass(1500);
  EXPECT_EQ(hall.state(a), State::expired);
  EXPECT_EQ(hall.error_of(a), "deadline");
  EXPECT_EQ(hand.lost, std::vector{award.token});
  EXPECT_EQ(hall.finish(hand, award, Outcome::succeeded), Code::stale);
}

TEST(Dialogue, TimeToLiveCountsInLineAndNotAtWork) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.ttl_ms = 1000; }));
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  hall.pass(3000);
  EXPECT_EQ(hall.state(a), State::leased);
  hand.credit = 0;
  hall.finish(hand, award, Outcome::interrupted);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::expired) << "back in line, past its time";
  EXPECT_EQ(hall.error_of(a), "ttl");
}

TEST(Dialogue, TimeToLiveBeginsWhenTheTaskMayStart) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.type = "nobody", o.ttl_ms = 1000, o.delay_ms = 2000; }));
  hall.pass(2500);
  EXPECT_EQ(hall.state(a), State::ready);
  hall.pass(1000);
  EXPECT_EQ(hall.state(a), State::expired);
}

TEST(Dialogue, NothingExpiresWhileTheClockIsInDoubt) {
  Hall hall;
  auto a = hall.submit("A", with([](auto& o) { o.type = "nobody", o.ttl_ms = 1000; }));
  auto b = hall.submit("B", with([](auto& o) { o.type = "nobody", o.delay_ms = 1000; }));
  hall.turn();
  hall.now += 900;
  hall.turn();
  hall.now += 900;
  hall.engine->begin_turn({hall.now, hall.now + 900000, 0, true});
  hall.engine->end_turn();
  EXPECT_EQ(hall.engine->look(a), Engine::Known::queued);
  EXPECT_EQ(hall.engine->ledger().books.tasks[static_cast<std::size_t>(State::scheduled)], 0u)
      << "what may start does: B";
  hall.turn();  // believed again
  hall.turn();
  EXPECT_EQ(hall.state(a), State::expired);
  EXPECT_EQ(hall.state(b), State::ready);
}

TEST(Dialogue, TimesThatAPeerNamesAreOfTheWallClock) {
  Hall hall;
  hall.engine->begin_turn({hall.now, hall.now - 10000, 0, false});
  EXPECT_EQ(hall.engine->from_wall(hall.now), hall.now + 10000);
  EXPECT_EQ(hall.engine->to_wall(hall.now), hall.now - 10000);
  hall.engine->begin_turn({hall.now, hall.now + 1, 0, false});
  EXPECT_EQ(hall.engine->from_wall(1), 1) << "and not 0, which means none";
}

TEST(Dialogue, WhatIsPausedWaitsAndWhatRunsGoesOn) {
  Hall hall;
  hall.engine->pause("default", "echo", "", "repair", true);
  auto a = hall.submit("A");
  auto b = hall.submit("B", with([](auto& o) { o.type = "other"; }));
  auto& hand = hall.hire({"echo", "other"}, 2);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hand.awards[0].sequence, b);
  hall.engine->pause("default", "echo", "", "", false);
  EXPECT_EQ(hall.award(hand).sequence, a);
}

TEST(Dialogue, TheCapCountsOpenTasksDeadLettersAndTheBatchItself) {
  Hall hall;
  QueueSettings settings;
  settings.cap = 2;
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  auto answer = hall.submit_batch({{echo(), "A"}, {echo(), "B"}, {echo(), "C"}});
  ASSERT_TRUE(answer && answer->exceptions.size() == 1);
  EXPECT_EQ(static_cast<Code>(answer->exceptions[0].code), Code::queue_full);
  auto& hand = hall.hire({"echo"}, 2);
  hall.turn();
  for (auto& award : std::deque(hand.awards)) hall.finish(hand, award, Outcome::failed_final);
  EXPECT_EQ(static_cast<Code>(hall.refused("D", echo()).code), Code::dead_letters_full);
}

TEST(Dialogue, ABatchIsAtomicWhenAsked) {
  Hall hall;
  auto bad = with([](auto& o) { o.queue = "nowhere"; });
  auto answer = hall.submit_batch({{echo(), "A"}, {bad, "B"}}, true);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::not_found);
  EXPECT_EQ(answer.error().context, "item 1");
  EXPECT_EQ(hall.engine->ledger().books.accepted, 0u);
}

TEST(Dialogue, AnIdempotencyKeyStandsForItsFirstTaskForADay) {
  Hall hall;
  auto keyed = with([](auto& o) { o.idempotency_key = "k"; });
  auto a = hall.submit("A", keyed);
  EXPECT_EQ(hall.submit("A", keyed), a) << "before it is durable";
  hall.turn();
  EXPECT_EQ(hall.submit("A", keyed), a);
  EXPECT_EQ(hall.refused("B", keyed).existing, a);
  hall.turn();
  hall.restart();
  EXPECT_EQ(hall.submit("A", keyed), a);
  hall.turn();
  hall.now += limits::idempotency_window_ms;
  hall.turn();
  hall.turn();
  EXPECT_NE(hall.submit("A", keyed), a);
}

TEST(Dialogue, AUniqueKeyHoldsUntilItsTaskIsOver) {
  Hall hall;
  auto unique = with([](auto& o) { o.unique_key = "k"; });
  auto a = hall.submit("A", unique);
  EXPECT_EQ(hall.submit("A", unique), a);
  EXPECT_EQ(static_cast<Code>(hall.refused("B", unique).code), Code::conflict);
  hall.turn();
  hall.restart();
  EXPECT_EQ(hall.submit("A", unique), a);
  hall.cancel(a);
  auto b = hall.submit("B", unique);
  EXPECT_NE(b, a);
  hall.turn();
  hall.pass(2 * unique_look_ms + 1000, false);
  EXPECT_EQ(hall.submit("B", unique), b) << "as long as it takes";
  auto lane = hall.engine->ledger().lanes[0];
  auto key = unique_key(lane.queue, lane.tenant, "k");
  EXPECT_FALSE(hall.kept.at(Shelving::records, unique_record_key(key, a))) << "A's record is cleared away";
}

TEST(Dialogue, AResentBatchGetsTheFirstAnswerAlsoAfterARestart) {
  Hall hall;
  hall.submit("A");
  hall.turn();
  auto resend = [&] {
    SubmitRequest request;
    request.producer = hall.producer();
    request.batch = 1;
    auto base = make_template(echo());
    SubmitItem item;
    item.payload = "another";
    request.templates = {&base, 1};
    request.items = {&item, 1};
    return hall.engine->submit(request);
  };
  auto first = resend();
  hall.turn();
  hall.restart();
  auto second = resend();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->first, second->first);
  EXPECT_EQ(hall.engine->ledger().books.accepted, 1u);
}

TEST(Dialogue, ADeadLetterComesBackAsANewTask) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::failed_final);
  hall.turn();
  auto b = hall.engine->replay_dead(a, echo(), "A", hall.kept.dead(0, a));
  EXPECT_GT(b, a);
  EXPECT_EQ(hall.award(hand).sequence, b);
  EXPECT_FALSE(hall.kept.dead(0, a));
  EXPECT_EQ(hall.state(a), State::failed);
}

}  // namespace
}  // namespace hirehall::engine
