// Unique keys by rule: how long one is taken, and what a submission does that finds it taken
// (docs/unique.md).
#include <gtest/gtest.h>

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions under(std::string_view key, OnConflict rule, UniqueUntil until = UniqueUntil::unsaid,
                  Millis for_ms = 0) {
  auto options = echo();
  options.unique_key = key;
  options.on_conflict = rule;
  options.unique_until = until;
  options.unique_for_ms = for_ms;
  return options;
}

Code refusal(Hall& hall, const std::string& name, const TaskOptions& options) {
  return static_cast<Code>(hall.refused(name, options).code);
}

TEST(Unique, RejectRefusesByNameUntilTheTaskHasEnded) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::reject);
  auto a = hall.submit("A", rule);
  auto refused = hall.refused("A", rule);
  EXPECT_EQ(static_cast<Code>(refused.code), Code::not_unique);
  EXPECT_EQ(refused.existing, a) << "it names who has the key";
  auto award = hall.award(hand);
  EXPECT_EQ(refusal(hall, "B", rule), Code::not_unique) << "a running one has it as well";
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_NE(hall.submit("B", rule), a);
}

TEST(Unique, ExistingGivesTheTaskWhateverThePayload) {
  Hall hall;
  auto rule = under("k", OnConflict::existing);
  auto a = hall.submit("A", rule);
  EXPECT_EQ(hall.submit("B", rule), a);
  rule.tenant = "other";
  EXPECT_NE(hall.submit("B", rule), a) << "a key is of its queue and tenant";
}

TEST(Unique, UntilStartLetsTheNextOneQueueBehindARunningOne) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::existing, UniqueUntil::start);
  auto a = hall.submit("A", rule);
  EXPECT_EQ(hall.submit("A", rule), a);
  auto award = hall.award(hand);
  auto b = hall.submit("A", rule);
  EXPECT_NE(b, a);
  hall.finish(hand, award, Outcome::failed);
  EXPECT_EQ(hall.submit("A", rule), b) << "one that is tried again has started";
}

TEST(Unique, ForATimeOutlastsTheTask) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::existing, UniqueUntil::unsaid, 10'000);
  auto a = hall.submit("A", rule);
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  EXPECT_EQ(hall.submit("B", rule), a);
  hall.turn();
  hall.restart();
  EXPECT_EQ(hall.submit("B", rule), a) << "also over a restart";
  hall.pass(10'000, false);
  EXPECT_NE(hall.submit("B", rule), a);
}

TEST(Unique, ATimeBesideAnEndIsWhicheverComesFirst) {
  Hall hall;
  auto rule = under("k", OnConflict::existing, UniqueUntil::end, 10'000);
  auto a = hall.submit("A", rule);
  hall.pass(9'000, false);
  EXPECT_EQ(hall.submit("A", rule), a);
  hall.pass(1'000, false);
  auto b = hall.submit("A", rule);
  EXPECT_NE(b, a);
  EXPECT_EQ(hall.cancel(b), Code::ok);
  EXPECT_NE(hall.submit("A", rule), b);
}

TEST(Unique, ReplaceCancelsWhatWaitsAndNothingElse) {
  Hall hall;
  auto rule = under("k", OnConflict::replace);
  auto a = hall.submit("A", rule);
  auto later = rule;
  later.delay_ms = 60'000;
  auto b = hall.submit("B", later);
  hall.turn();
  EXPECT_EQ(hall.ended(a).state, State::cancelled);
  auto c = hall.submit("C", rule);
  hall.turn();
  EXPECT_EQ(hall.ended(b).state, State::cancelled) << "also before its time has come";
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(award.sequence, c);
  auto d = hall.submit("D", rule);
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_EQ(hall.ended(c).state, State::succeeded) << "what has started is left alone";
  EXPECT_EQ(hall.award(hand).sequence, d);
  EXPECT_EQ(hall.engine->ledger().books.accepted, 4u);
  EXPECT_TRUE(hall.kept.at(Shelving::records, replay_key(a))) << "the old one names the new one";
}

TEST(Unique, ReplaceUntilTheEndRefusesWhatHasStarted) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::replace, UniqueUntil::end);
  auto a = hall.submit("A", rule);
  auto award = hall.award(hand);
  EXPECT_EQ(refusal(hall, "B", rule), Code::already_started);
  hall.finish(hand, award, Outcome::failed);
  EXPECT_EQ(refusal(hall, "B", rule), Code::already_started) << "also between two attempts";
  EXPECT_EQ(hall.cancel(a), Code::ok);
  EXPECT_NE(hall.submit("B", rule), a);
}

TEST(Unique, ReplaceInOneBatchLeavesTheLast) {
  Hall hall;
  auto rule = under("k", OnConflict::replace);
  auto before = hall.submit("before", rule);
  auto answer = hall.submit_batch({{rule, "A"}, {echo(), "x"}, {rule, "B"}, {rule, "C"}});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->exceptions.empty());
  hall.turn();
  auto live = hall.saved();
  for (auto gone : {before, answer->first, answer->first + 2})
    EXPECT_EQ(hall.ended(gone).state, State::cancelled);
  hall.restart(false);
  hall.turn();
  EXPECT_EQ(hall.saved() == live, true) << "a replay of all facts gives the same";
  auto& hand = hall.hire({"echo"}, 4);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  EXPECT_EQ(hall.name(hand.awards[0]), "x");
  EXPECT_EQ(hall.name(hand.awards[1]), "C");
}

