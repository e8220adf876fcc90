// Ended tasks are forgotten 1,024 at a time, and nothing that is still needed goes with them.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

class Retention : public testing::Test {
 protected:
  static Engine::Settings settings() {
    Engine::Settings s;
    s.snapshot_bytes = 1000;
    return s;
  }

  // Submits and ends that many tasks; the snapshot is behind them.
  void work(std::uint64_t count, Outcome outcome = Outcome::succeeded) {
    std::vector<std::pair<TaskOptions, std::string>> tasks(count, {echo(), "payload"});
    ASSERT_TRUE(hall.submit_batch(tasks));
    auto& hand = hall.hands.empty() ? hall.hire({"echo"}, 4096) : hall.hands.front();
    for (std::uint64_t done = 0; done < count;) {
      hall.turn();
      auto awards = std::exchange(hand.awards, {});
      ASSERT_FALSE(awards.empty());
      std::vector<FinishItem> items(awards.size());
      for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].token = awards[i].token;
        items[i].outcome = outcome;
      }
      ASSERT_TRUE(hall.engine->finish(hand.number, hand.finishes + 1, hand.finishes, hand.credit, items));
      ++hand.finishes;
      done += items.size();
    }
    hall.turn();
    hall.turn();
  }

  void forget_what_may_go() {
    std::erase_if(hall.kept.bodies, [&](const auto& b) {
      auto next = hall.kept.bodies.upper_bound(b.first);
      return next != hall.kept.bodies.end() && next->first <= ledger().reclaimed_sequence;
    });
    hall.kept.facts.erase(hall.kept.facts.begin(), hall.kept.facts.lower_bound(ledger().reclaimed_commit));
  }
  void restart_and_compare() {
    hall.turn();
    auto live = hall.saved();
    hall.restart();
    EXPECT_EQ(hall.saved() == live, true);
    hall.come_back(hall.hands.front(), {});
  }

  const Ledger& ledger() const { return hall.engine->ledger(); }
  std::uint64_t kept() const {
    std::uint64_t sum = 0;
    for (auto n : ledger().books.tasks) sum += n;
    return sum;
  }

  Hall hall{settings()};
};

TEST_F(Retention, WholeSegmentsGoAndTheBooksBalance) {
  work(3000);
  auto commits = hall.engine->reclaimable(100);
  ASSERT_EQ(commits.size(), 2u) << "1 to 1023, 1024 to 2047; the third is not complete";
  EXPECT_TRUE(std::is_sorted(commits.begin(), commits.end()));
  EXPECT_LE(commits.back(), hall.kept.commit);
  hall.reclaim(1);
  EXPECT_EQ(ledger().books.removed, 1023u);
  EXPECT_EQ(ledger().reclaimed_sequence, 1024u);
  EXPECT_EQ(kept() + ledger().books.removed, ledger().books.accepted);
  hall.reclaim(9);
  EXPECT_EQ(ledger().books.removed, 2047u);
  EXPECT_EQ(kept(), 3000u - 2047u);
  EXPECT_EQ(hall.engine->look(5), Engine::Known::ended) << "an id that was given out is never free again";
  EXPECT_TRUE(hall.engine->reclaimable(100).empty());
}

TEST_F(Retention, AnOpenTaskOutlivesItsNeighbours) {
  auto options = echo();
  options.type = "nobody";
  work(500);
  auto straggler = hall.submit("straggler", options);
  work(3000);
  work(3000);
  ASSERT_TRUE(hall.reclaim(100));
  EXPECT_EQ(ledger().reclaimed_sequence, 6144u);
  EXPECT_FALSE(hall.engine->forgotten(straggler));
  EXPECT_TRUE(hall.engine->forgotten(straggler - 1));
  EXPECT_EQ(hall.state(straggler), State::ready);
  EXPECT_EQ(kept() + ledger().books.removed, ledger().books.accepted);
  hall.turn();
  forget_what_may_go();
  restart_and_compare();
  // Whoever can do it gets it, body and all, and its end is found again.
  auto& painter = hall.hire({"nobody"});
  auto award = hall.award(painter);
  ASSERT_EQ(award.sequence, straggler);
  EXPECT_EQ(hall.name(straggler), "straggler");
  EXPECT_EQ(hall.finish(painter, award, Outcome::succeeded), Code::ok);
  hall.turn();
  EXPECT_TRUE(hall.kept.at(Shelving::records, straggler_end_key(straggler)));
  EXPECT_EQ(hall.engine->look(straggler), Engine::Known::ended);
  EXPECT_FALSE(hall.engine->forgotten(straggler)) << "its own retention begins with its end";
  restart_and_compare();
  ASSERT_TRUE(hall.reclaim(0));
  EXPECT_TRUE(hall.engine->forgotten(straggler));
  EXPECT_EQ(kept() + ledger().books.removed, ledger().books.accepted);
}

