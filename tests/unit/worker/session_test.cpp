// Dialogues between a broker and a worker's session: every line is something one of them says.
#include "worker/session.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>

#include "tests/unit/worker/broker_side.h"

namespace hirehall::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using wire::Kind;
using Phase = Session::Phase;

TEST(Session, SaysHelloOnceConnectedAndThenRegistersItsAgents) {
  BrokerSide broker;
  broker.session.start(broker.now, broker.out);
  EXPECT_TRUE(broker.out.open);
  EXPECT_THAT(broker.sent(), IsEmpty()) << "nobody is there yet";
  broker.session.connected(broker.now, broker.out);
  broker.welcome(broker.only(Kind::hello).request);
  auto request = broker.only(Kind::register_worker);
  EXPECT_THAT(request.body, testing::HasSubstr("echo"));
  broker.registered(request.request);
  EXPECT_EQ(broker.session.phase(), Phase::working);
}

TEST(Session, StartsWhatItIsAwardedAndReportsWhatCameOfIt) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11, "a"}, {12, "b"}});
  ASSERT_EQ(broker.out.start.size(), 2u);
  EXPECT_EQ(broker.out.start[1].payload, "b");
  EXPECT_EQ(broker.out.shapes[0].agent, "echo");
  EXPECT_THAT(broker.started(), ElementsAre(11, 12));
  broker.finish({11, 12});
  auto sent = broker.only(Kind::finish);
  auto finish = BrokerSide::read_finish(sent.body);
  EXPECT_THAT(finish.tokens, ElementsAre(11, 12));
  EXPECT_EQ(finish.number, 1u);
  EXPECT_EQ(finish.acked, 0u);
  EXPECT_FALSE(broker.session.settled()) << "not recorded before the answer";
  broker.ok(sent.request);
  EXPECT_TRUE(broker.session.settled());
  EXPECT_EQ(broker.session.counters().finished, 2u);
}

TEST(Session, AnAwardThatComesTwiceStartsNothingTwice) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}});
  EXPECT_THAT(broker.started(), ElementsAre(11));
  broker.award(1, {{11}});
  EXPECT_THAT(broker.started(), IsEmpty());
  broker.award(2, {{11}, {12}});
  EXPECT_THAT(broker.started(), ElementsAre(12))
      << "a token that is held is not started again under a new number";
  EXPECT_EQ(broker.session.counters().duplicates, 2u);
}

TEST(Session, AMalformedAwardStartsNothingOfIt) {
  BrokerSide broker;
  broker.join();
  broker.say(Kind::award, 0, [](auto& w) {
    w.array(3);
    w.uint(1);
    w.array(0);
    w.array(1);
    w.array(5), w.uint(11), w.bin("0123456789abcdef"), w.uint(1), w.uint(9), w.bin("p");  // no shape 9
  });
  EXPECT_THAT(broker.started(), IsEmpty());
  EXPECT_EQ(broker.session.counters().malformed, 1u);
  broker.award(1, {{11}});
  EXPECT_THAT(broker.started(), ElementsAre(11)) << "its number was not used up";
}

TEST(Session, FinishesGatherWhileFourAreUnanswered) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{1}, {2}, {3}, {4}, {5}, {6}});
  broker.started();
  for (Token t = 1; t <= 4; ++t) broker.finish({t});
  auto sent = broker.sent();
  ASSERT_EQ(sent.size(), 4u);
  broker.finish({5});
  broker.finish({6});
  EXPECT_THAT(broker.sent(), IsEmpty()) << "they wait and become one message";
  broker.ok(sent[0].request);
  broker.session.flush(broker.now, broker.out);
  auto gathered = BrokerSide::read_finish(broker.only(Kind::finish).body);
  EXPECT_THAT(gathered.tokens, ElementsAre(5, 6));
  EXPECT_EQ(gathered.number, 5u);
  EXPECT_EQ(gathered.acked, 1u);
}

TEST(Session, AFinishMessageIsNeverLargerThanTheProtocolAllows) {
  BrokerSide broker;
  broker.join();
  std::vector<Item> items;
  std::vector<Token> tokens;
  for (Token t = 1; t <= 5000; ++t) items.push_back({t}), tokens.push_back(t);
  broker.award(1, items);
  broker.started();
  broker.finish(tokens);
  auto sent = broker.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(BrokerSide::read_finish(sent[0].body).tokens.size(), limits::batch_items_max);
  EXPECT_EQ(BrokerSide::read_finish(sent[1].body).tokens.size(), 5000 - limits::batch_items_max);
}

