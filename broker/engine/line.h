// A line: ready tasks of one (lane, class, priority, limit keys), first come first awarded.
// Its front is resident (the head), what came last too (the tail); what lies between is on pages in the
// store.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/engine/body.h"
#include "broker/engine/facts.h"
#include "broker/engine/few.h"
#include "broker/engine/limit.h"
#include "broker/engine/segments.h"

namespace hirehall::engine {

struct Entry {
  Sequence sequence = 0;
  Millis ready_at = 0;
  ChunkRef chunk;  // none: the body has to be fetched before the task can be awarded
  std::uint32_t offset = 0;
  bool tried = false;  // the state has its Tries
};

// A queue of entries in one piece of memory; idle ones hold nothing.
class EntryRing {
 public:
  bool empty() const { return first_ == items_.size(); }
  std::size_t size() const { return items_.size() - first_; }
  Entry& front() { return items_[first_]; }
  Entry& at(std::size_t i) { return items_[first_ + i]; }
  const Entry& at(std::size_t i) const { return items_[first_ + i]; }
  void push_back(Entry entry) { items_.push_back(std::move(entry)); }
  Entry pop_front() {
    Entry entry = std::move(items_[first_++]);
    if (first_ == items_.size()) {
      items_.clear();
      first_ = 0;
      if (items_.capacity() > 4096) items_.shrink_to_fit();
    } else if (first_ >= 1024 && first_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return entry;
  }
  void drop_back(std::size_t count) {
    items_.resize(items_.size() - count);
    if (empty()) release();
  }
  void release() {
    std::vector<Entry>().swap(items_);
    first_ = 0;
  }
  // For the next one that uses the same memory, when that is little.
  void clear() {
    if (items_.capacity() > 8) return release();
    items_.clear();
    first_ = 0;
  }

 private:
  std::vector<Entry> items_;
  std::size_t first_ = 0;
};

// The gates that the tasks of one lane, class and set of limit keys have to pass; shared by lines and leases.
struct alignas(64) LimitSet {
  std::uint32_t lane = 0, class_ = 0;
  std::uint32_t references = 0;
  Few<Gate> gates;
  Few<Line> lines;                 // with keys: one for each priority, and with deadlines or without
  std::vector<std::string> names;  // limit keys
  std::string key;
};

struct Shelf;

struct Line {
  std::uint64_t id = 0;
  Shelf* shelf = nullptr;
  std::uint32_t slot = 0;  // in the table of lines
  std::uint8_t priority = 0;
  bool urgent = false;         // ordered by deadline
  LimitSet* limits = nullptr;  // none: no limit keys, and no limit counts it

  EntryRing head;
  EntryRing tail;
  std::map<std::pair<Millis, Sequence>, Entry> by_deadline;  // of an urgent line, instead of head and tail
  std::vector<Entry> returned;   // came back early, greatest sequence first; before the head
  std::uint64_t first_page = 0;  // pages [first_page, next_page) are in the store
  std::uint64_t next_page = 0;
  std::uint64_t ready = 0;  // tasks that may be awarded, on pages too

  // How the owner sees it; not durable.
  bool page_asked = false;
  bool bodies_asked = false;
  bool offered = false;      // it stands in the shelf's order of limited lines
  bool dirty = false;        // among the shelf's `dirty`
  Gate* waits_on = nullptr;  // the gate that holds it, where it stands instead
  LineOrder::iterator place;
  LineOrder::node_type idle_place;  // while it stands nowhere: to stand without asking for memory

  void stand(LineOrder& order, const LineOrder::key_type& key);
  void step_off(LineOrder& order);

  bool keyed() const { return limits != nullptr && !limits->names.empty(); }
  bool has_pages() const { return first_page != next_page; }
  std::size_t resident() const { return head.size() + tail.size() + returned.size() + by_deadline.size(); }

  void push_back(Entry entry, Millis deadline);
  void push_returned(Entry entry, Millis deadline);
  // The next task; entries of tasks that have ended are dropped on the way. Nothing when the next ones are on
  // pages.
  Entry* front(const Segments& segments);
  Entry pop_front();  // what front() gave
  // So many of the next ones that are here with their bodies, in their order. The line keeps them.
  std::vector<const Entry*> first(std::size_t most, const Segments& segments) const;
  // The pages are read: what came after them follows the head.
  void join_tail();
  void renew();  // as new, but for memory that the next user needs again
};

// The lines of one (lane, class).
struct Shelf {
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint32_t number = no_number;  // the dispatcher's, once known
  std::array<Line*, limits::priority_max + 1> plain{};
  std::array<Line*, limits::priority_max + 1> urgent{};
  LineOrder limited;  // open ones
  std::vector<std::pair<std::uint32_t, std::uint64_t>>
      dirty;  // slot and id of lines with limits that changed
  bool touched = false;
  // The line that goes next, as the owner found it: until another line of the shelf changes, another one ages
  // (best_until), or its own front sinks to the level of the others. Not durable.
  Line* best = nullptr;
  std::uint32_t second_level = 0;
  Millis best_until = 0;
};

}  // namespace hirehall::engine
