// An exact solver of the assignment problem, for comparison: shortest augmenting paths with column reduction
// (Jonker and Volgenant 1987), on a dense matrix. Slow and sure; it shares nothing with the auction.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler/matching.h"

namespace hirehall::scheduler {

// Least cost of giving each row a column of its own. At least as many columns as rows.
class JonkerVolgenant {
 public:
  explicit JonkerVolgenant(std::vector<std::vector<std::int64_t>> cost)
      : cost_(std::move(cost)), rows_(cost_.size()), columns_(rows_ == 0 ? 0 : cost_[0].size()) {}

  std::int64_t solve() {
    row_of_.assign(columns_, free);
    column_of_.assign(rows_, free);
    height_.assign(columns_, 0);
    if (rows_ == columns_) reduce_columns();  // prices of columns that stay free must be 0
    for (std::size_t row = 0; row < rows_; ++row)
      if (column_of_[row] == free) augment(row);
    std::int64_t total = 0;
    for (std::size_t row = 0; row < rows_; ++row) total += cost_[row][column_of_[row]];
    return total;
  }

 private:
  static constexpr std::size_t free = ~std::size_t{0};

  void reduce_columns() {
    for (std::size_t j = columns_; j-- > 0;) {
      std::size_t least = 0;
      for (std::size_t i = 1; i < rows_; ++i)
        if (cost_[i][j] < cost_[least][j]) least = i;
      height_[j] = cost_[least][j];
      if (column_of_[least] != free) continue;
      column_of_[least] = j;
      row_of_[j] = least;
    }
  }

  void augment(std::size_t start) {
    std::vector<std::int64_t> distance(columns_);
    std::vector<std::size_t> from(columns_, start);
    std::vector<bool> done(columns_, false);
    for (std::size_t j = 0; j < columns_; ++j) distance[j] = cost_[start][j] - height_[j];
    std::size_t sink = free;
    std::int64_t reach = 0;
    std::vector<std::size_t> scanned;
    while (sink == free) {
      std::size_t next = free;
      for (std::size_t j = 0; j < columns_; ++j)
        if (!done[j] && (next == free || distance[j] < distance[next])) next = j;
      reach = distance[next];
      done[next] = true;
      if (row_of_[next] == free) {
        sink = next;
        break;
      }
      scanned.push_back(next);
      const std::size_t row = row_of_[next];
      const std::int64_t base = reach - (cost_[row][next] - height_[next]);
      for (std::size_t j = 0; j < columns_; ++j) {
        const auto length = base + cost_[row][j] - height_[j];
        if (!done[j] && length < distance[j]) distance[j] = length, from[j] = row;
      }
    }
    for (const auto j : scanned) height_[j] += distance[j] - reach;
    for (std::size_t j = sink;;) {
      const std::size_t row = from[j];
      row_of_[j] = row;
      std::swap(column_of_[row], j);
      if (row == start) break;
    }
  }

  std::vector<std::vector<std::int64_t>> cost_;
  std::size_t rows_, columns_;
  std::vector<std::size_t> row_of_, column_of_;
  std::vector<std::int64_t> height_;
};

// The greatest total of a round: one column for each place, and one for each row to wait in at no value.
inline std::int64_t exact_total(const Round& round) {
  std::vector<std::size_t> first_place(round.capacity.size() + 1, 0);
  for (std::size_t c = 0; c < round.capacity.size(); ++c)
    first_place[c + 1] = first_place[c] + std::min<std::size_t>(round.capacity[c], round.rows());
  const auto places = first_place.back();
  constexpr std::int64_t never = offer_value_max * 4;
  std::vector<std::vector<std::int64_t>> cost(round.rows(),
                                              std::vector<std::int64_t>(places + round.rows(), never));
  for (std::size_t row = 0; row < round.rows(); ++row) {
    for (auto at = round.first[row]; at < round.first[row + 1]; ++at)
      for (auto place = first_place[round.offers[at].column];
           place < first_place[round.offers[at].column + 1]; ++place)
        cost[row][place] = std::min(cost[row][place], -round.offers[at].value);
    cost[row][places + row] = 0;
  }
  return -JonkerVolgenant(std::move(cost)).solve();
}

}  // namespace hirehall::scheduler