TEST(Session, AResultWithoutALeaseIsCountedAndDropped) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}, {12}});
  broker.started();
  broker.finish({11, 12});
  broker.say(Kind::ok, broker.only(Kind::finish).request, [](auto& w) {
    w.array(1);
    w.array(2), w.uint(0), w.uint(static_cast<unsigned>(Code::stale));
  });
  EXPECT_EQ(broker.session.counters().stale, 1u);
  EXPECT_EQ(broker.session.counters().finished, 1u);
  EXPECT_TRUE(broker.session.settled());
}

TEST(Session, AnOutcomeTheBrokerRefusesEndsTheAttemptAsFailed) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}});
  broker.started();
  broker.finish({11});
  broker.say(Kind::ok, broker.only(Kind::finish).request, [](auto& w) {
    w.array(1);
    w.array(2), w.uint(0), w.uint(static_cast<unsigned>(Code::too_large));
  });
  broker.session.flush(broker.now, broker.out);
  auto again = BrokerSide::read_finish(broker.only(Kind::finish).body);
  EXPECT_THAT(again.tokens, ElementsAre(11));
  EXPECT_THAT(again.outcomes, ElementsAre(static_cast<std::uint64_t>(Outcome::failed_final)));
  EXPECT_EQ(again.number, 2u);
}

TEST(Session, AHeartbeatCountsWhatIsHeldAndNotWhatWasSent) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}, {12}});
  broker.started();
  broker.finish({11});
  broker.sent();
  broker.now += 2 * second;
  broker.session.tick(broker.now, broker.out);
  auto beat = broker.only(Kind::worker_heartbeat);
  msgpack::Reader r(beat.body);
  EXPECT_EQ(r.array(), 4u);
  EXPECT_EQ(r.uint(), 1u);
  EXPECT_EQ(r.uint(), mix_of(12));
  EXPECT_EQ(r.uint(), 1u);
}

TEST(Session, ListsWhatItHoldsWhenTheBrokerCountsOtherwiseAndGivesUpWhatIsLost) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}, {12}});
  broker.started();
  broker.now += 2 * second;
  broker.session.tick(broker.now, broker.out);
  broker.say(Kind::ok, broker.only(Kind::worker_heartbeat).request, [](auto& w) {
    w.array(2);
    w.uint(0);
    w.boolean(true);
  });
  auto holding = broker.only(Kind::holding);
  msgpack::Reader r(holding.body);
  EXPECT_EQ(r.array(), 2u);
  EXPECT_EQ(r.uint(), 1u);
  EXPECT_EQ(r.array(), 2u);
  broker.say(Kind::ok, holding.request, [](auto& w) { w.array(1), w.uint(12); });
  EXPECT_THAT(broker.out.lost, ElementsAre(12));
  broker.finish({11, 12});
  EXPECT_THAT(BrokerSide::read_finish(broker.only(Kind::finish).body).tokens, ElementsAre(11))
      << "what a lost attempt came to is told to nobody";
}

TEST(Session, AListWhoseAnswerWasLostIsSentAgainWhenTheBrokerAsksAgain) {
  BrokerSide broker;
  broker.join();
  auto asked = [&] {
    broker.now += 2 * second;
    broker.session.tick(broker.now, broker.out);
    broker.say(Kind::ok, broker.only(Kind::worker_heartbeat).request, [](auto& w) {
      w.array(2);
      w.uint(0);
      w.boolean(true);
    });
    return broker.only(Kind::holding).request;
  };
  auto lost = asked();
  EXPECT_GT(asked(), lost);
}

TEST(Session, PassesOnStopsOfWhatItHolds) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}});
  broker.started();
  broker.say(Kind::stop, 0, [](auto& w) {
    w.array(2);
    w.array(3), w.uint(11), w.uint(500), w.str("cancelled by a person");
    w.array(3), w.uint(99), w.uint(500), w.str("not ours");
  });
  ASSERT_EQ(broker.out.stop.size(), 1u);
  EXPECT_EQ(broker.out.stop[0].token, 11u);
  EXPECT_EQ(broker.out.stop[0].grace_ms, 500);
  EXPECT_EQ(broker.out.stop[0].reason, "cancelled by a person");
}