TEST_F(Retention, DeadLettersOutliveTheirNeighbours) {
  work(10, Outcome::failed_final);
  work(3000);
  ASSERT_TRUE(hall.reclaim(100));
  EXPECT_EQ(ledger().reclaimed_sequence, 2048u);
  EXPECT_EQ(ledger().queues[0].dead, 10u);
  EXPECT_EQ(ledger().books.tasks[static_cast<std::size_t>(State::failed)], 10u);
  EXPECT_EQ(kept() + ledger().books.removed, ledger().books.accepted);
  hall.turn();
  forget_what_may_go();
  restart_and_compare();
  for (Sequence s = 1; s <= 10; ++s) {
    EXPECT_TRUE(hall.kept.at(Shelving::records, straggler_end_key(s)));
    EXPECT_NE(hall.engine->replay_dead(s, echo(), "payload", hall.kept.dead(0, s)), 0u);
  }
  hall.turn();
  ASSERT_TRUE(hall.reclaim(0));
  EXPECT_EQ(ledger().books.tasks[static_cast<std::size_t>(State::failed)], 0u);
  EXPECT_EQ(kept() + ledger().books.removed, ledger().books.accepted);
  restart_and_compare();
}

TEST_F(Retention, APurgedDeadLetterGoesLater) {
  work(10, Outcome::failed_final);
  work(3000);
  ASSERT_EQ(ledger().queues[0].dead, 10u);
  std::vector<Sequence> all;
  for (Sequence s = 1; s <= 10; ++s) all.push_back(s);
  hall.engine->purge_dead(0, all);
  hall.turn();
  EXPECT_FALSE(hall.kept.dead(0, 5));
  restart_and_compare();
  EXPECT_EQ(ledger().queues[0].dead, 0u);
  EXPECT_EQ(ledger().books.tasks[static_cast<std::size_t>(State::failed)], 10u) << "the records stay";
  EXPECT_TRUE(hall.engine->stragglers(1).empty());
}

TEST_F(Retention, ManyThatStayKeepTheirNeighbours) {
  work(limits::stragglers_per_segment_max + 1, Outcome::failed_final);
  work(3000);
  EXPECT_TRUE(hall.engine->reclaimable(100).empty());
}

TEST_F(Retention, WithoutACopyNothingGoes) {
  work(10, Outcome::failed_final);
  work(3000);
  auto copies = hall.engine->stragglers(1);
  ASSERT_EQ(copies.size(), 10u);
  EXPECT_FALSE(hall.engine->reclaim(1, copies, {}));
  EXPECT_EQ(ledger().reclaimed_sequence, 0u);
}

TEST_F(Retention, WhatARestartNeedsStays) {
  work(3000);
  auto snapshot = hall.engine->snapshot_commit();
  ASSERT_GT(snapshot, 0u);
  hall.reclaim(100);
  EXPECT_LE(ledger().reclaimed_commit, snapshot);
  hall.turn();
  auto live = hall.saved();
  forget_what_may_go();
  hall.restart();
  EXPECT_EQ(hall.saved() == live, true);
  EXPECT_EQ(hall.engine->look(5), Engine::Known::ended);
  hall.come_back(hall.hands.front(), {});
  work(100);
  EXPECT_EQ(ledger().books.accepted, 3100u);
}

TEST_F(Retention, TheTaskThatWantsToBeKeptLongestDecides) {
  auto day = hall.engine->longest_retention();
  auto options = echo();
  options.retention_ms = day + 5;
  hall.submit("A", options);
  EXPECT_EQ(hall.engine->longest_retention(), day + 5);
  hall.turn();
  hall.restart();
  EXPECT_EQ(hall.engine->longest_retention(), day + 5);
}

}  // namespace
}  // namespace hirehall::engine
