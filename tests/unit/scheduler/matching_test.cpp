// Rounds of many tasks and many workers: no other matching has a greater total.
#include "scheduler/matching.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "tests/unit/scheduler/exact.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Round round_of(const std::vector<std::vector<Offer>>& rows, std::vector<std::uint32_t> capacity) {
  Round round;
  for (const auto& row : rows) round.add_row(row);
  round.capacity = std::move(capacity);
  return round;
}

// What must hold for every matching; gives the total of the pairs that were made.
void expect_sound(const Round& round, const Matching& made) {
  ASSERT_EQ(made.column_of_row.size(), round.rows());
  ASSERT_EQ(made.prices.size(), round.capacity.size());
  std::vector<std::uint32_t> used(round.capacity.size(), 0);
  std::int64_t total = 0;
  for (std::size_t row = 0; row < round.rows(); ++row) {
    const auto column = made.column_of_row[row];
    if (column == none) continue;
    ASSERT_LT(column, used.size());
    ++used[column];
    std::int64_t value = 0;
    for (auto at = round.first[row]; at < round.first[row + 1]; ++at)
      if (round.offers[at].column == column) value = std::max(value, round.offers[at].value);
    EXPECT_GT(value, 0) << "row " << row << " was given what it was not offered";
    total += value;
  }
  for (std::size_t c = 0; c < used.size(); ++c) {
    EXPECT_LE(used[c], round.capacity[c]);
    EXPECT_GE(made.prices[c], 0);
    if (used[c] == round.capacity[c]) continue;
    EXPECT_EQ(made.prices[c], 0) << "a free place has a price";
  }
  EXPECT_EQ(total, made.total);
}

void expect_best(const Round& round) {
  const auto made = match(round);
  expect_sound(round, made);
  EXPECT_EQ(made.total, exact_total(round));
}

TEST(Matching, NoRowsAndNoColumns) {
  EXPECT_EQ(match({}).total, 0);
  expect_best(round_of({{}, {}}, {}));
  expect_best(round_of({}, {1, 2}));
  expect_best(round_of({{}, {}}, {1, 2}));
}

