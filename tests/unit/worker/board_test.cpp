// The board between the main thread and the slots.
#include "worker/board.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

namespace hirehall::worker {
namespace {

AwardPtr award_of(Token first, std::size_t n, std::uint32_t shapes = 1) {
  auto award = std::make_shared<Award>();
  award->shapes.resize(shapes);
  for (std::size_t i = 0; i < n; ++i)
    award->attempts.push_back(
        {first + i, "0123456789abcdef", "p", {}, 1, static_cast<std::uint32_t>(i % shapes)});
  return award;
}

TEST(Board, EveryAttemptIsTakenOnceByWhicheverSlot) {
  constexpr std::size_t slots = 4;
  constexpr std::size_t tasks = 20'000;
  Board board(slots, {0}, [] {});
  std::vector<std::thread> threads;
  std::atomic<std::size_t> taken{0};
  for (std::size_t slot = 0; slot < slots; ++slot)
    threads.emplace_back([&, slot] {
      worker::Run run;
      Results results;
      while (board.take(slot, run, results))
        while (auto at = board.next(slot)) {
          results.add(run.award->attempts[*at].token, Outcome::succeeded, {});
          if (taken.fetch_add(1) + 1 == tasks) {
            board.done(slot, results);
            board.close();
          }
        }
      board.done(slot, results);
    });
  for (Token first = 1; first <= tasks; first += 500) board.post(award_of(first, 500), {0});
  for (auto& thread : threads) thread.join();
  std::vector<Results> batches;
  std::vector<Report> reports;
  board.collect(batches, reports);
  std::set<Token> seen;
  for (const auto& batch : batches)
    for (auto token : batch.tokens()) EXPECT_TRUE(seen.insert(token).second) << token << " ran twice";
  EXPECT_EQ(seen.size(), tasks);
}

// Two slots in attempts that do not end, and four attempts that nobody has begun: two and one in the runs of
// the slots, one in the line.
class BehindLongWork : public testing::Test {
 protected:
  void SetUp() override {
    board.post(award_of(1, 1), {0});  // quick: runs are long
    ASSERT_TRUE(board.take(0, run, results));
    results.add(run.award->attempts[*board.next(0)].token, Outcome::succeeded, {});
    board.post(award_of(10, 5), {0});
    ASSERT_TRUE(board.take(0, run, results));
    ASSERT_TRUE(board.next(0));
    board.post(award_of(20, 1), {0});
    worker::Run other;
    Results nothing;
    ASSERT_TRUE(board.take(1, other, nothing));
    ASSERT_TRUE(board.next(1));
  }
  std::set<Token> hand_back(Micros now) {
    Results back;
    board.hand_back_waiting(now, 100, back);
    return {back.tokens().begin(), back.tokens().end()};
  }

  Board board{2, {0}, [] {}};
  worker::Run run;
  Results results;
};

TEST_F(BehindLongWork, WhatNobodyHasBegunIsHandedBackAndWhatRunsGoesOn) {
  EXPECT_TRUE(hand_back(1000).empty()) << "the first time it only looks";
  EXPECT_TRUE(hand_back(1099).empty());
  EXPECT_EQ(hand_back(1100), (std::set<Token>{11, 12, 14, 20})) << "10 and 13 run";
  EXPECT_TRUE(hand_back(5000).empty());
  EXPECT_FALSE(board.next(0)) << "nothing is left of its run";
}

TEST_F(BehindLongWork, WhileASlotGoesOnNothingIsHandedBack) {
  EXPECT_TRUE(hand_back(1000).empty());
  ASSERT_TRUE(board.next(0)) << "it has ended one and begins another";
  EXPECT_TRUE(hand_back(1100).empty());
  EXPECT_EQ(hand_back(1200), (std::set<Token>{12, 14, 20}));
}

TEST_F(BehindLongWork, ATaskWithOneAwardOnlyWaitsOn) {
  auto award = std::make_shared<Award>();
  award->shapes.resize(1);
  const std::string once =
                        "\x81\xac"
                        "at_most_once\xc3",
                    other =
                        "\x81\xa8"
                        "deadline\x05";
  award->attempts = {{30, "0123456789abcdef", "p", once, 1, 0}, {31, "0123456789abcdef", "p", other, 1, 0}};
  EXPECT_TRUE(award->attempts[0].at_most_once());
  EXPECT_FALSE(award->attempts[1].at_most_once());
  board.post(award, {0});
  EXPECT_TRUE(hand_back(1000).empty());
  const auto back = hand_back(1100);
  EXPECT_FALSE(back.contains(30));
  EXPECT_TRUE(back.contains(31));
  worker::Run left;
  ASSERT_TRUE(board.take(1, left, results));
  EXPECT_EQ(left.award->attempts[*board.next(1)].token, 30u);
}

TEST(Board, AnIdleSlotTakesOverWhatABusyOneHasNotBegun) {
  Board board(2, {0}, [] {});
  worker::Run run;
  Results results;
  // Make the agent look quick, so that runs are long.
  board.post(award_of(1, 1), {0});
  ASSERT_TRUE(board.take(0, run, results));
  results.add(run.award->attempts[*board.next(0)].token, Outcome::succeeded, {});
  board.post(award_of(10, 8), {0});
  ASSERT_TRUE(board.take(0, run, results));
  auto begun = board.next(0);
  ASSERT_TRUE(begun);
  // Slot 0 hangs in its first attempt; slot 1 does all the others.
  std::set<Token> done;
  while (done.size() < 7) {
    ASSERT_TRUE(board.take(1, run, results));
    while (auto at = board.next(1)) done.insert(run.award->attempts[*at].token);
  }
  EXPECT_FALSE(board.next(0)) << "nothing is left of its run";
}

TEST(Board, AnAgentRunsInAtMostItsInstances) {
  Board board(3, {1, 0}, [] {});
  worker::Run run;
  Results results;
  board.post(award_of(1, 2, 1), {0});
  board.post(award_of(11, 1, 1), {1});
  ASSERT_TRUE(board.take(0, run, results));
  EXPECT_EQ(run.agent, 0u);
  ASSERT_TRUE(board.take(1, run, results));
  EXPECT_EQ(run.agent, 1u) << "the second attempt of agent 0 waits for the first";
  EXPECT_EQ(board.busy_slots(), 2u);
}

TEST(Board, WhatIsRevokedIsKnownUntilItEnded) {
  Board board(1, {0}, [] {});
  EXPECT_FALSE(board.anything_revoked());
  board.stop({7, 100, "why"}, 0);
  EXPECT_EQ(board.revoked(7).why, Revocation::Why::stop);
  EXPECT_EQ(board.revoked(8).why, Revocation::Why::none);
  board.lose(7, 0);
  EXPECT_EQ(board.revoked(7).why, Revocation::Why::lost) << "a lost lease is stronger than a stop";
  board.post(award_of(7, 1), {0});
  worker::Run run;
  Results results;
  ASSERT_TRUE(board.take(0, run, results));
  results.add(7, Outcome::interrupted, {});
  board.done(0, results);
  std::vector<Results> batches;
  std::vector<Report> reports;
  board.collect(batches, reports);
  EXPECT_FALSE(board.anything_revoked());
}

}  // namespace
}  // namespace hirehall::worker
