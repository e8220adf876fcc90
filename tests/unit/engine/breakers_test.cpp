// Breakers at the award: what opens one, who works meanwhile, how it closes, and what says nothing.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

using scheduler::BreakerState;
using Names = std::vector<std::string>;

std::shared_ptr<const scheduler::Guard> guard(Names fallbacks = {}, Names services = {}, bool own = true) {
  scheduler::Guard made;
  if (own) made.breaker = scheduler::BreakerSettings{3, 60'000, 2};
  made.fallbacks = std::move(fallbacks);
  made.services = std::move(services);
  return std::make_shared<const scheduler::Guard>(std::move(made));
}

FinishItem later(Millis delay_ms) {
  FinishItem item;
  item.delay_ms = delay_ms;
  return item;
}

FinishItem blames(std::string_view service, Millis delay_ms = 0) {
  auto item = later(delay_ms);
  item.service = service;
  return item;
}

class BreakerDialogue : public testing::Test {
 protected:
  // Tasks do not come back of themselves within a test.
  Sequence submit(const std::string& name) {
    auto options = echo();
    options.retry.backoff_ms = options.retry.backoff_max_ms = 24 * 3600 * 1000;
    return hall.submit(name, options);
  }
  // Submits so many and lets the hand fail them all.
  void fail_tasks(Hand& hand, int count, Outcome outcome = Outcome::failed, FinishItem item = {}) {
    for (int i = 0; i < count; ++i) {
      submit("failing " + std::to_string(++names));
      hall.turn();
      item.outcome = outcome;
      item.error = "trouble";
      ASSERT_FALSE(hand.awards.empty()) << i;
      ASSERT_EQ(hall.finish(hand, hall.award(hand), item), Code::ok);
    }
    hall.turn();
  }
  const BreakerRow& row(BreakerOf of, const std::string& name) const {
    return hall.engine->breakers().rows(of).at(name);
  }
  BreakerState state(const std::string& name, BreakerOf of = BreakerOf::agent) const {
    return row(of, name).state(hall.now);
  }

  Hall hall;
  int names = 0;
};

TEST_F(BreakerDialogue, OpensAfterFailuresOfDistinctTasksAndWorkWaits) {
  auto& hand = hall.hire({"echo"}, 1, "writer", guard());
  fail_tasks(hand, 2);
  EXPECT_EQ(state("writer"), BreakerState::closed);
  fail_tasks(hand, 1, Outcome::timed_out);
  EXPECT_EQ(state("writer"), BreakerState::open);
  EXPECT_EQ(row(BreakerOf::agent, "writer").opened, 1u);
  EXPECT_EQ(row(BreakerOf::agent, "writer").error, "trouble");
  const auto task = submit("waits");
  hall.turn();
  EXPECT_EQ(hall.state(task), State::ready);
  const auto kept_out = hall.engine->kept_out(0, 0);
  ASSERT_EQ(kept_out.size(), 1u);
  EXPECT_EQ(kept_out[0].agent, "writer");
  EXPECT_EQ(kept_out[0].state, "open");
  EXPECT_LE(hall.engine->next_deadline(), hall.now + 60'000);
}

TEST_F(BreakerDialogue, ASuccessBetweenFailuresBeginsTheRowAnew) {
  auto& hand = hall.hire({"echo"}, 1, "writer", guard());
  for (int i = 0; i < 3; ++i) {
    fail_tasks(hand, 2);
    fail_tasks(hand, 1, Outcome::succeeded);
  }
  EXPECT_EQ(state("writer"), BreakerState::closed);
}

TEST_F(BreakerDialogue, OneTaskThatFailsAgainAndAgainDoesNotOpenIt) {
  auto& hand = hall.hire({"echo"}, 1, "writer", guard());
  auto options = echo();
  options.retry.max_attempts = 10;
  options.retry.backoff_ms = options.retry.backoff_max_ms = 1;
  hall.submit("bad", options);
  for (int i = 0; i < 6; ++i) {
    hall.pass(10);
    ASSERT_EQ(hall.finish(hand, hall.award(hand), Outcome::failed), Code::ok);
  }
  EXPECT_EQ(state("writer"), BreakerState::closed);
  fail_tasks(hand, 2);
  EXPECT_EQ(state("writer"), BreakerState::open) << "with two others it is three";
}

TEST_F(BreakerDialogue, WhatDoesNotSpeakOfTheAgentDoesNotCount) {
  auto& hand = hall.hire({"echo"}, 1, "writer", guard());
  for (auto outcome : {Outcome::failed_final, Outcome::interrupted, Outcome::snoozed})
    fail_tasks(hand, 4, outcome, later(24 * 3600 * 1000));
  hall.pass(10);
  for (int i = 0; i < 4; ++i) {  // stopped by a cancel
    while (hand.awards.empty()) submit("stopped " + std::to_string(i)), hall.turn();
    const auto award = hall.award(hand);
    ASSERT_EQ(hall.cancel(award.sequence), Code::ok);
    ASSERT_EQ(hall.finish(hand, award, Outcome::failed), Code::ok);
    hall.turn();
  }
  EXPECT_EQ(state("writer"), BreakerState::closed);
  EXPECT_EQ(row(BreakerOf::agent, "writer").breaker.failures(), 0u);
}

TEST_F(BreakerDialogue, FallbacksTakeOverInTheirOrder) {
  auto& first = hall.hire({"echo"}, 1, "writer", guard({"gone", "second", "third"}));
  auto& third = hall.hire({"other"}, 4, "third");
  fail_tasks(first, 3);
  submit("to the third: it alone is there");
  hall.turn();
  EXPECT_EQ(third.awards.size(), 1u);
  auto& second = hall.hire({"another"}, 1, "second", guard());
  for (int i = 0; i < 2; ++i) submit("to the second " + std::to_string(i));
  hall.turn();
  EXPECT_EQ(second.awards.size(), 1u) << "that has room for one";
  EXPECT_EQ(third.awards.size(), 1u);
  EXPECT_TRUE(first.awards.empty());
  // Its own breaker counts as well.
  ASSERT_EQ(hall.finish(second, hall.award(second), Outcome::failed), Code::ok);
  hall.turn();
  for (int i = 0; i < 2; ++i) {
    while (second.awards.empty()) submit("more " + std::to_string(++names)), hall.turn();
    ASSERT_EQ(hall.finish(second, hall.award(second), Outcome::failed), Code::ok);
    hall.turn();
  }
  EXPECT_EQ(state("second"), BreakerState::open);
  submit("to the third again");
  hall.turn();
  EXPECT_GE(third.awards.size(), 2u);
}

TEST_F(BreakerDialogue, HalfOpenLetsThroughSoManyProbesAndCloses) {
  auto& hand = hall.hire({"echo"}, 64, "writer", guard());
  fail_tasks(hand, 3);
  for (int i = 0; i < 10; ++i) submit("queued " + std::to_string(i));
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
  hall.pass(60'001);
  EXPECT_EQ(state("writer"), BreakerState::half_open);
  ASSERT_EQ(hand.awards.size(), 2u) << "two probes";
  // One that is handed back gives its place to another.
  ASSERT_EQ(hall.finish(hand, hall.award(hand), Outcome::interrupted), Code::ok);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(hall.finish(hand, hall.award(hand), Outcome::succeeded), Code::ok);
    hall.turn();
  }
  EXPECT_EQ(state("writer"), BreakerState::closed);
  EXPECT_EQ(hand.awards.size(), 8u) << "all that waits";
}

TEST_F(BreakerDialogue, AProbeThatFailsOpensItAgain) {
  auto& hand = hall.hire({"echo"}, 64, "writer", guard());
  fail_tasks(hand, 3);
  for (int i = 0; i < 4; ++i) submit("queued " + std::to_string(i));
  hall.pass(60'001);
  ASSERT_EQ(hand.awards.size(), 2u);
  const auto other = hand.awards.front();
  ASSERT_EQ(hall.finish(hand, hand.awards.back(), Outcome::failed), Code::ok);
  hall.turn();
  EXPECT_EQ(state("writer"), BreakerState::open);
  EXPECT_EQ(row(BreakerOf::agent, "writer").opened, 2u);
  // The other probe is of a round that is over: it proves nothing.
  hall.pass(60'001);
  ASSERT_EQ(hand.awards.size(), 3u) << "it, and two probes";
  ASSERT_EQ(hall.finish(hand, other, Outcome::succeeded), Code::ok);
  EXPECT_EQ(row(BreakerOf::agent, "writer").breaker.proven(), 0u);
}

TEST_F(BreakerDialogue, AProbeOfAWorkerThatComesBackWithAnotherAgentGivesItsPlaceBack) {
  auto& hand = hall.hire({"echo"}, 64, "writer", guard());
  auto& other = hall.hire({"nothing"}, 1, "writer", guard());
  fail_tasks(hand, 3);
  for (int i = 0; i < 4; ++i) submit("queued " + std::to_string(i));
  hall.pass(60'001);
  ASSERT_EQ(hand.awards.size(), 2u);
  EXPECT_EQ(row(BreakerOf::agent, "writer").breaker.probing(), 2u);
  hand.agent = "printer";
  hand.guard = nullptr;
  hall.come_back(hand, {});  // and holds nothing
  hall.turn();
  EXPECT_EQ(row(BreakerOf::agent, "writer").breaker.probing(), 0u);
  EXPECT_TRUE(other.awards.empty());
}

TEST_F(BreakerDialogue, AServiceThatIsNamedKeepsAllFromWorkThatListIt) {
  auto& mailer = hall.hire({"echo"}, 1, "mailer", guard({}, {"smtp"}));
  auto& other = hall.hire({"mail"}, 1, "newsletter", guard({}, {"smtp"}, false));
  fail_tasks(mailer, 5, Outcome::failed, blames("smtp"));
  EXPECT_EQ(state("smtp", BreakerOf::service), BreakerState::open);
  EXPECT_EQ(state("mailer"), BreakerState::closed) << "it is not the agent's fault";
  auto mail = echo();
  mail.type = "mail";
  hall.submit("mail", mail);
  hall.turn();
  EXPECT_TRUE(other.awards.empty());
  EXPECT_EQ(hall.engine->kept_out(hall.engine->ledger().classes[0].type == "mail" ? 0 : 1, 0)[0].service,
            "smtp");
  hall.pass(30'001);
  EXPECT_EQ(other.awards.size(), 1u);
}

TEST_F(BreakerDialogue, AServiceThatSaysWhenToComeBackIsPausedUntilThen) {
  auto& mailer = hall.hire({"echo"}, 1, "mailer", guard({}, {"smtp"}));
  fail_tasks(mailer, 1, Outcome::failed, blames("smtp", 5'000));
  EXPECT_EQ(state("smtp", BreakerOf::service), BreakerState::closed);
  submit("waits");
  hall.pass(4'000);
  EXPECT_TRUE(mailer.awards.empty());
  EXPECT_EQ(hall.engine->kept_out(0, 0)[0].state, "paused");
  hall.pass(1'100);
  EXPECT_EQ(mailer.awards.size(), 1u);
}

TEST_F(BreakerDialogue, ByHandItClosesAndOpens) {
  auto& hand = hall.hire({"echo"}, 1, "writer", guard());
  EXPECT_FALSE(hall.engine->reset_breaker(BreakerOf::agent, "nobody"));
  EXPECT_FALSE(hall.engine->trip_breaker(BreakerOf::service, "writer", 0, ""));
  fail_tasks(hand, 3);
  submit("waits");
  ASSERT_TRUE(hall.engine->reset_breaker(BreakerOf::agent, "writer"));
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  ASSERT_EQ(hall.finish(hand, hall.award(hand), Outcome::succeeded), Code::ok);
  ASSERT_TRUE(hall.engine->trip_breaker(BreakerOf::agent, "writer", 5'000, "maintenance"));
  submit("waits, too");
  hall.pass(4'500);
  EXPECT_TRUE(hand.awards.empty());
  EXPECT_EQ(row(BreakerOf::agent, "writer").error, "maintenance");
  hall.pass(600);
  EXPECT_EQ(hand.awards.size(), 1u);
}

TEST_F(BreakerDialogue, ADefinitionWithoutABreakerTakesItAway) {
  auto& hand = hall.hire({"echo"}, 2, "writer", guard({}, {"smtp"}));
  fail_tasks(hand, 3);
  submit("waits");
  hand.guard = nullptr;
  hall.come_back(hand, {});
  hall.turn();
  EXPECT_EQ(hand.awards.size(), 1u);
  EXPECT_TRUE(hall.engine->breakers().empty());
  EXPECT_TRUE(hall.engine->breakers().rows(BreakerOf::service).empty());
}

TEST_F(BreakerDialogue, AfterARestartAllAreClosed) {
  auto* hand = &hall.hire({"echo"}, 1, "writer", guard());
  fail_tasks(*hand, 3);
  submit("waits");
  hall.turn();
  hall.restart();
  hall.come_back(*hand, {});
  hall.turn();
  EXPECT_EQ(state("writer"), BreakerState::closed);
  EXPECT_EQ(hand->awards.size(), 1u);
}

TEST_F(BreakerDialogue, AFallbackDoesNoTypeThatItsWorkerMayNotDo) {
  Registration registration;
  registration.name = registration.token = "narrow";
  registration.types = Names{"other"};
  registration.credit = 1;
  auto& agent = registration.spec.agents.emplace_back();
  agent.name = "second";
  agent.types = {"other"};
  auto& first = hall.hire({"echo"}, 1, "writer", guard({"second"}));
  ASSERT_TRUE(hall.engine->register_worker(registration));
  fail_tasks(first, 3);
  const auto task = submit("waits");
  hall.turn();
  EXPECT_EQ(hall.state(task), State::ready);
}

TEST_F(BreakerDialogue, AWorkerThatComesBackWithItsAgentsInAnotherOrderKeepsWhoRunsWhat) {
  auto registration = [](std::vector<std::string> names, std::vector<std::uint64_t> holding) {
    Registration out;
    out.name = out.token = out.resume = "token";
    out.principal = "test";
    out.credit = out.spec.slots = 4;
    for (const auto& name : names) {
      auto& agent = out.spec.agents.emplace_back();
      agent.name = name, agent.version = "1", agent.types = {name == "second" ? "echo" : "other"};
      agent.guard = guard();
    }
    out.holding = std::move(holding);
    out.last_award = 1;
    return out;
  };
  const auto number = hall.engine->register_worker(registration({"first", "second"}, {}))->worker;
  const auto sequence = submit("task");
  hall.turn();
  const auto* lease = &hall.engine->ledger().leases[hall.engine->ledger().lease_slots.find(sequence)];
  const auto agent = [&] { return agent_of(hall.engine->sessions(), *lease); };
  ASSERT_EQ(agent()->name, "second");
  ASSERT_TRUE(
      hall.engine->register_worker(registration({"zeroth", "first", "third"}, {lease->token}))->resumed);
  ASSERT_NE(agent(), nullptr) << "also when it is no longer offered";
  EXPECT_EQ(agent()->name, "second");
  ASSERT_TRUE(hall.engine->register_worker(registration({"second", "first"}, {lease->token}))->resumed);
  EXPECT_EQ(agent()->name, "second");
  submit("next");
  hall.turn();
  FinishItem failed;
  failed.token = lease->token, failed.outcome = Outcome::failed;
  ASSERT_TRUE(hall.engine->finish(number, 1, 0, 4, std::span(&failed, 1)));
  EXPECT_EQ(row(BreakerOf::agent, "second").breaker.failures(), 1u);
  EXPECT_EQ(row(BreakerOf::agent, "first").breaker.failures(), 0u);
}

}  // namespace
}  // namespace hirehall::engine
