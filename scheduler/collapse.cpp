#include "scheduler/collapse.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "common/check.h"

namespace hirehall::scheduler {

namespace {

using Edge = Collapsed::Edge;
using Classes = Collapsed::Classes;

// Lists of edges, one for each row or column.
struct Lists {
  std::vector<std::uint32_t> first{0};
  std::vector<Edge> edges;
  std::span<const Edge> of(std::uint32_t i) const {
    return {edges.data() + first[i], edges.data() + first[i + 1]};
  }
  std::uint32_t count() const { return static_cast<std::uint32_t>(first.size() - 1); }
};

std::uint64_t digest(std::span<const Edge> list) {
  std::uint64_t sum = list.size();
  for (const auto& edge : list) {
    sum = (sum ^ (std::uint64_t{edge.other} + 1)) * 0x9e3779b97f4a7c15;
    sum = (sum ^ (sum >> 29) ^ static_cast<std::uint64_t>(edge.value)) * 0xbf58476d1ce4e5b9;
  }
  return sum ^ (sum >> 32);
}

bool same(std::span<const Edge> a, std::span<const Edge> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Which lists are equal: the class of each, numbered by first appearance; none for empty lists if told so.
std::vector<std::uint32_t> classes_of(const Lists& lists, bool skip_empty, std::uint32_t& count) {
  const auto size = lists.count();
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(size);
  for (std::uint32_t i = 0; i < size; ++i)
    if (!skip_empty || !lists.of(i).empty()) order.emplace_back(digest(lists.of(i)), i);
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> head(size, none);  // the first member of each one's class
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && order[end].first == order[begin].first) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      const auto self = order[i].second;
      head[self] = self;
      // Different lists with one digest are rare; equal ones meet the first head they look at.
      for (std::size_t j = begin; j < i; ++j) {
        const auto other = order[j].second;
        if (head[other] != other || !same(lists.of(self), lists.of(other))) continue;
        head[self] = other;
        break;
      }
    }
    begin = end;
  }
  std::vector<std::uint32_t> number(size, none);
  count = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    if (head[i] == none) continue;
    if (head[i] == i)
      number[i] = count++;
    else
      number[i] = number[head[i]];
  }
  return number;
}

void list_members(const std::vector<std::uint32_t>& class_of, std::uint32_t count, Classes& out) {
  std::vector<std::uint32_t> size(count, 0);
  for (const auto c : class_of)
    if (c != none) ++size[c];
  out.first_member.assign(std::size_t{count} + 1, 0);
  std::partial_sum(size.begin(), size.end(), out.first_member.begin() + 1);
  out.members.resize(out.first_member.back());
  auto next = out.first_member;
  for (std::uint32_t i = 0; i < class_of.size(); ++i)
    if (class_of[i] != none) out.members[next[class_of[i]]++] = i;
}

Lists rows_of(const Round& round, std::int64_t& value_max) {
  Lists rows;
  rows.first.reserve(round.first.size());
  rows.edges.reserve(round.offers.size());
  for (std::size_t row = 0; row < round.rows(); ++row) {
    const auto begin = rows.edges.size();
    bool ordered = true;
    for (auto at = round.first[row]; at < round.first[row + 1]; ++at) {
      const auto& offer = round.offers[at];
      HH_CHECK(offer.column < round.capacity.size(), "an offer names a column that is in the round");
      if (offer.value <= 0 || round.capacity[offer.column] == 0) continue;
      const auto value = std::min(offer.value, offer_value_max);
      value_max = std::max(value_max, value);
      ordered = ordered && (rows.edges.size() == begin || rows.edges.back().other < offer.column);
      rows.edges.push_back({offer.column, value});
    }
    if (!ordered) {
      const auto from = rows.edges.begin() + static_cast<std::ptrdiff_t>(begin);
      std::sort(from, rows.edges.end(), [](const Edge& a, const Edge& b) {
        return a.other != b.other ? a.other < b.other : a.value > b.value;
      });
      rows.edges.erase(std::unique(from, rows.edges.end(),
                                   [](const Edge& a, const Edge& b) { return a.other == b.other; }),
                       rows.edges.end());
    }
    rows.first.push_back(static_cast<std::uint32_t>(rows.edges.size()));
  }
  return rows;
}

Lists turned(const Lists& lists, std::size_t others) {
  Lists out;
  out.first.assign(others + 1, 0);
  for (const auto& edge : lists.edges) ++out.first[edge.other + 1];
  std::partial_sum(out.first.begin(), out.first.end(), out.first.begin());
  out.edges.resize(lists.edges.size());
  auto next = out.first;
  for (std::uint32_t i = 0; i < lists.count(); ++i)
    for (const auto& edge : lists.of(i)) out.edges[next[edge.other]++] = {i, edge.value};
  return out;
}

// The list of the first member stands for each class.
Lists of_classes(const Lists& lists, const Classes& classes, std::uint32_t count) {
  Lists out;
  for (std::uint32_t c = 0; c < count; ++c) {
    const auto list = lists.of(classes.members[classes.first_member[c]]);
    out.edges.insert(out.edges.end(), list.begin(), list.end());
    out.first.push_back(static_cast<std::uint32_t>(out.edges.size()));
  }
  return out;
}

}  // namespace

Collapsed collapse(const Round& round) {
  Collapsed out;
  const auto rows = rows_of(round, out.value_max);
  std::uint32_t row_classes = 0;
  const auto class_of_row = classes_of(rows, false, row_classes);
  list_members(class_of_row, row_classes, out.rows);
  const auto columns = turned(of_classes(rows, out.rows, row_classes), round.capacity.size());
  std::uint32_t column_classes = 0;
  const auto class_of_column = classes_of(columns, true, column_classes);
  list_members(class_of_column, column_classes, out.columns);
  auto by_column = of_classes(columns, out.columns, column_classes);
  auto by_row = turned(by_column, row_classes);
  out.columns.edges = std::move(by_column.edges);
  out.columns.first_edge = std::move(by_column.first);
  out.rows.edges = std::move(by_row.edges);
  out.rows.first_edge = std::move(by_row.first);
  return out;
}

}  // namespace hirehall::scheduler
