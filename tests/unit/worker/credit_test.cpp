// How much a worker's session takes ahead of its slots.
#include <gtest/gtest.h>

#include "tests/unit/worker/broker_side.h"
#include "worker/session.h"

namespace hirehall::worker {
namespace {

using wire::Kind;

TEST(Session, CreditCoversTheRoundTripInTermsOfTheWork) {
  BrokerSide broker;
  broker.join();
  EXPECT_EQ(broker.session.credit(), 2u) << "nothing is known yet: one task per slot";
  Token token = 0;
  std::uint64_t number = 0;
  const auto serve = [&](int tasks, std::uint64_t each_ns) {
    while (tasks-- > 0) {
      broker.award(++number, {{++token}});
      broker.started();
      broker.finish({token}, each_ns);
      broker.now += 2 * ms;
      broker.ok(broker.only(Kind::finish).request);
    }
  };
  serve(40, 10'000'000);
  EXPECT_EQ(broker.session.credit(), 4u) << "slots x (1 + ceil(2 ms / 10 ms))";
  serve(40, 1'000'000'000);
  EXPECT_EQ(broker.session.credit(), 2u) << "long work: the next task goes to who is free first";
  std::vector<Item> many;
  std::vector<Token> tokens;
  for (int i = 0; i < 4000; ++i) many.push_back({++token}), tokens.push_back(token);
  for (int i = 0; i < 20; ++i) {
    for (auto& t : tokens) t += 4000;
    for (auto& item : many) item.token += 4000;
    broker.award(++number, many);
    broker.started();
    broker.finish(tokens, 400'000);  // a tenth of a microsecond each
    broker.now += 2 * ms;
    for (const auto& sent : broker.sent()) broker.ok(sent.request);
  }
  EXPECT_GT(broker.session.credit(), 1000u) << "very short tasks";
  EXPECT_LE(broker.session.credit(), limits::credit_max);
}

TEST(Session, WhatIsHandedBackUnbegunBindsLateForAWhileAndLongerEachTime) {
  BrokerSide broker;
  broker.join();
  Token token = 0;
  std::uint64_t number = 0;
  for (int i = 0; i < 40; ++i) {
    broker.award(++number, {{++token}});
    broker.started();
    broker.finish({token}, 1'000'000);
    broker.now += 2 * ms;
    broker.ok(broker.only(Kind::finish).request);
  }
  const auto usual = broker.session.credit();
  ASSERT_GT(usual, 2u);
  EXPECT_EQ(broker.session.long_work_us(), 250 * ms) << "20 round trips are less";
  Micros late = 1000 * ms;
  for (int round = 0; round < 2; ++round) {
    broker.award(++number, {{++token}});
    broker.started();
    Results back;
    back.add(token, Outcome::interrupted, {});
    broker.session.hand_back(back, broker.now);
    EXPECT_EQ(broker.session.credit(), 2u);
    broker.session.flush(broker.now, broker.out);
    const auto finish = broker.only(Kind::finish);
    EXPECT_EQ(BrokerSide::read_finish(finish.body).credit, 2u) << "told with what goes back";
    broker.ok(finish.request);
    broker.now += late - 1;
    broker.session.tick(broker.now, broker.out);
    EXPECT_EQ(broker.session.credit(), 2u) << round;
    broker.now += 1;
    broker.session.tick(broker.now, broker.out);
    EXPECT_EQ(broker.session.credit(), usual) << "what it is learned of is the work that it did";
    late *= 2;
    broker.sent();
  }
  EXPECT_EQ(broker.session.counters().handed_back, 2u);
}

TEST(Session, LargePayloadsBoundTheCredit) {
  BrokerSide broker;
  broker.join();
  Token token = 0;
  for (std::uint64_t number = 1; number <= 20; ++number) {
    broker.award(number, {{++token, std::string(1 << 20, 'x')}});
    broker.started();
    broker.finish({token}, 10);
    broker.now += 10 * ms;
    broker.ok(broker.only(Kind::finish).request);
  }
  EXPECT_LE(broker.session.credit(), 64u) << "64 MiB may wait in the worker";
}

}  // namespace
}  // namespace hirehall::worker
