// Questions, approvals, and the end of their time (docs/inbox.md).
#include <gtest/gtest.h>

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

FinishItem question(Millis timeout_ms, const std::optional<std::string>& default_value = {}) {
  FinishItem item;
  item.outcome = Outcome::suspended;
  item.on = SuspendedOn::input;
  item.question.timeout_ms = timeout_ms;
  item.question.has_default = default_value.has_value();
  item.question.default_value = default_value.value_or("");
  return item;
}

TaskOptions held(std::string_view approval, Millis timeout_ms = 0, std::string_view lapse = "fail") {
  TaskOptions options;
  msgpack::Writer w(options.policies);
  w.map(3);
  w.entry("approval", approval);
  w.entry_sint("approval_timeout_ms", timeout_ms);
  w.entry("approval_on_timeout", lapse);
  return options;
}

bool has_question(const Hall& hall, Sequence sequence) {
  return hall.kept.at(Shelving::records, question_key(sequence)).has_value();
}

DecisionRecord decision(const Hall& hall, Sequence sequence, std::uint32_t attempt) {
  DecisionRecord record;
  auto value = hall.kept.at(Shelving::records, decision_key(sequence, attempt));
  EXPECT_TRUE(value && decode_record(*value, record)) << "no decision is kept";
  return record;
}

TEST(Inbox, AnAnsweredQuestionIsKeptWithWhoAnswered) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(0));
  hall.turn();
  EXPECT_TRUE(has_question(hall, a));
  EXPECT_EQ(hall.answer(a, "12"), Code::ok);
  EXPECT_EQ(hall.award(hand).extras->answer, "12");
  EXPECT_FALSE(has_question(hall, a));
  auto kept = decision(hall, a, 1);
  EXPECT_EQ(kept.by, "ada");
  EXPECT_EQ(kept.reason, "because");
  EXPECT_EQ(kept.deed, Deed::answered);
}

TEST(Inbox, AQuestionWhoseTimeIsOverTakesItsDefault) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(5000, "7"));
  hall.pass(4000);
  EXPECT_EQ(hall.state(a), State::suspended);
  hall.restart();
  hall.come_back(hand, {});
  hall.pass(2000);
  auto award = hall.award(hand);
  EXPECT_EQ(award.attempt, 2u);
  ASSERT_TRUE(award.extras);
  EXPECT_EQ(award.extras->answer, "7");
  EXPECT_EQ(decision(hall, a, 1).deed, Deed::defaulted);
}

TEST(Inbox, AQuestionWithoutADefaultFailsTheTaskWhenItsTimeIsOver) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(5000));
  hall.pass(6000);
  EXPECT_EQ(hall.state(a), State::failed);
  EXPECT_EQ(hall.error_of(a), "unanswered");
  EXPECT_TRUE(hall.kept.dead(0, a));
  EXPECT_EQ(hall.answer(a, "late"), Code::terminal);
}

TEST(Inbox, AnAnswerInTimeEndsTheTimer) {
  Hall hall;
  auto a = hall.submit("A");
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(5000, "7"));
  EXPECT_EQ(hall.answer(a, "8"), Code::ok);
  hall.finish(hand, hall.award(hand), question(60000, "9"));
  hall.pass(6000);
  EXPECT_EQ(hall.state(a), State::suspended) << "the second question has a time of its own";
}

// The time to live is over first: it does not count while the task waits, and its timer stays parked.
TEST(Inbox, AQuestionLapsesAlsoWhenTheTimeToLiveIsOverBefore) {
  Hall hall;
  TaskOptions options;
  options.ttl_ms = 3000;
  auto a = hall.submit("A", options);
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(5000));
  hall.pass(4000);
  EXPECT_EQ(hall.state(a), State::suspended);
  hall.pass(2000);
  EXPECT_EQ(hall.state(a), State::failed);
  EXPECT_EQ(hall.error_of(a), "unanswered");
}

TEST(Inbox, ADeadlineEndsASuspendedTaskAlsoWhenItsTimeToLiveIsOverBefore) {
  Hall hall;
  TaskOptions options;
  options.ttl_ms = 3000;
  options.deadline = hall.now + 5000;
  auto a = hall.submit("A", options);
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), question(0));
  hall.pass(4000);
  EXPECT_EQ(hall.state(a), State::suspended);
  hall.pass(2000);
  EXPECT_EQ(hall.state(a), State::expired);
}

TEST(Inbox, ATaskThatNeedsApprovalIsNotAwardedBefore) {
  Hall hall;
  auto a = hall.submit("A", held("award"));
  auto& hand = hall.hire({"echo"});
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
  EXPECT_EQ(hall.state(a), State::suspended);
  EXPECT_EQ(hall.answer(a, "yes"), Code::invalid) << "an approval is no answer";
  EXPECT_EQ(hall.decide(a, Deed::approved), Code::ok);
  auto award = hall.award(hand);
  EXPECT_EQ(award.attempt, 1u);
  EXPECT_EQ(hall.name(award), "A");
  EXPECT_EQ(decision(hall, a, 0).deed, Deed::approved);
}

TEST(Inbox, AnEditedPayloadIsWhatTheAgentGetsAlsoAfterARestart) {
  Hall hall;
  auto a = hall.submit("A", held("award"));
  hall.turn();
  EXPECT_EQ(hall.decide(a, Deed::edited, "A2"), Code::ok);
  hall.turn();
  hall.restart(false);
  auto& hand = hall.hire({"echo"});
  EXPECT_EQ(hall.name(hall.award(hand)), "A2");
}

