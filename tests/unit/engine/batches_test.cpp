// Batches count, survive restarts, and complete once (docs/batches.md).
#include <gtest/gtest.h>

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions in(std::string_view batch) {
  auto options = echo();
  options.batch = batch;
  options.tenant = "t";
  return options;
}

TaskOptions report() {
  auto options = echo();
  options.tenant = "t";
  options.type = "report";
  return options;
}

std::uint64_t ended(const Batch& batch, State state) {
  return batch.ended[static_cast<std::size_t>(state)];
}

TEST(Batches, CountHowTheirTasksEnd) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  hall.submit("A", in("b"));
  auto cancelled = hall.submit("B", in("b"));
  hall.submit("C", in("b"));
  hall.submit("D", in("other"));
  EXPECT_EQ(hall.cancel(cancelled), Code::ok);
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  hall.finish(hand, hall.award(hand), Outcome::failed_final);
  const auto* batch = hall.engine->batch("t", "b");
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->total, 3u);
  EXPECT_EQ(batch->open, 0u);
  EXPECT_EQ(ended(*batch, State::succeeded), 1u);
  EXPECT_EQ(ended(*batch, State::cancelled), 1u);
  EXPECT_EQ(ended(*batch, State::failed), 1u);
  EXPECT_EQ(hall.engine->batch("t", "other")->open, 1u);
  EXPECT_EQ(hall.engine->batch("u", "b"), nullptr) << "names are of a tenant";
}

TEST(Batches, SurviveRestartsFromTheSnapshotAndFromFacts) {
  for (bool from_snapshot : {false, true}) {
    Engine::Settings settings;
    settings.snapshot_bytes = 1;
    Hall hall(settings);
    auto& hand = hall.hire({"echo"});
    hall.submit("A", in("b"));
    hall.submit("B", in("b"));
    hall.finish(hand, hall.award(hand), Outcome::succeeded);
    hall.turn();
    auto live = hall.saved();
    hall.restart(from_snapshot);
    hall.turn();
    EXPECT_EQ(hall.saved() == live, true);
    EXPECT_EQ(hall.engine->batch("t", "b")->open, 1u);
  }
}

TEST(Batches, TheCompletionTaskIsSubmittedOnceWhenAllHaveEnded) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto& reporter = hall.hire({"report"});
  hall.submit("A", in("b"));
  hall.submit("B", in("b"));
  auto options = report();
  EXPECT_EQ(hall.engine->close_batch("t", "b", &options, std::nullopt), Code::ok);
  EXPECT_EQ(hall.engine->close_batch("t", "b", &options, std::nullopt), Code::conflict);
  EXPECT_EQ(hall.engine->close_batch("t", "none", nullptr, std::nullopt), Code::not_found);
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  hall.turn();
  EXPECT_TRUE(reporter.awards.empty());
  hall.finish(hand, hall.award(hand), Outcome::failed_final);
  auto award = hall.award(reporter);
  EXPECT_EQ(hall.name(award),
            R"({"batch":"b","total":2,"succeeded":1,"failed":1,"cancelled":0,"expired":0})");
  EXPECT_EQ(hall.engine->batch("t", "b")->completion_task, award.sequence);
  hall.restart(false);
  hall.come_back(reporter, {award.token});
  hall.turn();
  EXPECT_EQ(reporter.awards.size(), 1u);
  EXPECT_EQ(hall.engine->ledger().books.accepted, 3u) << "and once only";
}

TEST(Batches, AnEmptyRestCompletesAtOnceWhenItIsClosed) {
  Hall hall;
  auto& hand = hall.hire({"echo", "report"});
  hall.submit("A", in("b"));
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  auto options = report();
  hall.engine->close_batch("t", "b", &options, "done");
  EXPECT_EQ(hall.name(hall.award(hand)), "done");
}

TEST(Batches, AClosedOneTakesNoFurtherTasksButRetries) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  auto a = hall.submit("A", in("b"));
  hall.engine->close_batch("t", "b", nullptr, std::nullopt);
  EXPECT_EQ(static_cast<Code>(hall.refused("B", in("b")).code), Code::conflict);
  hall.finish(hand, hall.award(hand), Outcome::failed_final);
  hall.turn();
  EXPECT_TRUE(hall.engine->batch("t", "b")->completed);
  auto options = in("b");
  options.type = "echo";
  EXPECT_NE(hall.engine->replay_dead(a, options, "A", true), 0u);
  EXPECT_EQ(hall.engine->batch("t", "b")->open, 1u);
  hall.finish(hand, hall.award(hand), Outcome::succeeded);
  EXPECT_EQ(hall.engine->batch("t", "b")->total, 2u);
  EXPECT_EQ(ended(*hall.engine->batch("t", "b"), State::failed), 1u);
}

