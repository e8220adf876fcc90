#include <gtest/gtest.h>

#include "tests/unit/client/script.h"

namespace hirehall::client_core {
namespace {

using Phase = Session::Phase;

std::string empty_map() {
  return std::string("\x80", 1);
}

TEST(Hello, ComesFirstAndNothingElseIsSentBeforeTheWelcome) {
  Script s;
  s.session.opened(s.now);
  s.submit("early");
  EXPECT_EQ(s.sent.size(), 1u);
  s.welcome();
  EXPECT_EQ(s.ready, 1);
  EXPECT_EQ(s.next_submit().payloads, std::vector<std::string>{"early"});
}

TEST(Hello, GoesOnWithTheBatchNumberTheBrokerNames) {
  Script s;
  s.session.opened(s.now);
  s.welcome(41);
  s.submit("x");
  auto seen = s.next_submit();
  EXPECT_EQ(seen.batch, 41u);
  EXPECT_EQ(seen.acked, 40u);
}

TEST(Hello, DeniedEndsEverythingWithTheReason) {
  Script s;
  s.session.opened(s.now);
  auto ticket = s.session.request(wire::Kind::stats, empty_map(), 0);
  s.say_error(s.next().header.request, Code::denied);
  EXPECT_EQ(s.refusal, "denied");
  EXPECT_EQ(s.answers, (std::vector<std::pair<std::uint64_t, std::string>>{{ticket, "denied"}}));
}

TEST(Submit, AcknowledgedItemsAreToldInOrder) {
  Script s;
  s.open();
  s.add("echo", "1");
  s.add("echo", "2");
  s.pump();
  s.accept(s.next_submit(), 'a');
  EXPECT_EQ(s.ear->told, (std::vector<std::string>{id_of('a'), id_of('b')}));
  EXPECT_EQ(s.ear->settled_count, 2u);
  EXPECT_EQ(s.session.in_flight(), 0u);
}

TEST(Submit, ARefusedItemDoesNotTouchItsNeighbours) {
  Script s;
  s.open();
  s.add("echo", "1");
  s.add("echo", "2");
  s.pump();
  auto seen = s.next_submit();
  std::string body;
  msgpack::Writer w(body);
  w.array(1), w.array(3), w.uint(seen.request), w.uint(seen.batch), w.array(2);
  w.array(3), w.uint(static_cast<std::uint64_t>(Code::queue_full)), w.str("full"), w.nil();
  w.bin(id_of('b'));
  s.say(wire::Kind::submitted, 0, body);
  EXPECT_EQ(s.ear->told, (std::vector<std::string>{"queue_full", id_of('b')}));
}

TEST(Submit, AckedRisesWithWhatWasProcessed) {
  Script s;
  s.open();
  s.submit("1");
  s.accept(s.next_submit(), 'a');
  s.submit("2");
  auto seen = s.next_submit();
  EXPECT_EQ(seen.batch, 2u);
  EXPECT_EQ(seen.acked, 1u);
}

TEST(Submit, AnswersOutOfOrderKeepAckedBelowTheGap) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  s.submit("1"), s.submit("2"), s.submit("3");
  auto one = s.next_submit(), two = s.next_submit();
  s.next_submit();
  s.accept(two, 'b');
  s.submit("4");
  EXPECT_EQ(s.next_submit().acked, 0u);
  s.accept(one, 'a');
  s.submit("5");
  EXPECT_EQ(s.next_submit().acked, 2u);
}

// I2: a resend creates nothing twice, because it carries the same number.
TEST(Resend, UnknownSessionMakesANewHelloAndTheSameBatchesAgain) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  s.submit("1"), s.submit("2");
  auto one = s.next_submit(), two = s.next_submit();
  s.say_error(one.request, Code::unknown_session);
  s.say_error(two.request, Code::unknown_session);  // changes nothing: hello is under way
  s.welcome(2, true);                               // batch 1 was recorded, its answer was lost
  auto again = s.next_submit();
  EXPECT_EQ(again.batch, 1u);
  EXPECT_EQ(again.payloads, one.payloads);
  EXPECT_GT(again.request, two.request);
  EXPECT_EQ(s.next_submit().batch, 2u);
  EXPECT_TRUE(s.silent());
  s.accept(again, 'a');
  EXPECT_EQ(s.ear->told[0], id_of('a'));
}

