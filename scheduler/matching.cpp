#include "scheduler/matching.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"
#include "scheduler/collapse.h"

namespace hirehall::scheduler {

namespace {

constexpr std::int64_t beyond = std::numeric_limits<std::int64_t>::max() / 4;
constexpr std::uint32_t waiting = none - 1;

// Interchangeable units by class, those with the least level first: rows by profit, places by price.
struct Side {
  std::vector<std::uint32_t> first{0};  // units of class k: first[k] … first[k + 1] - 1
  std::vector<std::uint32_t> class_of, partner, heap;
  std::vector<std::int64_t> level;

  void add_class(std::size_t units, std::int64_t at) {
    const auto number = static_cast<std::uint32_t>(first.size() - 1);
    class_of.insert(class_of.end(), units, number);
    level.insert(level.end(), units, at);
    partner.insert(partner.end(), units, none);
    while (heap.size() < class_of.size()) heap.push_back(static_cast<std::uint32_t>(heap.size()));
    first.push_back(static_cast<std::uint32_t>(class_of.size()));
  }
  std::uint32_t units(std::uint32_t k) const { return first[k + 1] - first[k]; }
  bool before(std::uint32_t a, std::uint32_t b) const {
    return level[a] != level[b] ? level[a] < level[b] : a < b;
  }
  std::uint32_t least(std::uint32_t k) const { return heap[first[k]]; }
  std::int64_t second_level(std::uint32_t k) const {
    const auto* top = heap.data() + first[k];
    const auto size = units(k);
    if (size < 2) return beyond;
    return size == 2 ? level[top[1]] : std::min(level[top[1]], level[top[2]]);
  }
  void sink(std::uint32_t k, std::uint32_t at) {
    auto* row = heap.data() + first[k];
    const auto size = units(k);
    const auto unit = row[at];
    for (;;) {
      auto child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(row[child + 1], row[child])) ++child;
      if (!before(row[child], unit)) break;
      row[at] = row[child];
      at = child;
    }
    row[at] = unit;
  }
  void order() {
    for (std::uint32_t k = 0; k + 1 < first.size(); ++k)
      for (auto at = units(k) / 2; at-- > 0;) sink(k, at);
  }
  void raise_least(std::uint32_t k, std::int64_t to) {
    level[least(k)] = to;
    sink(k, 0);
  }
};

struct Best {
  std::uint32_t other = none;
  std::int64_t value = 0, first = 0, second = 0;
};

class Auction {
 public:
  Auction(const Round& round, const Collapsed& classes) : classes_(classes) {
    scale_ = static_cast<std::int64_t>(round.rows()) + 1;
    for (std::uint32_t r = 0; r < classes.rows.count(); ++r)
      rows_.add_class(classes.rows.first_member[r + 1] - classes.rows.first_member[r], 0);
    for (std::uint32_t c = 0; c < classes.columns.count(); ++c) add_places(round, c);
    // Scaled once: the loops below compare nothing else.
    offers_ = classes.rows.edges;
    demands_ = classes.columns.edges;
    for (auto* edges : {&offers_, &demands_})
      for (auto& edge : *edges) edge.value *= scale_;
    warm_ = !round.prices.empty();
  }

  void solve() {
    // Prices of a round that was quite another one lead to a long war with small steps: then begin anew.
    if (warm_) budget_ = bids_ + warm_bids_per_row * rows_.class_of.size();
    if (warm_ && fall(scale_)) return;
    if (warm_) std::fill(places_.level.begin(), places_.level.end(), 0);
    budget_ = std::numeric_limits<std::uint64_t>::max();
    fall(std::max<std::int64_t>(1, classes_.value_max * scale_ / first_step));
  }

  Matching result(const Round& round) const {
    Matching out;
    out.bids = bids_;
    out.row_classes = classes_.rows.count();
    out.column_classes = classes_.columns.count();
    out.column_of_row.assign(round.rows(), none);
    out.prices.assign(round.capacity.size(), 0);
    for (std::uint32_t c = 0; c < classes_.columns.count(); ++c) settle(round, c, out);
    return out;
  }