TEST(Matching, TheBestTotalIsNotTheBestOfEach) {
  const auto round = round_of({{{0, 10}, {1, 9}}, {{0, 9}, {1, 1}}}, {1, 1});
  const auto made = match(round);
  EXPECT_EQ(made.column_of_row, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_EQ(made.total, 18);
}

TEST(Matching, ARowWithoutAGoodOfferWaits) {
  const auto made = match(round_of({{{0, 0}}, {{0, -5}}, {{0, 3}}, {{0, 2}}}, {1}));
  EXPECT_EQ(made.column_of_row, (std::vector<std::uint32_t>{none, none, 0, none}));
  EXPECT_GE(made.prices[0], 2);  // what keeps the runner-up away
  EXPECT_LE(made.prices[0], 3);
}

TEST(Matching, AWorkerWithoutPlacesGetsNothing) {
  const auto made = match(round_of({{{0, 9}, {1, 1}}}, {0, 1}));
  EXPECT_EQ(made.column_of_row, std::vector<std::uint32_t>{1});
  EXPECT_EQ(match(round_of({{{0, 9}}}, {0})).column_of_row, std::vector<std::uint32_t>{none});
}

TEST(Matching, OfTwoOffersToOneColumnTheGreaterCounts) {
  expect_best(round_of({{{0, 3}, {0, 8}, {1, 7}}, {{1, 5}, {0, 1}}}, {1, 1}));
}

TEST(Matching, EqualColumnsShareEvenly) {
  const auto made = match(round_of(std::vector<std::vector<Offer>>(6, {{0, 5}, {1, 5}, {2, 5}}), {9, 9, 9}));
  for (const std::uint32_t column : {0u, 1u, 2u})
    EXPECT_EQ(std::count(made.column_of_row.begin(), made.column_of_row.end(), column), 2);
  EXPECT_EQ(made.row_classes, 1u);
  EXPECT_EQ(made.column_classes, 1u);
}

TEST(Matching, AllEqualRoundsCostFewBids) {
  for (const std::uint32_t columns : {900u, 1000u, 1100u}) {
    Round round;
    std::vector<Offer> row;
    row.reserve(columns);
    for (std::uint32_t c = 0; c < columns; ++c) row.push_back({c, 1000});
    for (int i = 0; i < 1000; ++i) round.add_row(row);
    round.capacity.assign(columns, 1);
    const auto made = match(round);
    expect_sound(round, made);
    EXPECT_EQ(made.total, 1000 * std::min(columns, 1000u));
    EXPECT_LT(made.bids, 60000u);
  }
}

TEST(Matching, AValueBeyondTheGreatestIsCut) {
  const auto made = match(round_of({{{0, std::numeric_limits<std::int64_t>::max()}}}, {1}));
  EXPECT_EQ(made.total, offer_value_max);
}

TEST(Matching, PricesOfTheLastRoundSaveBids) {
  Chance chance(5);
  Round round;
  for (int i = 0; i < 300; ++i) {
    std::vector<Offer> row;
    row.reserve(16);
    for (int k = 0; k < 16; ++k) row.push_back({chance.below(300), 1 + chance.below(1000000)});
    round.add_row(row);
  }
  round.capacity.assign(300, 1);
  const auto cold = match(round);
  round.prices = cold.prices;
  const auto warm = match(round);
  EXPECT_EQ(warm.total, cold.total);
  EXPECT_LT(warm.bids, cold.bids / 2);
}

TEST(Matching, TheSameRoundIsMatchedTheSameWay) {
  Chance chance(6);
  Round round;
  for (int i = 0; i < 50; ++i) round.add_row({{chance.below(20), chance.below(9)}, {chance.below(20), 4}});
  round.capacity.assign(20, 2);
  EXPECT_EQ(match(round).column_of_row, match(round).column_of_row);
}

// Families of values that are hard for auctions: ties, price wars, few distinct values, gaps of one.
using Values = std::function<std::int64_t(Chance&, std::uint32_t row, std::uint32_t column)>;
const std::vector<Values>& families() {
  static const std::vector<Values> all = {
      [](Chance& chance, auto, auto) { return std::int64_t{chance.below(1000000)} - 1000; },
      [](Chance&, auto, auto) { return std::int64_t{7}; },
      [](Chance& chance, auto, auto) { return std::int64_t{chance.below(3)}; },
      [](Chance&, std::uint32_t i, std::uint32_t j) { return std::int64_t{i + 1} * (j + 1); },
      [](Chance&, std::uint32_t i, std::uint32_t j) { return std::int64_t{1000} - i - j; },
      [](Chance& chance, auto, auto) { return 1000000 + std::int64_t{chance.below(2)}; },
      [](Chance& chance, auto, auto) { return offer_value_max - chance.below(5); },
      [](Chance& chance, std::uint32_t i, std::uint32_t j) {
        return std::int64_t{1} << ((i * 3 + j * 5 + chance.below(2)) % 40);
      },
      [](Chance&, std::uint32_t i, std::uint32_t j) { return std::int64_t{i % 3 * 100} + (j % 2) * 37; },
      [](Chance& chance, std::uint32_t i, std::uint32_t j) {
        return i == j ? std::int64_t{5} : std::int64_t{chance.below(2)} * 6;
      },
  };
  return all;
}

Round random_round(Chance& chance) {
  const auto& value = families()[chance.below(static_cast<std::uint32_t>(families().size()))];
  const auto rows = chance.below(13), columns = chance.below(13), keep = 1 + chance.below(4);
  Round round;
  for (std::uint32_t c = 0; c < columns; ++c)
    round.capacity.push_back(chance.one_in(3) ? chance.below(4) : 1);
  for (std::uint32_t i = 0; i < rows; ++i) {
    std::vector<Offer> row;
    for (std::uint32_t c = 0; c < columns; ++c)
      if (chance.below(4) < keep) row.push_back({c, value(chance, i, c)});
    round.add_row(row);
  }
  if (chance.one_in(3))
    for (std::uint32_t c = 0; c < columns; ++c)
      round.prices.push_back(chance.one_in(4) ? offer_value_max : chance.below(2000));
  return round;
}

TEST(Matching, NoOtherMatchingIsBetterInTwentyThousandRounds) {
  Chance chance(seed_of_run(20261121));
  for (int i = 0; i < 20000; ++i) {
    const auto round = random_round(chance);
    expect_best(round);
    if (HasFailure()) FAIL() << "round " << i;
  }
}

TEST(Matching, NoOtherMatchingIsBetterInLargerRounds) {
  Chance chance(seed_of_run(77));
  for (int i = 0; i < 40; ++i) {
    Round round;
    const auto rows = 40 + chance.below(60), columns = 20 + chance.below(60);
    const auto& value = families()[chance.below(static_cast<std::uint32_t>(families().size()))];
    for (std::uint32_t r = 0; r < rows; ++r) {
      std::vector<Offer> row;
      for (int k = 0; k < 12; ++k) {
        const auto column = chance.below(columns);
        row.push_back({column, value(chance, r, column)});
      }
      round.add_row(row);
    }
    for (std::uint32_t c = 0; c < columns; ++c) round.capacity.push_back(1 + chance.below(2));
    expect_best(round);
    if (HasFailure()) FAIL() << "round " << i;
  }
}

}  // namespace
}  // namespace hirehall::scheduler
