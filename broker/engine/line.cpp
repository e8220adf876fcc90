#include "broker/engine/line.h"

#include <algorithm>

#include "common/check.h"

namespace hirehall::engine {

void Line::push_back(Entry entry, Millis deadline) {
  if (urgent) {
    auto sequence = entry.sequence;
    by_deadline.emplace(std::pair{deadline, sequence}, std::move(entry));
  } else if (has_pages() || !tail.empty()) {
    tail.push_back(std::move(entry));
  } else {
    head.push_back(std::move(entry));
  }
}

void Line::push_returned(Entry entry, Millis deadline) {
  if (urgent) return push_back(std::move(entry), deadline);
  auto at = std::lower_bound(returned.begin(), returned.end(), entry,
                             [](const Entry& a, const Entry& b) { return a.sequence > b.sequence; });
  returned.insert(at, std::move(entry));
}

Entry* Line::front(const Segments& segments) {
  if (urgent) {
    while (!by_deadline.empty() && segments.ended(by_deadline.begin()->first.second))
      by_deadline.erase(by_deadline.begin());
    return by_deadline.empty() ? nullptr : &by_deadline.begin()->second;
  }
  while (!returned.empty() && segments.ended(returned.back().sequence)) returned.pop_back();
  if (!returned.empty()) return &returned.back();
  while (!head.empty() && segments.ended(head.front().sequence)) head.pop_front();
  if (!head.empty()) return &head.front();
  if (has_pages() || tail.empty()) return nullptr;
  join_tail();
  return front(segments);
}

Entry Line::pop_front() {
  HH_CHECK(ready > 0, "a line counts what it holds");
  --ready;
  if (urgent) {
    auto entry = std::move(by_deadline.begin()->second);
    by_deadline.erase(by_deadline.begin());
    return entry;
  }
  if (!returned.empty()) {
    auto entry = std::move(returned.back());
    returned.pop_back();
    return entry;
  }
  return head.pop_front();
}

std::vector<const Entry*> Line::first(std::size_t most, const Segments& segments) const {
  std::vector<const Entry*> out;
  auto looks = 2 * most;  // ended ones are dropped when they come to the front
  const auto wanted = [&](const Entry& entry) {
    if (out.size() >= most || looks-- == 0) return false;
    if (segments.ended(entry.sequence)) return true;
    if (entry.chunk) out.push_back(&entry);
    return static_cast<bool>(entry.chunk);
  };
  bool more = true;
  for (auto at = by_deadline.begin(); more && at != by_deadline.end(); ++at) more = wanted(at->second);
  for (auto i = returned.size(); more && i > 0; --i) more = wanted(returned[i - 1]);
  for (std::size_t i = 0; more && i < head.size(); ++i) more = wanted(head.at(i));
  return out;
}

void Line::join_tail() {
  if (has_pages() || tail.empty()) return;
  if (head.empty()) {
    std::swap(head, tail);
    return;
  }
  for (std::size_t i = 0; i < tail.size(); ++i) head.push_back(std::move(tail.at(i)));
  tail.release();
}

// Mostly behind the others: what is young goes last.
void Line::stand(LineOrder& order, const LineOrder::key_type& key) {
  if (idle_place.empty()) {
    place = order.emplace_hint(order.end(), key, this);
  } else {
    idle_place.key() = key;
    idle_place.mapped() = this;
    place = order.insert(order.end(), std::move(idle_place));
  }
  HH_CHECK(place->second == this, "two lines have different fronts");
}

void Line::step_off(LineOrder& order) {
  idle_place = order.extract(place);
}

void Line::renew() {
  auto ring = std::move(head);
  auto node = std::move(idle_place);
  ring.clear();
  *this = {};
  head = std::move(ring);
  idle_place = std::move(node);
}

}  // namespace hirehall::engine