 private:
  // Found by measurement on 1,000 x 1,000 with 8 … 64 candidates.
  static constexpr std::int64_t first_step = 16, step_divisor = 6;
  static constexpr std::uint64_t warm_bids_per_row = 16;

  // False when the budget of bids was spent before the end.
  bool fall(std::int64_t step) {
    for (;;) {
      forward(step);
      reverse(step);
      if (bids_ >= budget_) return false;
      if (step == 1) return true;
      step = std::max<std::int64_t>(1, step / step_divisor);
    }
  }

  void add_places(const Round& round, std::uint32_t c) {
    std::uint64_t places = 0;
    std::int64_t price = offer_value_max;
    for (auto at = classes_.columns.first_member[c]; at < classes_.columns.first_member[c + 1]; ++at) {
      const auto column = classes_.columns.members[at];
      places += round.capacity[column];
      if (!round.prices.empty())
        price = std::min(price, std::clamp<std::int64_t>(round.prices[column], 0, offer_value_max));
    }
    std::uint64_t bidders = 0;
    for (auto at = classes_.columns.first_edge[c]; at < classes_.columns.first_edge[c + 1]; ++at)
      bidders += rows_.units(classes_.columns.edges[at].other);
    if (round.prices.empty()) price = 0;
    places_.add_class(static_cast<std::size_t>(std::min(places, bidders)), price * scale_);
  }

  static void consider(Best& best, std::uint32_t other, std::int64_t value, std::int64_t level) {
    const auto gain = value - level;
    if (gain > best.first) {
      best.second = best.first;
      best.first = gain;
      best.other = other;
      best.value = value;
    } else if (gain > best.second) {
      best.second = gain;
    }
  }

  // All rows bid until each has a place or would rather wait. Staying without is worth 0 to a row.
  void forward(std::int64_t step) {
    places_.order();
    std::fill(places_.partner.begin(), places_.partner.end(), none);
    low_.resize(places_.first.size() - 1);
    for (std::uint32_t c = 0; c < low_.size(); ++c) low_[c] = places_.level[places_.least(c)];
    queue_.clear();
    for (auto row = static_cast<std::uint32_t>(rows_.class_of.size()); row-- > 0;) queue_.push_back(row);
    while (!queue_.empty() && bids_ < budget_) {
      const auto row = queue_.back();
      queue_.pop_back();
      bid(row, step);
    }
  }

  void bid(std::uint32_t row, std::int64_t step) {
    ++bids_;
    Best best;
    const auto r = rows_.class_of[row];
    const auto* edge = offers_.data() + classes_.rows.first_edge[r];
    const auto* end = offers_.data() + classes_.rows.first_edge[r + 1];
    for (; edge != end; ++edge) consider(best, edge->other, edge->value, low_[edge->other]);
    if (best.other == none) {
      rows_.partner[row] = waiting;
      rows_.level[row] = 0;
      return;
    }
    const auto c = best.other;
    best.second = std::max(best.second, best.value - places_.second_level(c));
    const auto place = places_.least(c);
    if (const auto loser = std::exchange(places_.partner[place], row); loser != none) queue_.push_back(loser);
    rows_.partner[row] = place;
    rows_.level[row] = best.second - step;
    places_.raise_least(c, places_.level[place] + best.first - best.second + step);
    low_[c] = places_.level[places_.least(c)];
  }

  // Places that are free and have a price lower it until some row prefers them or it is 0.
  void reverse(std::int64_t step) {
    if (bids_ >= budget_) return;
    queue_.clear();
    for (std::uint32_t place = 0; place < places_.level.size(); ++place)
      if (places_.partner[place] == none && places_.level[place] > 0) queue_.push_back(place);
    if (queue_.empty()) return;
    rows_.order();
    while (!queue_.empty() && bids_ < budget_) {
      const auto place = queue_.back();
      queue_.pop_back();
      court(place, step);
    }
  }