TEST(Session, AfterARestartOfTheBrokerItReclaimsItsLeasesAndResendsItsFinishes) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}, {12}, {13}});
  broker.started();
  broker.finish({11});
  auto first = broker.only(Kind::finish);
  broker.now += 2 * second;
  broker.session.tick(broker.now, broker.out);
  broker.error(broker.only(Kind::worker_heartbeat).request, Code::unknown_session);
  broker.welcome(broker.only(Kind::hello).request);
  auto again = broker.only(Kind::register_worker);
  std::string resume;
  EXPECT_THAT(BrokerSide::holding_of(again.body, &resume), UnorderedElementsAre(11, 12, 13));
  EXPECT_EQ(resume, "fedcba9876543210");
  broker.registered(again.request, true, 1, {13});
  EXPECT_THAT(broker.out.lost, ElementsAre(13));
  auto resent = broker.only(Kind::finish);
  EXPECT_EQ(resent.request, first.request);
  EXPECT_EQ(BrokerSide::read_finish(resent.body).number, 1u);
  broker.ok(resent.request);
  EXPECT_EQ(broker.session.held(), 1u);
}

TEST(Session, AWorkerThatIsNotKnownAnyMoreNumbersItsFinishesAndAwardsAnew) {
  BrokerSide broker;
  broker.join();
  broker.award(5, {{11}, {12}});
  broker.started();
  broker.finish({11});
  broker.ok(broker.only(Kind::finish).request);
  broker.finish({12});
  broker.sent();
  broker.session.connected(broker.now, broker.out);
  broker.welcome(broker.only(Kind::hello).request);
  broker.registered(broker.only(Kind::register_worker).request, false, 1, {12}, 2);
  auto resent = BrokerSide::read_finish(broker.only(Kind::finish).body);
  EXPECT_EQ(resent.number, 1u) << "it was number 2 of the worker that is gone";
  broker.award(1, {{21}});
  EXPECT_THAT(broker.started(), ElementsAre(21)) << "award numbers begin anew with the worker number";
}

TEST(Session, ABusyBrokerGetsTheSameFinishesAgainInOrder) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}, {12}});
  broker.started();
  broker.finish({11});
  broker.finish({12});
  auto sent = broker.sent();
  broker.error(sent[0].request, Code::disk_full, 300);
  broker.error(sent[1].request, Code::out_of_order);
  broker.now += second;
  broker.session.tick(broker.now, broker.out);
  auto resent = broker.sent();
  ASSERT_EQ(resent.size(), 2u);
  EXPECT_EQ(BrokerSide::read_finish(resent[0].body).number, 1u);
  EXPECT_EQ(BrokerSide::read_finish(resent[1].body).number, 2u);
  broker.ok(resent[0].request);
  broker.ok(resent[1].request);
  EXPECT_TRUE(broker.session.settled());
}

TEST(Session, ASilentBrokerIsLeftAfterThreeHeartbeatsAndKnockedAtSoon) {
  BrokerSide broker;
  broker.join();
  while (broker.session.phase() == Phase::working && broker.now < 120 * second) {
    broker.now = broker.session.next_tick();
    broker.session.tick(broker.now, broker.out);
  }
  EXPECT_TRUE(broker.out.close);
  EXPECT_NEAR(static_cast<double>(broker.now), 106.0 * second, second / 10.0);
  broker.out.clear();
  auto knock = broker.session.next_tick() - broker.now;
  EXPECT_GE(knock, 200 * ms);
  EXPECT_LE(knock, 400 * ms);
  broker.now = broker.session.next_tick();
  broker.session.tick(broker.now, broker.out);
  EXPECT_TRUE(broker.out.open);
}

TEST(Session, PausesBetweenKnocksGrowToTenSecondsWhenTheBrokerStaysAway) {
  BrokerSide broker;
  broker.session.start(broker.now, broker.out);
  Micros longest = 0;
  Micros closed_at = 0;
  while (broker.now < 400 * second) {
    broker.out.clear();
    broker.session.tick(broker.now, broker.out);
    if (broker.out.close) closed_at = broker.now;
    if (broker.out.open && closed_at != 0) longest = std::max(longest, broker.now - closed_at);
    broker.now = std::max(broker.now + 1, broker.session.next_tick());
  }
  EXPECT_GT(longest, 3 * second);
  EXPECT_LE(longest, 10 * second);
}

TEST(Session, AHelloThatGetsLostIsRepeated) {
  BrokerSide broker;
  broker.session.start(broker.now, broker.out);
  broker.session.connected(broker.now, broker.out);
  broker.only(Kind::hello);
  broker.now += 400 * ms;
  broker.session.tick(broker.now, broker.out);
  broker.only(Kind::hello);
}