TEST(Inbox, ARejectedTaskIsCancelledWithTheReason) {
  Hall hall;
  auto a = hall.submit("A", held("award"));
  hall.turn();
  EXPECT_EQ(hall.decide(a, Deed::rejected), Code::ok);
  EXPECT_EQ(hall.state(a), State::cancelled);
  hall.turn();
  EXPECT_FALSE(has_question(hall, a));
  EXPECT_FALSE(hall.kept.dead(0, a));
}

TEST(Inbox, ATaskApprovedBeforeItsTimeWaitsForItsTime) {
  Hall hall;
  auto options = held("award");
  options.not_before = hall.now + 10000;
  auto a = hall.submit("A", options);
  EXPECT_EQ(hall.decide(a, Deed::approved), Code::ok);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::scheduled);
  auto& hand = hall.hire({"echo"});
  hall.pass(9000);
  EXPECT_TRUE(hand.awards.empty());
  hall.pass(2000);
  EXPECT_EQ(hand.awards.size(), 1u);
}

TEST(Inbox, AResultThatNeedsApprovalIsReleasedByIt) {
  Hall hall;
  auto a = hall.submit("A", held("release"));
  auto& hand = hall.hire({"echo"});
  FinishItem done;
  done.result = "42";
  hall.finish(hand, hall.award(hand), done);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::suspended);
  EXPECT_TRUE(hand.awards.empty());
  hall.restart();
  EXPECT_EQ(hall.decide(a, Deed::approved), Code::ok);
  EXPECT_EQ(hall.state(a), State::succeeded);
  EXPECT_EQ(hall.endings.at(a).result, "42");
}

TEST(Inbox, AResultIsReleasedAsEdited) {
  Hall hall;
  auto a = hall.submit("A", held("both"));
  auto& hand = hall.hire({"echo"});
  EXPECT_EQ(hall.decide(a, Deed::approved), Code::ok);
  FinishItem done;
  done.result = "42";
  hall.finish(hand, hall.award(hand), done);
  EXPECT_EQ(hall.decide(a, Deed::edited, "43"), Code::ok);
  EXPECT_EQ(hall.state(a), State::succeeded);
  EXPECT_EQ(hall.endings.at(a).result, "43");
}

TEST(Inbox, AStoppedTaskIsCancelledAndNobodyIsAsked) {
  Hall hall;
  auto a = hall.submit("A", held("release"));
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(hall.cancel(a), Code::ok);
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_EQ(hall.state(a), State::cancelled);
}

TEST(Inbox, APolicyThatLetsItsTimePassHasDecidedBeforehand) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto approved = hall.submit("A", held("award", 1000, "approve"));
  auto rejected = hall.submit("B", held("award", 1000, "reject"));
  auto failed = hall.submit("C", held("award", 1000, "fail"));
  hall.pass(2000);
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hand.awards.front().sequence, approved);
  EXPECT_EQ(hall.state(rejected), State::cancelled);
  EXPECT_EQ(hall.state(failed), State::failed);
}

TEST(Inbox, AQueueMayWantApprovalsOfAllItsTasks) {
  Hall hall;
  QueueSettings settings;
  settings.approval = approve_award | approve_release;
  hall.engine->set_queue("default", settings);
  auto a = hall.submit("A");
  hall.turn();
  EXPECT_EQ(hall.state(a), State::suspended);
  QuestionRecord record;
  ASSERT_TRUE(decode_record(*hall.kept.at(Shelving::records, question_key(a)), record));
  EXPECT_TRUE(record.by_queue);
  EXPECT_EQ(hall.decide(a, Deed::approved), Code::ok);
  auto& hand = hall.hire({"echo"});
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  hall.turn();
  EXPECT_EQ(hall.state(a), State::suspended);
}

TEST(Inbox, AHeldTaskCanBeCancelledAndExpires) {
  Hall hall;
  auto a = hall.submit("A", held("award"));
  auto options = held("award");
  options.deadline = hall.now + 3000;
  auto b = hall.submit("B", options);
  hall.turn();
  EXPECT_EQ(hall.cancel(a), Code::ok);
  hall.pass(4000);
  EXPECT_EQ(hall.state(b), State::expired);
  EXPECT_FALSE(has_question(hall, a));
  EXPECT_FALSE(has_question(hall, b));
}

TEST(Inbox, AFaultyQuestionLeavesTheLease) {
  Hall hall;
  hall.submit("A");
  auto& hand = hall.hire({"echo"});
  auto item = question(0);
  item.question.faulty = true;
  EXPECT_EQ(hall.finish(hand, hall.award(hand), item), Code::invalid);
}

TEST(Inbox, FactsAloneGiveTheSameLedger) {
  Hall hall;
  auto a = hall.submit("A", held("both"));
  auto& hand = hall.hire({"echo"});
  hall.decide(a, Deed::approved);
  hall.finish(hand, hall.award(hand), question(1000, "7"));
  hall.pass(2000);
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  hall.decide(a, Deed::approved);
  hall.turn();
  auto live = hall.saved();
  hall.restart(false);
  hall.turn();
  EXPECT_EQ(hall.saved() == live, true);
}

}  // namespace
}  // namespace hirehall::engine
