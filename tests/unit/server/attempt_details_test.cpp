// What running attempts tell of themselves: bounded, in order, with what had to go counted.
#include "broker/server/attempt_details.h"

#include <gtest/gtest.h>

namespace hirehall::server {
namespace {

AttemptDetails::Settings small() {
  AttemptDetails::Settings settings;
  settings.task_bytes = 1000;
  settings.all_bytes = 3000;
  settings.progress_per_second = 3;
  return settings;
}

TEST(AttemptDetails, KeepsTheNewestLinesOfATaskAndCountsTheOthers) {
  AttemptDetails details(small(), 100);
  for (int i = 0; i < 20; ++i) details.line(1, 1, i, std::string(36, 'x'), false);
  const auto* task = details.of(1);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->lines.size(), 10u);
  EXPECT_EQ(task->lines.front().position, 110u);
  EXPECT_EQ(task->lines.back().position, 119u);
  EXPECT_EQ(task->gone_up_to, 109u);
  EXPECT_EQ(details.counts().lines, 20u);
  EXPECT_EQ(details.counts().lines_gone, 10u);
}

TEST(AttemptDetails, ForgetsTheTaskThatSpokeLongestAgoWhenAllIsFull) {
  AttemptDetails details(small(), 1);
  for (Sequence task = 1; task <= 20; ++task)
    for (int i = 0; i < 5; ++i) details.line(task, 1, i, std::string(36, 'x'), false);
  EXPECT_LE(details.bytes(), small().all_bytes + small().task_bytes);
  EXPECT_EQ(details.of(1), nullptr);
  ASSERT_NE(details.of(20), nullptr);
  EXPECT_EQ(details.of(20)->lines.size(), 5u);
  details.line(1, 2, 9, "again", false);
  EXPECT_GE(details.of(1)->gone_up_to, 5u) << "who asks behind its fifth line is told that some are missing";
  EXPECT_GT(details.of(1)->lines.front().position, 100u) << "positions rise";
}

TEST(AttemptDetails, ProgressIsKeptSoOftenASecondAndTheEndAlways) {
  AttemptDetails details(small(), 1);
  for (std::uint64_t i = 1; i <= 9; ++i) details.progress(1, {i, 10, "step", 5000, 1});
  EXPECT_EQ(details.of(1)->progress->done, 3u);
  EXPECT_EQ(details.counts().progress_dropped, 6u);
  details.progress(1, {10, 10, "done", 5500, 1});
  EXPECT_EQ(details.of(1)->progress->done, 10u);
  details.progress(1, {1, 10, "again", 6000, 2});
  EXPECT_EQ(details.of(1)->progress->attempt, 2u);
}

TEST(AttemptDetails, LongLinesAreCutAtACharacter) {
  AttemptDetails details({}, 1);
  std::string text(limits::log_line_bytes_max - 1, 'a');
  details.line(1, 1, 1, text + "\xc3\xa4tail", false);
  EXPECT_EQ(details.of(1)->lines.front().text, text);
}

}  // namespace
}  // namespace hirehall::server