  void court(std::uint32_t place, std::int64_t step) {
    ++bids_;
    Best best;
    best.first = step;
    best.second = 0;
    const auto c = places_.class_of[place];
    const auto* edge = demands_.data() + classes_.columns.first_edge[c];
    const auto* end = demands_.data() + classes_.columns.first_edge[c + 1];
    for (; edge != end; ++edge)
      consider(best, edge->other, edge->value, rows_.level[rows_.least(edge->other)]);
    if (best.other == none) {
      places_.level[place] = 0;
      return;
    }
    const auto r = best.other;
    best.second = std::max(best.second, best.value - rows_.second_level(r));
    const auto row = rows_.least(r);
    const auto price = std::max<std::int64_t>(0, best.second - step);
    const auto left = std::exchange(rows_.partner[row], place);
    places_.partner[place] = row;
    places_.level[place] = price;
    rows_.raise_least(r, best.value - price);
    if (left == waiting) return;
    places_.partner[left] = none;
    if (places_.level[left] > 0) queue_.push_back(left);
  }

  // The places of a class go to its columns in turn, so that equal columns share the rows evenly.
  void settle(const Round& round, std::uint32_t c, Matching& out) const {
    const auto begin = classes_.columns.first_member[c], end = classes_.columns.first_member[c + 1];
    std::vector<std::pair<std::uint32_t, std::uint32_t>> open;  // column, places left
    for (auto at = begin; at < end; ++at)
      open.emplace_back(classes_.columns.members[at], round.capacity[classes_.columns.members[at]]);
    // Rows in ascending order, whatever the order of their bids was.
    std::vector<std::uint32_t> won;
    std::int64_t least = beyond;
    for (auto place = places_.first[c]; place < places_.first[c + 1]; ++place) {
      least = std::min(least, places_.level[place]);
      const auto unit = places_.partner[place];
      if (unit != none) won.push_back(unit);
    }
    std::sort(won.begin(), won.end());
    std::size_t at = 0;
    for (const auto unit : won) {
      while (open[at % open.size()].second == 0) ++at;
      auto& [column, left] = open[at++ % open.size()];
      --left;
      out.column_of_row[classes_.rows.members[unit]] = column;
      out.total += value_of(rows_.class_of[unit], c);
    }
    // A class with more places than bidders has a place to spare.
    std::uint64_t places = 0;
    for (auto i = begin; i < end; ++i) places += round.capacity[classes_.columns.members[i]];
    if (places > places_.units(c)) least = 0;
    for (auto i = begin; i < end; ++i) out.prices[classes_.columns.members[i]] = least / scale_;
  }

  std::int64_t value_of(std::uint32_t r, std::uint32_t c) const {
    const auto begin = classes_.rows.edges.begin() + classes_.rows.first_edge[r];
    const auto end = classes_.rows.edges.begin() + classes_.rows.first_edge[r + 1];
    const auto found =
        std::lower_bound(begin, end, c, [](const auto& edge, std::uint32_t to) { return edge.other < to; });
    HH_CHECK(found != end && found->other == c, "a matched pair has an offer");
    return found->value;
  }

  const Collapsed& classes_;
  std::vector<Collapsed::Edge> offers_, demands_;
  Side rows_, places_;
  std::vector<std::int64_t> low_;  // the least price of each class of columns
  std::vector<std::uint32_t> queue_;
  std::int64_t scale_ = 1;
  std::uint64_t bids_ = 0, budget_ = 0;
  bool warm_ = false;
};

}  // namespace

void Round::add_row(const std::vector<Offer>& row) {
  offers.insert(offers.end(), row.begin(), row.end());
  first.push_back(static_cast<std::uint32_t>(offers.size()));
}

Matching match(const Round& round) {
  HH_CHECK(round.rows() <= round_rows_max, "a round has a bounded number of rows");
  HH_CHECK(round.prices.empty() || round.prices.size() == round.capacity.size(),
           "a price for each column or none at all");
  const auto classes = collapse(round);
  Auction auction(round, classes);
  auction.solve();
  return auction.result(round);
}

}  // namespace hirehall::scheduler
