// Bulk work as the engine knows it: over restarts, once for one order, bounded; and tasks that go on
// elsewhere.
#include "broker/engine/bulk.h"

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

BulkOrder order(const char* token = "") {
  BulkOrder o;
  o.where = "queue=default";
  o.by = "ada";
  o.reason = "cleaning";
  o.token = token;
  return o;
}

TEST(Bulk, GoesOnWhereItWasAfterARestart) {
  for (const bool from_snapshot : {false, true}) {
    Hall hall;
    hall.submit("a");
    auto number = hall.engine->open_bulk(order());
    ASSERT_TRUE(number);
    hall.engine->move_bulk(*number, "cursor", 7, 2);
    hall.turn();
    hall.restart(from_snapshot);
    const auto& bulk = hall.engine->ledger().bulks.at(*number);
    EXPECT_EQ(bulk.cursor, "cursor");
    EXPECT_EQ(bulk.done, 7u);
    EXPECT_EQ(bulk.passed, 2u);
    EXPECT_EQ(bulk.until, 2u) << "what is submitted later is not touched";
    EXPECT_EQ(bulk.order.reason, "cleaning");
    EXPECT_EQ(bulk.state, BulkState::running);
    hall.engine->close_bulk(*number, BulkState::stopped, "enough");
    hall.turn();
    hall.restart(from_snapshot);
    EXPECT_EQ(hall.engine->ledger().bulks.at(*number).state, BulkState::stopped);
    EXPECT_EQ(hall.engine->ledger().bulks.at(*number).message, "enough");
  }
}

TEST(Bulk, TheSameOrderAgainIsTheSameWork) {
  Hall hall;
  auto first = hall.engine->open_bulk(order("t"));
  EXPECT_EQ(*hall.engine->open_bulk(order("t")), *first);
  EXPECT_NE(*hall.engine->open_bulk(order("u")), *first);
}

TEST(Bulk, IsBounded) {
  Hall hall;
  for (std::size_t i = 0; i < bulks_running_max; ++i) ASSERT_TRUE(hall.engine->open_bulk(order()));
  EXPECT_EQ(hall.engine->open_bulk(order()).error().code, Code::busy);
  for (std::size_t i = 0; i < 3 * bulks_kept; ++i) {
    auto last = hall.engine->ledger().next_bulk - 1;
    hall.engine->close_bulk(last, BulkState::done, {});
    ASSERT_TRUE(hall.engine->open_bulk(order()));
  }
  EXPECT_LE(hall.engine->ledger().bulks.size(), bulks_kept + bulks_running_max);
}

TEST(Bulk, AMovedTaskGoesOnAsANewOneInOneCommit) {
  Hall hall;
  auto old = hall.submit("letter");
  hall.turn();
  auto options = echo();
  options.priority = 9;
  options.queue = "default";
  auto loaded = hall.kept.task(old);
  loaded.view_commit = hall.kept.commit;
  auto as = hall.engine->resubmit(old, options, "letter", "goes on", loaded);
  ASSERT_NE(as, 0u);
  hall.turn();
  EXPECT_EQ(hall.state(old), State::cancelled);
  EXPECT_EQ(hall.state(as), State::ready);
  hall.restart();
  EXPECT_EQ(hall.engine->resubmit(old, options, "letter", "goes on", loaded), 0u) << "it has ended";
  auto& hand = hall.hire({"echo"}, 4);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hall.award(hand).sequence, as);
}

}  // namespace
}  // namespace hirehall::engine