TEST(Batches, ARefusedTaskLeavesNoBatchBehind) {
  Hall hall;
  QueueSettings settings;
  settings.cap = 1;
  hall.engine->set_queue("default", settings);
  hall.submit("A");
  EXPECT_EQ(static_cast<Code>(hall.refused("B", in("b")).code), Code::queue_full);
  EXPECT_EQ(hall.engine->batch("t", "b"), nullptr);
}

TEST(Batches, AMovedTaskStaysInItsBatch) {
  Hall hall;
  hall.engine->set_queue("other", {});
  auto a = hall.submit("A", in("b"));
  hall.turn();
  hall.engine->close_batch("t", "b", nullptr, std::nullopt);
  auto options = in("b");
  options.type = "echo";
  options.queue = "other";
  auto loaded = hall.kept.task(a);
  EXPECT_NE(hall.engine->resubmit(a, options, "A", "moved", loaded), 0u);
  hall.turn();
  const auto* batch = hall.engine->batch("t", "b");
  EXPECT_EQ(batch->open, 1u);
  EXPECT_FALSE(batch->completed) << "it had no open task only in the middle of a commit";
  EXPECT_EQ(ended(*batch, State::cancelled), 1u) << "the record that it was before";
}

TEST(Batches, WhatExpiresOrLosesItsApprovalLeavesItsBatch) {
  Hall hall;
  auto short_lived = in("b");
  short_lived.ttl_ms = 500;
  hall.submit("A", short_lived);
  auto held = in("b");
  held.policies = std::string(
      "\x81\xa8"
      "approval\xa5"
      "award",
      16);
  auto asked = hall.submit("B", held);
  hall.turn();
  EXPECT_EQ(hall.decide(asked, Deed::rejected), Code::ok);
  hall.pass(2000);
  const auto* batch = hall.engine->batch("t", "b");
  EXPECT_EQ(batch->open, 0u);
  EXPECT_EQ(ended(*batch, State::expired), 1u);
  EXPECT_EQ(batch->total, 2u);
}

TEST(Batches, ScheduledTasksOfASubmitThatComesTwiceCountOnce) {
  Hall hall;
  auto options = in("b");
  options.idempotency_key = "k";
  options.delay_ms = 1000;
  hall.submit("A", options);
  hall.submit_batch({{options, "A"}});
  EXPECT_EQ(hall.engine->batch("t", "b")->total, 1u);
}

TEST(Batches, ABatchWithoutACompletionTaskCompletesToo) {
  Hall hall;
  auto a = hall.submit("A", in("b"));
  hall.engine->close_batch("t", "b", nullptr, std::nullopt);
  hall.turn();
  hall.cancel(a);
  hall.turn();
  const auto* batch = hall.engine->batch("t", "b");
  EXPECT_TRUE(batch->completed);
  EXPECT_EQ(batch->completion_task, 0u);
}

TEST(Batches, TheCountsAreJsonWhateverTheName) {
  Hall hall;
  auto& hand = hall.hire({"report"});
  auto a = hall.submit("A", in("a\"b\\c\n"));
  auto options = report();
  hall.engine->close_batch("t", "a\"b\\c\n", &options, std::nullopt);
  hall.turn();
  hall.cancel(a);
  EXPECT_EQ(hall.name(hall.award(hand)),
            R"({"batch":"a\"b\\c\u000a","total":1,"succeeded":0,"failed":0,"cancelled":1,"expired":0})");
}

TEST(Batches, TheOneThatIsOverForLongestMakesRoom) {
  Hall hall;
  auto open = hall.submit("open", in("open"));
  auto name = [](std::size_t n) { return "b" + std::to_string(n); };
  const std::size_t others = limits::batches_max - 1;
  for (std::size_t n = 0; n < others;) {
    std::vector<std::pair<TaskOptions, std::string>> tasks;
    for (int i = 0; i < 1000 && n < others; ++i) tasks.emplace_back(in(name(n++)), "A");
    hall.submit_batch(tasks);
  }
  EXPECT_EQ(hall.engine->ledger().batches.size(), limits::batches_max);
  EXPECT_EQ(static_cast<Code>(hall.refused("A", in("one more")).code), Code::busy);
  hall.turn();
  EXPECT_EQ(hall.cancel(open + 2), Code::ok);  // of b1
  hall.pass(10);
  EXPECT_EQ(hall.cancel(open + 1), Code::ok);  // of b0
  hall.turn();
  hall.submit("A", in("one more"));
  EXPECT_EQ(hall.engine->batch("t", name(1)), nullptr);
  EXPECT_NE(hall.engine->batch("t", name(0)), nullptr);
  EXPECT_NE(hall.engine->batch("t", "open"), nullptr);
  hall.turn();
  auto live = hall.saved();
  hall.restart(false);
  EXPECT_EQ(live == hall.saved(), true);
}

TEST(Batches, AScheduleIsInNone) {
  Hall hall;
  ScheduleSpec spec;
  spec.every_ms = 60000;
  spec.options = encode_options(in("b"));
  auto done = hall.engine->set_schedule("s", spec, "me", true);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::invalid);
}

}  // namespace
}  // namespace hirehall::engine