TEST(Unique, ReplaceDoesNotMindTheCap) {
  Hall hall;
  QueueSettings settings;
  settings.cap = 1;
  ASSERT_TRUE(hall.engine->set_queue("default", settings));
  auto rule = under("k", OnConflict::replace);
  auto a = hall.submit("A", rule);
  EXPECT_NE(hall.submit("B", rule), a);
  EXPECT_EQ(refusal(hall, "C", echo()), Code::queue_full);
}

TEST(Unique, CoalescedKeepTheTaskAndTakeTheLaterPayload) {
  Hall hall;
  auto rule = under("k", OnConflict::coalesce);
  auto a = hall.submit("A", rule);
  EXPECT_EQ(hall.submit("B", rule), a);
  EXPECT_EQ(hall.submit("C", rule), a);
  hall.turn();
  EXPECT_EQ(hall.engine->ledger().uniques.of(a)->coalesced, 2u);
  for (bool from_snapshot : {true, false}) hall.restart(from_snapshot), hall.turn();
  auto& hand = hall.hire({"echo"});
  auto award = hall.award(hand);
  EXPECT_EQ(award.sequence, a);
  EXPECT_EQ(hall.kept.at(Shelving::records, edited_key(a)), "C");
  EXPECT_EQ(hall.payloads.at(award.sequence), "C");
  EXPECT_NE(hall.submit("D", rule), a) << "what has started takes nothing more";
}

TEST(Unique, ACoalescedPayloadReachesATaskWhoseOldOneIsBeingRead) {
  Hall hall;
  auto rule = under("k", OnConflict::coalesce);
  hall.slow_reads = true;
  auto& hand = hall.hire({"echo"});
  auto a = hall.submit("A", rule);
  hall.turn();
  ASSERT_FALSE(hall.reads.empty()) << "its body is asked for";
  EXPECT_EQ(hall.submit("B", rule), a);
  hall.slow_reads = false;
  while (!hall.reads.empty()) {
    auto read = std::move(hall.reads.front());
    hall.reads.pop_front();
    read();
  }
  auto award = hall.award(hand);
  EXPECT_EQ(hall.payloads.at(award.sequence), "B");
}

