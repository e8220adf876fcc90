// Tasks whose unique key goes by a rule of its own (docs/unique.md): who has which key, and what is known of
// those that have not begun, so that a later submission may replace them or change them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "broker/engine/facts.h"
#include "common/unique.h"

namespace hirehall::engine {

inline constexpr std::size_t uniques_max = 250'000;  // busy: tasks with such a rule

// What waits was taken back in favour of a later submission with its unique key.
struct Superseded {
  static constexpr auto kind = FactKind::superseded;
  Sequence sequence = 0;
  Sequence by = 0;
  template <typename A>
  void archive(A& a) {
    a(sequence, by);
  }
};

// A later submission became part of a task that waits.
struct Coalesced {
  static constexpr auto kind = FactKind::coalesced;
  Sequence sequence = 0;
  bool edits = false;
  std::string_view payload;  // from now on, if it edits
  Millis due = 0;            // not before this; 0: as it is
  template <typename A>
  void archive(A& a) {
    a(sequence, edits, payload, due);
  }
};

struct UniqueTask {
  std::string key;     // encoded, of unique_key()
  std::string digest;  // of type and payload
  UniqueUntil until = UniqueUntil::unsaid;
  Millis over = 0;         // the key is free then; 0: no such time
  bool coalesces = false;  // later submissions may become part of it
  bool started = false, ended = false;
  State state = State::ready;  // while it has not started
  Millis due = 0;              // of a scheduled one
  Place place;
  std::uint64_t producer = 0;
  std::uint64_t coalesced = 0;  // submissions that became part of it

  template <typename A>
  void archive(A& a) {
    a(key, digest, until, over, coalesces, started, ended, state, due, place, producer, coalesced);
  }
};

class Uniques {
 public:
  bool empty() const { return tasks_.empty(); }
  std::size_t size() const { return tasks_.size(); }
  bool room(Millis now) const {
    return tasks_.size() < uniques_max || (!over_.empty() && over_.begin()->first <= now);
  }
  // Who has the key; 0: it is free.
  Sequence holder(const std::string& key, Millis now) const;
  bool holds(Sequence sequence, Millis now) const;
  const UniqueTask* of(Sequence sequence) const;
  UniqueTask* of(Sequence sequence);

  // It has the key from now on, unless another task does.
  void enter(Sequence sequence, UniqueTask task, Millis now);
  void hand_over(Sequence to);
  void moved(Sequence sequence, State state);
  void started(Sequence sequence);
  void ended(Sequence sequence);

  template <typename A>
  void save(A& a);
  bool load(auto& a, Sequence next);

 private:
  void free_key(Sequence sequence, const UniqueTask& task);
  void forget(Sequence sequence);

  std::map<Sequence, UniqueTask> tasks_;
  std::map<std::string, Sequence, std::less<>> holders_;
  std::set<std::pair<Millis, Sequence>> over_;  // those that have such a time
};

template <typename A>
void Uniques::save(A& a) {
  std::uint64_t n = tasks_.size();
  a(n);
  for (auto& [sequence, task] : tasks_) {
    auto number = sequence;
    auto at = holders_.find(task.key);
    bool holding = at != holders_.end() && at->second == sequence;
    a(number, task, holding);
  }
}

bool Uniques::load(auto& a, Sequence next) {
  std::uint64_t n = 0;
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    Sequence sequence = 0;
    UniqueTask task;
    bool holding = false;
    a(sequence, task, holding);
    if (!a.ok() || sequence == 0 || sequence >= next || task.until > UniqueUntil::end ||
        task.state < State::scheduled || task.state > State::suspended)
      return false;
    if (task.over != 0) over_.emplace(task.over, sequence);
    if (holding && !holders_.emplace(task.key, sequence).second) return false;
    if (!tasks_.emplace(sequence, std::move(task)).second) return false;
  }
  return a.ok();
}

// Who has a key that a submission finds taken, as far as the submission has to know.
struct UniqueHolder {
  Sequence sequence = 0;
  std::uint32_t class_ = 0;
  bool coalesces = false;
  std::string digest;
};

// What a submission does to the task that has its key, once it is recorded itself.
struct UniqueStep {
  Sequence holder = 0, by = 0;  // by: what replaces it; 0: it coalesces
  std::string_view payload;
  Millis due = 0;
};

std::string coalesced_key(Sequence sequence);  // value: how many became part of it, and its start if put off

}  // namespace hirehall::engine
