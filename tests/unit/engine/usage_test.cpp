// Usage is booked once for each attempt; budgets hold back and open again (docs/usage.md).
#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

constexpr Millis day_ms = 24 * 3600 * 1000;

std::string report(double tokens, double cost = 0) {
  std::string out;
  msgpack::Writer w(out);
  w.map(2);
  w.str("tokens"), w.real(tokens);
  w.str("cost_usd"), w.real(cost);
  return out;
}

void finish(Hall& hall, Hand& hand, Outcome outcome, const std::string& used) {
  FinishItem item;
  item.outcome = outcome;
  item.usage = used;
  EXPECT_EQ(hall.finish(hand, hall.award(hand), item), Code::ok);
  hall.turn();
}

TaskOptions of(std::string_view tenant) {
  auto options = echo();
  options.tenant = tenant;
  options.retry = {3, 1, 1, 3};
  return options;
}

std::int64_t used(const Hall& hall, const std::string& unit) {
  std::int64_t sum = 0;
  for (const auto& [key, row] : hall.engine->ledger().usage.rows())
    if (auto at = row.amounts.find(unit); at != row.amounts.end()) sum += at->second;
  return sum;
}

TEST(Usage, ReportsAreReadAsWholeMillionthsAndWhatIsNoneIsLeftOut) {
  std::string map;
  msgpack::Writer w(map);
  w.map(6);
  w.str("tokens"), w.uint(12);
  w.str("cost"), w.real(0.1);
  w.str("below"), w.sint(-1);
  w.str("endless"), w.real(HUGE_VAL);
  w.str("text"), w.str("12");
  w.str(std::string(65, 'u')), w.uint(1);
  auto read = read_usage_report(map);
  EXPECT_EQ(read.amounts, (Amounts{{"cost", 100'000}, {"tokens", 12'000'000}}));
  EXPECT_EQ(read.left_out, 4u);
  EXPECT_EQ(read_usage_report("\xc0").left_out, 1u) << "no map at all";
  read.agent = "writer";
  auto again = decode_usage(encode_usage(read));
  EXPECT_EQ(again.amounts, read.amounts);
  EXPECT_EQ(again.agent, "writer");
  EXPECT_EQ(decode_usage(map).amounts, read.amounts) << "as stores from before hold it";
  EXPECT_TRUE(decode_usage("\x92\x01").amounts.empty());
}

TEST(Usage, EveryAttemptIsBookedOnce) {
  Hall hall;
  auto& hand = hall.hire({"echo"}, 1, "writer");
  hall.submit("A", of("t"));
  finish(hall, hand, Outcome::failed, report(10));
  hall.pass(10);
  finish(hall, hand, Outcome::succeeded, report(5, 0.25));
  EXPECT_EQ(used(hall, "tokens"), 15'000'000);
  EXPECT_EQ(used(hall, "cost_usd"), 250'000);
  const auto& [key, row] = *hall.engine->ledger().usage.rows().begin();
  EXPECT_EQ(key.agent, "writer");
  EXPECT_EQ(row.attempts, 2u);
  for (bool from_snapshot : {false, true}) {
    auto live = hall.saved();
    hall.restart(from_snapshot);
    hall.turn();
    EXPECT_EQ(hall.saved() == live, true);
    EXPECT_EQ(used(hall, "tokens"), 15'000'000);
  }
}

TEST(Usage, RowsGoWhenTheirDaysAreOver) {
  UsageBook book;
  UsageReport one;
  one.amounts = {{"n", 1'000'000}};
  for (std::int64_t day = 0; day < usage_days_kept + 10; ++day) book.book(one, 0, 0, day * day_ms);
  EXPECT_EQ(book.rows().size(), static_cast<std::size_t>(usage_days_kept));
  EXPECT_EQ((book.totals().at({0, "n"})), (usage_days_kept + 10) * 1'000'000) << "totals stay";
  for (std::size_t agent = 0; agent < usage_rows_max; ++agent) {
    one.agent = std::to_string(agent);
    book.book(one, 0, 0, (usage_days_kept + 10) * day_ms);
  }
  EXPECT_EQ(book.rows().size(), usage_rows_max);
  EXPECT_GT(book.forgotten(), 0u);
}

TEST(Usage, UnitsBeyondThoseKeptApartAreOther) {
  UsageBook book;
  for (std::size_t i = 0; i < usage_units_max + 3; ++i) {
    UsageReport one;
    one.amounts = {{"unit" + std::to_string(i), 1}};
    book.book(one, 0, 0, 0);
  }
  EXPECT_EQ((book.totals().at({0, "other"})), 3);
}

TEST(Budgets, AHardOneHoldsItsTasksAndNobodyElses) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  ASSERT_TRUE(hall.engine->set_budget("b", {"t", "", "tokens", Period::day, 10'000'000, 5'000'000}, "me"));
  hall.submit("A", of("t"));
  finish(hall, hand, Outcome::succeeded, report(6));
  EXPECT_EQ(hall.engine->ledger().budgets_crossed.size(), 1u) << "the soft amount";
  hall.submit("B", of("t"));
  finish(hall, hand, Outcome::succeeded, report(4));
  EXPECT_EQ(hall.engine->ledger().budgets_crossed.size(), 2u);
  auto held = hall.submit("C", of("t"));
  hall.submit("D", of("u"));
  EXPECT_EQ(hall.name(hall.award(hand)), "D") << "another tenant goes on";
  hall.turn();
  EXPECT_EQ(hall.state(held), State::ready);
}

TEST(Budgets, OpenWithTheNextPeriodAlsoAfterARestart) {
  for (bool restarted : {false, true}) {
    Hall hall;
    auto& hand = hall.hire({"echo"});
    ASSERT_TRUE(hall.engine->set_budget("b", {"", "", "tokens", Period::day, 1'000'000, 0}, "me"));
    hall.submit("A", of("t"));
    finish(hall, hand, Outcome::succeeded, report(1));
    hall.submit("B", of("t"));
    if (restarted) {
      hall.turn();
      hall.restart(false);
      hall.come_back(hand, {});
    }
    hall.turn();
    EXPECT_TRUE(hand.awards.empty());
    hall.now = day_ms - 500;
    hall.beat(hand);
    hall.turn();
    EXPECT_TRUE(hand.awards.empty()) << "the day is not over";
    hall.pass(1000);
    EXPECT_EQ(hall.name(hall.award(hand)), "B");
    EXPECT_EQ(hall.engine->ledger().budgets.at("b").used_at(hall.now), 0);
  }
}

TEST(Budgets, RaisingOrDeletingOneOpensIt) {
  for (bool deleted : {false, true}) {
    Hall hall;
    auto& hand = hall.hire({"echo"});
    BudgetRule rule{"", "default", "cost_usd", Period::total, 1'000'000, 0};
    ASSERT_TRUE(hall.engine->set_budget("b", rule, "me"));
    hall.submit("A", of("t"));
    finish(hall, hand, Outcome::succeeded, report(0, 1.5));
    hall.submit("B", of("t"));
    hall.turn();
    EXPECT_TRUE(hand.awards.empty());
    hall.pass(2 * day_ms / 1000);
    EXPECT_TRUE(hand.awards.empty()) << "a total has no end";
    rule.hard = 2'000'000;
    if (deleted)
      EXPECT_TRUE(hall.engine->delete_budget("b"));
    else
      EXPECT_TRUE(hall.engine->set_budget("b", rule, "me"));
    EXPECT_EQ(hall.name(hall.award(hand)), "B");
  }
}

TEST(Budgets, ADayBeginsWithWhatWasUsedAlready) {
  Hall hall;
  auto& hand = hall.hire({"echo"});
  hall.submit("A", of("t"));
  finish(hall, hand, Outcome::succeeded, report(3));
  ASSERT_TRUE(hall.engine->set_budget("day", {"t", "", "tokens", Period::day, 2'000'000, 0}, "me"));
  ASSERT_TRUE(hall.engine->set_budget("month", {"u", "", "tokens", Period::month, 2'000'000, 0}, "me"));
  EXPECT_EQ(hall.engine->ledger().budgets.at("day").used, 3'000'000);
  EXPECT_EQ(hall.engine->ledger().budgets.at("month").used, 0);
  hall.submit("B", of("t"));
  hall.turn();
  EXPECT_TRUE(hand.awards.empty());
}

TEST(Budgets, BadOnesAreNamed) {
  Hall hall;
  auto code = [&](const std::string& name, const BudgetRule& rule) {
    auto done = hall.engine->set_budget(name, rule, "me");
    return done ? std::string() : done.error().context;
  };
  EXPECT_EQ(code("", {"", "", "n", Period::day, 1, 0}), "name");
  EXPECT_EQ(code("b", {"", "", "", Period::day, 1, 0}), "unit");
  EXPECT_EQ(code("b", {"", "", "n", Period::day, 0, 0}), "hard");
  EXPECT_EQ(code("b", {"", "", "n", Period::day, 1, 2}), "soft");
  EXPECT_EQ(code("b", {"a*b", "", "n", Period::day, 1, 0}), "tenant");
  EXPECT_EQ(hall.engine->delete_budget("b").error().code, Code::not_found);
}

TEST(Budgets, MonthsAreThoseOfTheCalendar) {
  const Millis january = 30 * day_ms;  // 1970-01-31
  EXPECT_EQ(period_start(Period::month, january), 0);
  EXPECT_EQ(period_end(Period::month, january), 31 * day_ms);
  EXPECT_EQ(period_end(Period::month, 364 * day_ms), 365 * day_ms);
}

}  // namespace
}  // namespace hirehall::engine