TEST(Session, AnExpiredSessionTokenIsDropped) {
  BrokerSide broker;
  broker.join();
  broker.session.connected(broker.now, broker.out);
  auto hello = broker.only(Kind::hello);
  EXPECT_THAT(hello.body, testing::HasSubstr("0123456789abcdef"));
  broker.error(hello.request, Code::session_expired);
  EXPECT_THAT(broker.only(Kind::hello).body, testing::Not(testing::HasSubstr("0123456789abcdef")));
}

TEST(Session, ARefusedRegistrationIsTheEnd) {
  BrokerSide broker;
  broker.session.start(broker.now, broker.out);
  broker.session.connected(broker.now, broker.out);
  broker.welcome(broker.only(Kind::hello).request);
  broker.error(broker.only(Kind::register_worker).request, Code::conflict);
  ASSERT_TRUE(broker.session.failure());
  EXPECT_EQ(broker.session.failure()->code, Code::conflict);
  EXPECT_TRUE(broker.out.close);
}

TEST(Session, DrainingAsksForNothingMoreAndFinishesWhatIsHeld) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}});
  broker.started();
  broker.session.drain();
  broker.session.flush(broker.now, broker.out);
  auto drain = broker.only(Kind::drain);
  EXPECT_EQ(broker.session.credit(), 0u);
  broker.award(2, {{12}});
  EXPECT_THAT(broker.started(), ElementsAre(12)) << "it was on its way";
  broker.say(Kind::ok, drain.request, [](auto& w) { w.map(0); });
  EXPECT_TRUE(broker.session.drained());
  broker.finish({11, 12});
  auto finish = broker.only(Kind::finish);
  EXPECT_EQ(BrokerSide::read_finish(finish.body).credit, 0u);
  broker.ok(finish.request);
  EXPECT_TRUE(broker.session.settled());
}

TEST(Session, DrainingIsSaidAgainAfterAReconnect) {
  BrokerSide broker;
  broker.join();
  broker.session.drain();
  broker.session.flush(broker.now, broker.out);
  broker.sent();
  broker.session.connected(broker.now, broker.out);
  broker.welcome(broker.only(Kind::hello).request);
  broker.registered(broker.only(Kind::register_worker).request, true);
  broker.only(Kind::drain);
}

TEST(Session, ADrainWhoseAnswerWasLostIsSaidAgain) {
  BrokerSide broker;
  broker.join();
  broker.session.drain();
  broker.session.flush(broker.now, broker.out);
  broker.only(Kind::drain);
  broker.now += 2 * second;
  broker.session.tick(broker.now, broker.out);
  auto again = broker.sent();
  ASSERT_EQ(again.front().kind, Kind::drain);
  broker.say(Kind::ok, again.front().request, [](auto& w) { w.map(0); });
  EXPECT_TRUE(broker.session.drained());
  broker.now += 2 * second;
  broker.session.tick(broker.now, broker.out);
  broker.only(Kind::worker_heartbeat);
}

TEST(Session, ReportsLeaveBeforeTheEndOfTheirAttempt) {
  BrokerSide broker;
  broker.join();
  broker.award(1, {{11}});
  broker.started();
  Report report{11, Report::What::checkpoint, {}};
  msgpack::Writer(report.value).bin("half");
  broker.session.report(std::move(report));
  broker.finish({11});
  auto sent = broker.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].kind, Kind::report);
  EXPECT_EQ(sent[1].kind, Kind::finish);
}

TEST(Session, RubbishFromTheBrokerChangesNothing) {
  BrokerSide broker;
  broker.join();
  std::uint64_t seed = 0x5eed;
  if (const char* given = std::getenv("HIREHALL_SEED")) seed = std::strtoull(given, nullptr, 0);
  SCOPED_TRACE("HIREHALL_SEED=" + std::to_string(seed));
  for (int i = 0; i < 20'000; ++i) {
    std::string frame;
    auto next = [&] {
      return static_cast<std::uint8_t>((seed = mix_of(seed + 0x9e3779b97f4a7c15ull)) >> 32);
    };
    auto kinds = std::array{Kind::ok, Kind::award, Kind::stop, Kind::lost, Kind::welcome, Kind::submitted};
    wire::write_header(frame, kinds[next() % kinds.size()], next() % 4);
    for (int n = next() % 40; n > 0; --n) frame.push_back(static_cast<char>(next()));
    broker.session.frame(frame, broker.now, broker.out);
    broker.out.clear();
  }
  EXPECT_EQ(broker.session.phase(), Phase::working);
}

}  // namespace
}  // namespace hirehall::worker
