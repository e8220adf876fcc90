#include "scheduler/task_round.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"
#include "scheduler/matching.h"

namespace hirehall::scheduler {

void TaskRound::clear() {
  if (!columns_.empty()) last_prices_.clear();
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
    if (fresh)
      columns_.push_back({.worker = seat.worker,
                          .held = seat.held,
                          .slots = std::max(1u, seat.slots),
                          .places = seat.places,
                          .rows = {}});
    auto& column = columns_[known->second];
    // What asks for resources, or for an agent that runs in few instances, has fewer of its places.
    column.places =
        std::max(std::min(column.places, seat.places), static_cast<std::uint32_t>(column.rows.size()));
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
  if (tasks_.empty()) return;
  least_ = std::numeric_limits<std::int64_t>::max();
  most_ = std::numeric_limits<std::int64_t>::min();
  for (const auto& row : rows_)
    for (const auto& offer : row)
      least_ = std::min(least_, offer.score), most_ = std::max(most_, offer.score);
  const auto rows = static_cast<std::uint64_t>(tasks_.size());
  auto range = static_cast<std::uint64_t>(most_) - static_cast<std::uint64_t>(least_);
  unsigned coarser = 0;
  for (; range >= static_cast<std::uint64_t>(offer_value_max) / (2 * (rows + 1)); range >>= 1) ++coarser;
  const auto placed = (range + 1) * rows;
  Round round;
  for (const auto& column : columns_) {
    round.capacity.push_back(column.places);
    if (last_prices_.empty()) continue;
    const auto last = last_prices_.find(column.worker);
    round.prices.push_back(last == last_prices_.end() ? 0 : last->second >> coarser);
  }
  std::vector<Offer> offers;
  for (const auto& row : rows_) {
    offers.clear();
    for (const auto& offer : row) {
      const auto above = static_cast<std::uint64_t>(offer.score) - static_cast<std::uint64_t>(least_);
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

// Where a place elsewhere is worth the same to a task, the worker with the lesser load has it.
void TaskRound::even_out() {
  const auto load = [](const Column& column, std::uint64_t more) {
    return (column.held + column.rows.size() + more) * load_one / column.slots;
  };
  bool moved = true;
  for (std::size_t pass = 0; moved && pass < tasks_max; ++pass) {
    moved = false;
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      auto& from = columns_[column_of_row_[row]];
      const auto score = score_of(row, column_of_row_[row]);
      for (const auto& offer : rows_[row]) {
        auto& to = columns_[offer.column];
        if (offer.score != score || to.rows.size() >= to.places || load(to, 1) >= load(from, 0)) continue;
        std::erase(from.rows, row);
        to.rows.push_back(row);
        column_of_row_[row] = offer.column;
        moved = true;
        break;
      }
    }
  }
}

// Between the least and the greatest prices at which nobody would rather have another place. Both keep all
// differences that this takes, and so does their middle.
void TaskRound::find_prices() {
  const auto low = least_prices(), high = greatest_prices(anchor(low));
  for (std::size_t c = 0; c < columns_.size(); ++c) columns_[c].price = (low[c] + high[c]) / 2;
}

// Where no place is left only differences of prices count: those to a column that costs nothing at least, and
// whose tasks could go elsewhere. none: places are left, and these cost nothing.
std::uint32_t TaskRound::anchor(const std::vector<std::int64_t>& low) const {
  std::uint32_t found = none;
  for (std::uint32_t c = 0; c < columns_.size(); ++c) {
    const auto& column = columns_[c];
    if (column.rows.size() < column.places) return none;
    if (low[c] != 0) continue;
    const bool can_leave =
        std::ranges::any_of(column.rows, [&](std::uint32_t row) { return rows_[row].size() > 1; });
    if (can_leave) return c;
    if (found == none) found = c;
  }
  return found;
}

// What the others lose at least by a place: nothing where one is left.
std::vector<std::int64_t> TaskRound::least_prices() const {
  std::vector<std::int64_t> prices(columns_.size(), 0);
  bool rose = true;
  for (std::size_t pass = 0; rose && pass <= columns_.size(); ++pass) {
    rose = false;
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      const auto own = column_of_row_[row];
      const auto gain = score_of(row, own) - prices[own];
      for (const auto& offer : rows_[row]) {
        const auto& column = columns_[offer.column];
        if (column.rows.size() < column.places || offer.score - prices[offer.column] <= gain) continue;
        prices[offer.column] = offer.score - gain;
        rose = true;
      }
    }
  }
  return prices;
}

// The most that those who have the places would give for them. Who has no other place to go gives more than
// all that scores differ by.
std::vector<std::int64_t> TaskRound::greatest_prices(std::uint32_t anchor) const {
  const auto dearest = most_ - least_ + micros_per_unit;
  std::vector<std::int64_t> prices;
  for (const auto& column : columns_) prices.push_back(column.rows.size() < column.places ? 0 : dearest);
  if (anchor != none) prices[anchor] = 0;
  bool fell = true;
  for (std::size_t pass = 0; fell && pass <= columns_.size(); ++pass) {
    fell = false;
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      const auto own = column_of_row_[row];
      const auto score = score_of(row, own);
      for (const auto& offer : rows_[row]) {
        const auto most = score - (offer.score - prices[offer.column]);
        if (offer.column == own || prices[own] <= most) continue;
        prices[own] = std::max<std::int64_t>(0, most);
        fell = true;
      }
    }
  }
  return prices;
}

void TaskRound::add_up() {
  sum_.tasks = static_cast<std::uint32_t>(tasks_.size());
  std::vector<std::uint32_t> left(columns_.size(), 0);
  for (const auto& row : rows_)
    for (const auto& offer : row) left[offer.column] = columns_[offer.column].places;
  for (const auto places : left) sum_.places += places;
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
