// Many tasks against many workers in one round: the awards with the greatest total value.
//
// Solved as an auction (Bertsekas): rows bid for places of columns, prices rise by at least ε a bid, and ε
// falls in steps. Places that nobody wants in the end give up their prices (the reverse auction of Bertsekas
// and Castañón), so that rows and places may be of any number and any row may stay without. Values are
// integers and are scaled by more than the number of rows, so the last step, ε = 1, is exact: no other
// matching on the given offers has a greater total. Rows with the same offers and columns that are offered
// the same are collapsed into classes first. Pure and deterministic.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

inline constexpr std::int64_t offer_value_max = std::int64_t{1} << 40;
inline constexpr std::size_t round_rows_max = std::size_t{1} << 18;

struct Offer {
  std::uint32_t column = 0;
  std::int64_t value = 0;  // of this row's award to this column; at or below 0 the row rather waits
};

// Row i's offers are offers[first[i]] … offers[first[i + 1] - 1]; any order. Of several for one column the
// greatest counts.
struct Round {
  std::vector<std::uint32_t> first{0};
  std::vector<Offer> offers;
  std::vector<std::uint32_t> capacity;  // places of each column; 0: none
  // What places cost at the end of the last round, by column, or empty. Good prices save time and change
  // neither the total nor that it is the greatest.
  std::vector<std::int64_t> prices;

  void add_row(const std::vector<Offer>& row);
  std::size_t rows() const { return first.size() - 1; }
};

struct Matching {
  std::vector<std::uint32_t> column_of_row;  // none: the row waits
  std::vector<std::int64_t> prices;          // of one more place of each column, rounded down: its scarcity
  std::int64_t total = 0;
  std::uint64_t bids = 0;  // effort
  std::uint32_t row_classes = 0, column_classes = 0;
};

// A value beyond offer_value_max is cut to it; more than round_rows_max rows are a bug of the caller.
Matching match(const Round& round);

}  // namespace hirehall::scheduler
