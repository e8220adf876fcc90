// A store that goes back to an earlier moment: what it gave in the future that is lost means nothing else
// (I3, I4).
#include <gmock/gmock.h>

#include "common/ids.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

// The same commits twice: what is kept at `back_up` goes on in another engine.
class Incarnation : public testing::Test {
 protected:
  void restore(const Kept& backup, std::uint16_t incarnation) {
    hall_.kept = backup;
    hall_.settings.incarnation = incarnation;
    hall_.restart();
    hall_.turn();
  }
  Hall hall_;
};

TEST_F(Incarnation, TokensOfTheLostFutureAreStale) {
  auto& hand = hall_.hire({"echo"}, 4);
  hall_.submit("before");
  hall_.turn();
  const auto backup = hall_.kept;
  hall_.submit("lost");
  hall_.turn();
  const auto first = hall_.award(hand);
  const auto lost = hall_.award(hand);
  restore(backup, 2);
  EXPECT_TRUE(hall_.engine->ledger().workers.empty());
  EXPECT_EQ(hall_.engine->ledger().incarnation(), 2);
  auto& again = hall_.hire({"echo"}, 8);
  for (int i = 0; i < 6; ++i) hall_.submit("new" + std::to_string(i));
  hall_.turn();
  for (int i = 0; i < 7; ++i) {
    const auto award = hall_.award(again);
    EXPECT_GT(award.token, first.token);
    EXPECT_GT(award.token, lost.token);
  }
  EXPECT_EQ(hall_.engine->ledger().lease_by_token(lost.token), nullptr);
}

TEST_F(Incarnation, LeasesOfTheBackupEndWithoutBlame) {
  auto& hand = hall_.hire({"echo"}, 1);
  const auto task = hall_.submit("held");
  hall_.turn();
  EXPECT_EQ(hall_.award(hand).attempt, 1u);
  restore(hall_.kept, 2);
  EXPECT_EQ(hall_.state(task), State::ready);
  auto& again = hall_.hire({"echo"}, 1);
  hall_.turn();
  const auto award = hall_.award(again);
  EXPECT_EQ(award.sequence, task);
  EXPECT_EQ(award.attempt, 2u);
  EXPECT_EQ(hall_.engine->ledger().lease_of(task)->tries.failures, 0u);
  EXPECT_EQ(hall_.engine->ledger().lease_of(task)->tries.losses, 0u);
}

TEST_F(Incarnation, ProducersAreForgotten) {
  const auto number = hall_.producer();
  hall_.turn();
  const auto token = hall_.engine->producer(number)->token;
  restore(hall_.kept, 2);
  EXPECT_FALSE(hall_.engine->producer_by_token(token));
}

TEST_F(Incarnation, IsTakenUpOnceAndSurvivesSnapshots) {
  hall_.submit("before");
  hall_.turn();
  restore(hall_.kept, 4);
  const auto counter = hall_.engine->ledger().counter;
  hall_.submit("after");
  hall_.turn();
  hall_.restart(false);
  ASSERT_EQ(hall_.engine->ledger().incarnations.size(), 1u);
  EXPECT_EQ(hall_.engine->ledger().incarnations[0].number, 4);
  EXPECT_EQ(hall_.engine->ledger().incarnations[0].first, 2u);
  EXPECT_GE(hall_.engine->ledger().counter, counter);
  std::string saved;
  hall_.engine->ledger().save(saved);
  Ledger loaded;
  ASSERT_TRUE(loaded.load(saved));
  EXPECT_EQ(loaded.incarnation(), 4);
}

TEST(Ids, OfOneSequenceInTwoIncarnationsDiffer) {
  IdMaker before({1, 2, 3}, 0, 1);
  IdMaker after({1, 2, 3}, 0, 1);
  after.begin(2, 100);
  EXPECT_EQ(after.make(99), before.make(99)) << "an id never changes";
  EXPECT_NE(after.make(100), before.make(100));
  EXPECT_TRUE(after.genuine(after.make(100)));
  EXPECT_FALSE(after.genuine(before.make(100)));
  EXPECT_TRUE(after.lost(before.make(100)));
  EXPECT_FALSE(after.lost(after.make(100)));
  EXPECT_FALSE(after.lost(after.make(99)));
  EXPECT_FALSE(after.genuine(after.make(99, 2))) << "nobody was ever told this";
}

}  // namespace
}  // namespace hirehall::engine
