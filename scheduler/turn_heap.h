// A heap whose entries know where they are: least (key, tie) first, any entry can be moved or taken out.
// Four children to a node: an entry is 16 bytes, so the children of a node lie in one or two cache lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hirehall::scheduler {

class TurnHeap {
 public:
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t tie = 0;  // makes the order total
    std::uint32_t id = 0;   // index into the table of positions
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.key != b.key ? a.key < b.key : a.tie < b.tie;
    }
  };
  // Position of each id in its heap. Several heaps may share one table when an id is in one heap at a time.
  using Places = std::vector<std::uint32_t>;

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  const Entry& top() const { return entries_.front(); }
  const Entry& at(std::size_t i) const { return entries_[i]; }  // in no order that means anything

  // The next after the top; the heap has at least two entries.
  const Entry& second() const {
    auto first = entries_.begin() + 1;
    return *std::min_element(first, first + std::min<std::ptrdiff_t>(4, entries_.end() - first));
  }

  // The first that is not to be left out, or nothing. Looks below those only that are left out.
  template <typename LeaveOut>
  const Entry* first_but(const LeaveOut& leave_out, std::size_t at = 0) const {
    if (at >= entries_.size()) return nullptr;
    if (!leave_out(entries_[at].id)) return &entries_[at];
    const Entry* best = nullptr;
    for (std::size_t child = at * fan + 1; child <= at * fan + fan; ++child) {
      const auto* found = first_but(leave_out, child);
      if (found != nullptr && (best == nullptr || *found < *best)) best = found;
    }
    return best;
  }

  void insert(Places& places, Entry entry) {
    entries_.push_back(entry);
    up(places, entries_.size() - 1, entry);
  }
  void remove(Places& places, std::uint32_t id) {
    const std::size_t at = places[id];
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at < entries_.size()) settle(places, at, last);
  }
  void change_key(Places& places, std::uint32_t id, std::uint64_t key) {
    const std::size_t at = places[id];
    Entry entry = entries_[at];
    entry.key = key;
    settle(places, at, entry);
  }
  // Lowers all keys by the same step, not below 0.
  void shift(Places& places, std::uint64_t step) {
    for (auto& entry : entries_) entry.key -= std::min(entry.key, step);
    // A sorted row is a heap; keys that met at 0 are ordered by their ties now.
    std::sort(entries_.begin(), entries_.end());
    for (std::size_t i = 0; i < entries_.size(); ++i) places[entries_[i].id] = static_cast<std::uint32_t>(i);
  }

 private:
  static constexpr std::size_t fan = 4;

  void put(Places& places, std::size_t at, const Entry& entry) {
    entries_[at] = entry;
    places[entry.id] = static_cast<std::uint32_t>(at);
  }
  void settle(Places& places, std::size_t at, const Entry& entry) {
    if (at > 0 && entry < entries_[(at - 1) / fan])
      up(places, at, entry);
    else
      down(places, at, entry);
  }
  void up(Places& places, std::size_t at, const Entry entry) {
    while (at > 0) {
      const std::size_t parent = (at - 1) / fan;
      if (!(entry < entries_[parent])) break;
      put(places, at, entries_[parent]);
      at = parent;
    }
    put(places, at, entry);
  }
  void down(Places& places, std::size_t at, const Entry entry) {
    for (;;) {
      const std::size_t first = at * fan + 1;
      if (first >= entries_.size()) break;
      std::size_t least = first;
      const std::size_t end = std::min(first + fan, entries_.size());
      for (std::size_t child = first + 1; child < end; ++child)
        if (entries_[child] < entries_[least]) least = child;
      if (!(entries_[least] < entry)) break;
      put(places, at, entries_[least]);
      at = least;
    }
    put(places, at, entry);
  }

  std::vector<Entry> entries_;
};

}  // namespace hirehall::scheduler