TEST(Resend, AnAnswerToTheFirstTransmissionCountsAndIsCountedOnce) {
  Script s;
  s.open();
  s.submit("1");
  auto first = s.next_submit();
  s.session.disconnected(s.now);
  s.session.opened(s.now);
  s.welcome(2, true);
  auto second = s.next_submit();
  s.accept(first, 'a');
  s.accept(second, 'a');
  EXPECT_EQ(s.ear->settled_count, 1u);
}

TEST(Resend, OutOfOrderResendsEverythingUnanswered) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  s.submit("1"), s.submit("2"), s.submit("3");
  s.next_submit();
  auto two = s.next_submit(), three = s.next_submit();
  s.say_error(two.request, Code::out_of_order);
  s.say_error(three.request, Code::out_of_order);
  s.advance(0);
  EXPECT_EQ(s.next_submit().batch, 2u);
  EXPECT_EQ(s.next_submit().batch, 3u);
  EXPECT_TRUE(s.silent()) << "the second error was about the past";
}

TEST(Resend, BusyPausesBeforeItTriesAgain) {
  Script s;
  s.open();
  s.submit("1");
  s.say_error(s.next_submit().request, Code::busy, 200);
  s.submit("2");
  s.advance(199);
  EXPECT_TRUE(s.silent());
  s.advance(150);
  EXPECT_EQ(s.next_submit().batch, 1u);
  EXPECT_EQ(s.ear->settled_count, 0u);
}

TEST(Resend, EndlessOutOfOrderLeadsToANewHello) {
  Script s;
  s.open();
  s.submit("1");
  for (int i = 0; i < 5; ++i) {
    s.say_error(s.next_submit().request, Code::out_of_order);
    s.advance(0);
  }
  EXPECT_EQ(s.session.phase(), Phase::closed);
}

TEST(Resend, ABatchDeniedAsAWholeGivesItsNumberToTheNext) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  s.submit("bad"), s.submit("good");
  auto bad = s.next_submit(), good = s.next_submit();
  s.say_error(bad.request, Code::denied);
  s.say_error(good.request, Code::out_of_order);
  auto again = s.next_submit();
  EXPECT_EQ(again.batch, 1u);
  EXPECT_EQ(again.payloads, std::vector<std::string>{"good"});
  EXPECT_EQ(s.ear->told[0], "denied");
  s.accept(again, 'g');
  EXPECT_EQ(s.ear->told[1], id_of('g'));
}

TEST(SessionExpired, WhatWasSentHasAnUnknownOutcomeAndTheRestGoesOn) {
  Script s;
  s.open();
  s.submit("sent");
  s.submit("not sent yet");
  auto first = s.next_submit();
  s.say_error(first.request, Code::unknown_session);
  s.say_error(s.next().header.request, Code::session_expired);  // the hello with the old token
  s.welcome(1, false);
  EXPECT_EQ(s.ear->told[0], "session_expired");
  auto next = s.next_submit();
  EXPECT_EQ(next.batch, 1u);
  EXPECT_EQ(next.payloads, std::vector<std::string>{"not sent yet"});
}

TEST(SessionExpired, ANewSessionSaysHelloWithoutTheOldToken) {
  Script s;
  s.open();
  s.session.disconnected(s.now);
  s.session.opened(s.now);
  auto with_token = s.next();
  s.say_error(with_token.header.request, Code::session_expired);
  EXPECT_EQ(std::string(s.next().body).find("0123456789abcdef"), std::string::npos);
}

TEST(RestoredStore, UnansweredBatchesTakeTheNumbersItExpects) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  s.submit("1");
  s.accept(s.next_submit(), 'a');
  s.submit("2"), s.submit("3");
  s.session.disconnected(s.now);
  s.sent.clear();
  s.session.opened(s.now);
  s.welcome(1, true);
  EXPECT_EQ(s.next_submit().batch, 1u);
  EXPECT_EQ(s.next_submit().batch, 2u);
}

TEST(Liveness, AQuietClientSendsHeartbeats) {
  Script s;
  s.open();
  s.advance(2000);
  EXPECT_EQ(s.next_kind(), wire::Kind::heartbeat);
}

TEST(Liveness, ThreeSilentIntervalsEndTheConnection) {
  Script s;
  s.open();
  for (int i = 0; i < 3; ++i) s.advance(2000);
  EXPECT_EQ(s.session.phase(), Phase::ready);
  s.advance(2000);
  EXPECT_TRUE(s.session.wants_socket());
  EXPECT_GE(s.session.reopen_at(), s.now + 200);
  EXPECT_LE(s.session.reopen_at(), s.now + 400);
}

