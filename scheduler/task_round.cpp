#include "scheduler/task_round.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"
#include "scheduler/matching.h"

namespace hirehall::scheduler {

void TaskRound::clear() {
  last_prices_.clear();
  for (const auto& column : columns_)
    if (column.price > 0) last_prices_.emplace(column.worker, column.price);
  tasks_.clear();
  rows_.clear();
  column_of_row_.clear();
  columns_.clear();
  column_of_worker_.clear();
  row_of_key_.clear();
  sum_ = {};
}

std::vector<TaskRound::Offered> TaskRound::offered(const std::vector<Seat>& seats) {
  std::vector<Offered> out;
  for (const auto& seat : seats) {
    if (seat.places == 0) continue;
    const auto [known, fresh] =
        column_of_worker_.emplace(seat.worker, static_cast<std::uint32_t>(columns_.size()));
    if (fresh) columns_.push_back({.worker = seat.worker, .held = seat.held, .places = 0, .rows = {}});
    auto& column = columns_[known->second];
    column.places = std::max(column.places, seat.places);
    const auto at = std::ranges::find(out, known->second, &Offered::column);
    if (at == out.end())
      out.push_back({known->second, seat.score});
    else
      at->score = std::max(at->score, seat.score);
  }
  return out;
}

bool TaskRound::admit(RoundTask task) {
  if (full()) return false;
  const auto row = static_cast<std::uint32_t>(tasks_.size());
  rows_.push_back(offered(task.seats));
  column_of_row_.push_back(none);
  std::vector<bool> seen(columns_.size(), false);
  if (!find_place(row, seen)) {
    rows_.pop_back();
    column_of_row_.pop_back();
    return false;
  }
  row_of_key_.emplace(task.key, row);
  tasks_.push_back(std::move(task));
  return true;
}

// A free place, or one whose task finds another.
bool TaskRound::find_place(std::uint32_t row, std::vector<bool>& seen) {
  for (const auto& offer : rows_[row]) {
    if (seen[offer.column]) continue;
    seen[offer.column] = true;
    auto& column = columns_[offer.column];
    if (column.rows.size() < column.places) {
      column.rows.push_back(row);
      column_of_row_[row] = offer.column;
      return true;
    }
    for (std::size_t i = 0; i < column.rows.size(); ++i) {
      if (!find_place(column.rows[i], seen)) continue;
      column.rows[i] = row;
      column_of_row_[row] = offer.column;
      return true;
    }
  }
  return false;
}

void TaskRound::solve() {
  match_all();
  even_out();
  find_prices();
  add_up();
  for (std::size_t row = 0; row < tasks_.size(); ++row)
    tasks_[row].matched = columns_[column_of_row_[row]].worker;
}

// Every task has a place that is worth more than all that scores can differ by, so none is left out for the
// sake of others.
void TaskRound::match_all() {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  std::int64_t most = std::numeric_limits<std::int64_t>::min();
  for (const auto& row : rows_)
    for (const auto& offer : row) least = std::min(least, offer.score), most = std::max(most, offer.score);
  if (tasks_.empty()) return;
  const auto rows = static_cast<std::uint64_t>(tasks_.size());
  auto range = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least);
  unsigned coarser = 0;
  for (; range >= static_cast<std::uint64_t>(offer_value_max) / (2 * (rows + 1)); range >>= 1) ++coarser;
  const auto placed = (range + 1) * rows;
  Round round;
  for (const auto& column : columns_) {
    round.capacity.push_back(column.places);
    const auto last = last_prices_.find(column.worker);
    round.prices.push_back(last == last_prices_.end() ? 0 : last->second >> coarser);
  }
  std::vector<Offer> offers;
  for (const auto& row : rows_) {
    offers.clear();
    for (const auto& offer : row) {
      const auto above = static_cast<std::uint64_t>(offer.score) - static_cast<std::uint64_t>(least);
      offers.push_back({offer.column, static_cast<std::int64_t>((above >> coarser) + placed)});
    }
    round.add_row(offers);
  }
  const auto matching = match(round);
  for (auto& column : columns_) column.rows.clear();
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    HH_CHECK(matching.column_of_row[row] != none, "whoever takes part in a round has a place");
    column_of_row_[row] = matching.column_of_row[row];
    columns_[column_of_row_[row]].rows.push_back(row);
  }
}

std::int64_t TaskRound::score_of(std::uint32_t row, std::uint32_t column) const {
  return std::ranges::find(rows_[row], column, &Offered::column)->score;
}

// Where a place elsewhere is worth the same to a task, the worker with less to do has it.
void TaskRound::even_out() {
  const auto load = [](const Column& column) { return column.held + column.rows.size(); };
  bool moved = true;
  for (std::size_t pass = 0; moved && pass < tasks_max; ++pass) {
    moved = false;
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      auto& from = columns_[column_of_row_[row]];
      const auto score = score_of(row, column_of_row_[row]);
      for (const auto& offer : rows_[row]) {
        auto& to = columns_[offer.column];
        if (offer.score != score || to.rows.size() >= to.places || load(to) + 1 >= load(from)) continue;
        std::erase(from.rows, row);
        to.rows.push_back(row);
        column_of_row_[row] = offer.column;
        moved = true;
        break;
      }
    }
  }
}

// The least prices at which nobody would rather have another place: one with room costs nothing.
void TaskRound::find_prices() {
  for (auto& column : columns_) column.price = 0;
  bool rose = true;
  for (std::size_t pass = 0; rose && pass <= columns_.size(); ++pass) {
    rose = false;
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      const auto own = column_of_row_[row];
      const auto gain = score_of(row, own) - columns_[own].price;
      for (const auto& offer : rows_[row]) {
        auto& column = columns_[offer.column];
        if (column.rows.size() < column.places || offer.score - column.price <= gain) continue;
        column.price = offer.score - gain;
        rose = true;
      }
    }
  }
}

void TaskRound::add_up() {
  sum_.tasks = static_cast<std::uint32_t>(tasks_.size());
  std::vector<std::uint32_t> left;
  for (const auto& column : columns_) {
    sum_.places += column.places;
    left.push_back(column.places);
  }
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    sum_.total += score_of(row, column_of_row_[row]);
    const Offered* best = nullptr;
    for (const auto& offer : rows_[row])
      if (left[offer.column] > 0 && (best == nullptr || offer.score > best->score)) best = &offer;
    if (best == nullptr) continue;
    --left[best->column];
    sum_.one_by_one += best->score;
    ++sum_.one_by_one_tasks;
  }
}

const RoundTask* TaskRound::find(std::uint64_t key) const {
  const auto at = row_of_key_.find(key);
  return at == row_of_key_.end() ? nullptr : &tasks_[at->second];
}

Micros TaskRound::slot_price(const RoundTask& task, WorkerNo worker) const {
  const auto at = column_of_worker_.find(worker);
  const auto price = at == column_of_worker_.end() ? 0 : columns_[at->second].price;
  return worker == task.matched ? price - matched_discount : price;
}

}  // namespace hirehall::scheduler