TEST(Unique, CoalescingPutsTheStartOff) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::coalesce);
  rule.delay_ms = 5'000;
  auto a = hall.submit("A", rule);
  hall.pass(3'000);
  EXPECT_EQ(hall.submit("B", rule), a);
  hall.turn();
  hall.restart();
  hall.come_back(hand, {});
  hall.pass(3'000);
  EXPECT_TRUE(hand.awards.empty()) << "five seconds from the last one";
  rule.delay_ms = 1;
  EXPECT_EQ(hall.submit("C", rule), a);
  hall.pass(1'000);
  EXPECT_TRUE(hand.awards.empty()) << "never earlier than it was";
  hall.pass(1'500);
  auto award = hall.award(hand);
  EXPECT_EQ(hall.payloads.at(award.sequence), "C");
}

TEST(Unique, WhatDoesNotCoalesceIsSaid) {
  Hall hall;
  auto a = hall.submit("A", under("k", OnConflict::reject));
  auto rule = under("k", OnConflict::coalesce);
  EXPECT_EQ(refusal(hall, "B", rule), Code::not_unique);
  hall.cancel(a);
  hall.submit("A", rule);
  rule.type = "paint";
  EXPECT_EQ(refusal(hall, "B", rule), Code::not_unique) << "another type";
  auto plain = echo();
  plain.unique_key = "p";
  auto p = hall.submit("P", plain);
  EXPECT_EQ(hall.submit("Q", under("p", OnConflict::existing)), p);
  EXPECT_EQ(refusal(hall, "Q", under("p", OnConflict::replace)), Code::not_unique);
  EXPECT_EQ(refusal(hall, "Q", under("p", OnConflict::reject)), Code::not_unique);
}

TEST(Unique, APlainSubmissionMeetsARuleAsItMeetsAnyOther) {
  Hall hall;
  auto a = hall.submit("A", under("k", OnConflict::replace));
  auto plain = echo();
  plain.unique_key = "k";
  EXPECT_EQ(hall.submit("A", plain), a);
  EXPECT_EQ(refusal(hall, "B", plain), Code::conflict);
}

TEST(Unique, AnAtomicBatchThatIsRefusedChangesNothing) {
  Hall hall;
  auto rule = under("k", OnConflict::replace);
  auto a = hall.submit("A", rule);
  auto nowhere = echo();
  nowhere.queue = "nowhere";
  EXPECT_FALSE(hall.submit_batch({{rule, "B"}, {nowhere, "x"}}, true));
  hall.turn();
  EXPECT_EQ(hall.state(a), State::ready);
  EXPECT_EQ(hall.engine->ledger().books.accepted, 1u);
}

TEST(Unique, ADeadLetterSubmittedAgainTakesTheKeyWhenItIsFree) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto rule = under("k", OnConflict::existing);
  auto a = hall.submit("A", rule);
  hall.finish(hand, hall.award(hand), Outcome::failed_final);
  hall.turn();
  auto again = hall.engine->replay_dead(a, rule, "A", true);
  ASSERT_NE(again, 0u);
  EXPECT_EQ(hall.submit("B", rule), again);
}

TEST(Unique, BatchesCountWhatWasReplacedAsCancelled) {
  Hall hall;
  auto rule = under("k", OnConflict::replace);
  rule.batch = "b";
  rule.tenant = "t";
  hall.submit("A", rule);
  hall.submit("B", rule);
  hall.turn();
  const auto* batch = hall.engine->batch("t", "b");
  EXPECT_EQ(batch->total, 2u);
  EXPECT_EQ(batch->open, 1u);
  EXPECT_EQ(batch->ended[static_cast<std::size_t>(State::cancelled)], 1u);
}

TEST(Unique, RulesSurviveRestartsFromTheSnapshotAndFromFacts) {
  for (bool from_snapshot : {false, true}) {
    Engine::Settings settings;
    settings.snapshot_bytes = 1;
    Hall hall(settings);
    auto& hand = hall.hire({"echo"});
    auto ends = hall.submit("A", under("end", OnConflict::existing));
    hall.award(hand);
    auto waits = hall.submit("B", under("wait", OnConflict::coalesce));
    hall.submit("C", under("wait", OnConflict::coalesce));
    hall.turn();
    auto live = hall.saved();
    hall.restart(from_snapshot);
    hall.turn();
    EXPECT_EQ(hall.saved() == live, true);
    EXPECT_EQ(hall.submit("X", under("end", OnConflict::existing)), ends);
    EXPECT_EQ(hall.submit("X", under("wait", OnConflict::coalesce)), waits);
    EXPECT_EQ(hall.engine->ledger().uniques.of(waits)->coalesced, 2u);
  }
}

TEST(Unique, OptionsWithoutAKeyOrOutOfRangeAreInvalid) {
  Hall hall;
  EXPECT_EQ(refusal(hall, "A", under("", OnConflict::replace)), Code::invalid);
  EXPECT_EQ(refusal(hall, "A", under("", OnConflict::unsaid, UniqueUntil::start)), Code::invalid);
  EXPECT_EQ(refusal(hall, "A", under("k", OnConflict::unsaid, UniqueUntil::unsaid, 32ll * 24 * 3600 * 1000)),
            Code::invalid);
}

}  // namespace
}  // namespace hirehall::engine