TEST(Liveness, AnswersKeepItAlive) {
  Script s;
  s.open();
  for (int i = 0; i < 20; ++i) {
    s.advance(2000);
    s.say(wire::Kind::ok, s.next().header.request, empty_map());
  }
  EXPECT_EQ(s.session.phase(), Phase::ready);
}

TEST(Liveness, LongOutagesAreMetWithFullJitterUpToTenSeconds) {
  Script s;
  Millis longest = 0;
  s.session.opened(s.now);
  for (int i = 0; i < 60; ++i) {
    s.now = s.session.next_tick();
    s.session.tick(s.now);
    ASSERT_TRUE(s.session.wants_socket());
    auto pause = s.session.reopen_at() - s.now;
    longest = std::max(longest, pause);
    if (s.now - start_ms < 8'000) {
      EXPECT_LE(pause, 400);
    }
    EXPECT_LE(pause, 10'000);
    s.now = s.session.reopen_at();
    s.session.opened(s.now);
  }
  EXPECT_GT(longest, 2'000);
}

TEST(Request, IsAnsweredOnceWithTheBodyOfOk) {
  Script s;
  s.open();
  auto ticket = s.session.request(wire::Kind::stats, empty_map(), 0);
  auto frame = s.next();
  s.say(wire::Kind::ok, frame.header.request, empty_map());
  s.say(wire::Kind::ok, frame.header.request, empty_map());
  EXPECT_EQ(s.answers, (std::vector<std::pair<std::uint64_t, std::string>>{{ticket, "ok"}}));
}

TEST(Request, IsSentAgainAfterAReconnect) {
  Script s;
  s.open();
  auto ticket = s.session.request(wire::Kind::get, empty_map(), 0);
  s.next();
  s.session.disconnected(s.now);
  s.session.opened(s.now);
  s.welcome(1, true);
  auto again = s.next();
  EXPECT_EQ(again.header.kind, static_cast<std::uint16_t>(wire::Kind::get));
  s.say(wire::Kind::ok, again.header.request, empty_map());
  EXPECT_EQ(s.answers.back(), (std::pair<std::uint64_t, std::string>{ticket, "ok"}));
}

TEST(Request, EndsAtItsDeadline) {
  Script s;
  s.open();
  auto ticket = s.session.request(wire::Kind::get, empty_map(), s.now + 100);
  EXPECT_LE(s.session.next_tick(), s.now + 100);
  s.advance(100);
  EXPECT_EQ(s.answers.back(), (std::pair<std::uint64_t, std::string>{ticket, "timeout"}));
}

// ---- results

std::string subscribed_body(std::uint64_t number) {
  std::string body;
  msgpack::Writer w(body);
  w.map(3);
  w.entry_uint("subscription", number);
  w.str("position"), w.array(2), w.uint(4), w.uint(0);
  w.entry_bool("gap", false);
  return body;
}

std::string push_body(std::uint64_t number, std::uint64_t commit, std::string_view result, bool gap = false) {
  std::string body;
  msgpack::Writer w(body);
  w.array(5), w.uint(number), w.uint(commit), w.uint(1);
  w.array(2);
  w.array(3), w.bin(id_of('a')), w.uint(5), w.bin(result);
  w.array(5), w.bin(id_of('b')), w.uint(6), w.nil(), w.nil();
  w.map(2), w.entry("code", "boom"), w.entry("message", "it broke");
  w.boolean(gap);
  return body;
}

TEST(Results, ArePushedWithTheirErrors) {
  Script s;
  s.open();
  auto id = s.session.subscribe({});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  EXPECT_EQ(s.answers, (std::vector<std::pair<std::uint64_t, std::string>>{{id, "ok"}}));
  s.say(wire::Kind::results, 0, push_body(7, 5, "hi"));
  EXPECT_EQ(s.heard, (std::vector<std::string>{"a:succeeded:hi", "b:failed:boom"}));
}

TEST(Results, APushThatCameBeforeIsNotDeliveredAgain) {
  Script s;
  s.open();
  s.session.subscribe({});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  s.say(wire::Kind::results, 0, push_body(7, 5, "hi"));
  s.say(wire::Kind::results, 0, push_body(7, 5, "hi"));
  EXPECT_EQ(s.heard.size(), 2u);
}

TEST(Results, AfterAReconnectTheStreamGoesOnFromTheLastPosition) {
  Script s;
  s.open();
  s.session.subscribe({});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  s.say(wire::Kind::results, 0, push_body(7, 5, "hi"));
  s.session.disconnected(s.now);
  s.session.opened(s.now);
  s.welcome(1, true);
  auto again = s.next();
  ASSERT_EQ(again.header.kind, static_cast<std::uint16_t>(wire::Kind::subscribe));
  EXPECT_NE(again.body.find(std::string("position\x92\x05\x01")), std::string_view::npos);
  s.say(wire::Kind::ok, again.header.request, subscribed_body(8));
  s.say(wire::Kind::results, 0, push_body(8, 6, "later"));
  EXPECT_EQ(s.heard.size(), 4u);
}

TEST(Results, AStreamGivenUpBeforeItStoodIsTakenBackAtTheBroker) {
  Script s;
  s.open();
  auto id = s.session.subscribe({});
  auto asked = s.next().header.request;
  s.session.unsubscribe(id);
  EXPECT_TRUE(s.silent());  // it has no number yet
  s.say(wire::Kind::ok, asked, subscribed_body(7));
  auto frame = s.next();
  EXPECT_EQ(frame.header.kind, static_cast<std::uint16_t>(wire::Kind::unsubscribe));
  msgpack::Reader r(frame.body);
  r.map();
  EXPECT_EQ(r.str(), "subscription");
  EXPECT_EQ(r.uint(), 7u);
  EXPECT_TRUE(s.answers.empty());
}

TEST(Results, WindowIsFreedBeforeHalfOfItIsUsed) {
  Script s;
  s.open();
  s.session.subscribe({.queue = {}, .has_position = false, .position = {}, .window_bytes = 4000});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  s.say(wire::Kind::results, 0, push_body(7, 5, std::string(900, 'x')));
  EXPECT_TRUE(s.silent());
  s.say(wire::Kind::results, 0, push_body(7, 6, std::string(900, 'x')));
  EXPECT_EQ(s.next_kind(), wire::Kind::seen);
}

// Several threads of a program may read one stream.
TEST(Results, SeenOutOfOrderFreesAllThatWasPushed) {
  Script s;
  s.open();
  auto id = s.session.subscribe({.queue = {}, .has_position = false, .position = {}, .window_bytes = 4096});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  s.session.seen(id, {6, 1}, 900);
  EXPECT_TRUE(s.silent());
  s.session.seen(id, {5, 1}, 900);
  auto frame = s.next();
  ASSERT_EQ(frame.header.kind, static_cast<std::uint16_t>(wire::Kind::seen));
  EXPECT_EQ(frame.body, std::string_view("\x93\x07\x06\x01"));
}

TEST(Results, AWindowBeyondTheBrokersIsCutToIt) {
  Script s;
  s.open();
  auto id = s.session.subscribe(
      {.queue = {}, .has_position = false, .position = {}, .window_bytes = std::size_t{1} << 30});
  auto asked = s.next();
  EXPECT_NE(asked.body.find(std::string("window_bytes\xce\x04\0\0\0", 17)), std::string_view::npos);
  s.say(wire::Kind::ok, asked.header.request, subscribed_body(7));
  s.session.seen(id, {5, 1}, 16u << 20);
  EXPECT_EQ(s.next_kind(), wire::Kind::seen);
}

TEST(Results, AGapIsReported) {
  Script s;
  s.open();
  s.session.subscribe({});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  s.say(wire::Kind::results, 0, push_body(7, 9, "hi", true));
  EXPECT_EQ(s.heard.back(), "gap");
}

TEST(HostileBroker, TruncatedAnswersSettleNothing) {
  Script s;
  s.open();
  s.add("echo", "1"), s.add("echo", "2");
  s.pump();
  auto seen = s.next_submit();
  auto body = Script::accept_body(seen, 'a');
  for (std::size_t cut = 0; cut < body.size(); ++cut) s.say(wire::Kind::submitted, 0, body.substr(0, cut));
  EXPECT_EQ(s.ear->settled_count, 0u);
  s.accept(seen, 'a');
  EXPECT_EQ(s.ear->settled_count, 2u);
}

TEST(HostileBroker, TruncatedPushesDeliverNothing) {
  Script s;
  s.open();
  s.session.subscribe({});
  s.say(wire::Kind::ok, s.next().header.request, subscribed_body(7));
  auto body = push_body(7, 5, "hi");
  for (std::size_t cut = 0; cut + 1 < body.size(); ++cut) s.say(wire::Kind::results, 0, body.substr(0, cut));
  EXPECT_TRUE(s.heard.empty());
}

}  // namespace
}  // namespace hirehall::client_core
