// The tasks of a turn that are matched with each other (scheduler/task_round.h), and what rounds came to
// since the start. In memory only, and for one turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/engine/counts.h"
#include "broker/engine/line.h"
#include "scheduler/task_round.h"

namespace hirehall::engine {

// What of a shelf takes part, in its order.
struct Waiting {
  std::vector<const Entry*> tasks;
  std::size_t next = 0;
};

class MatchedRound {
 public:
  static constexpr std::uint32_t rounds_max = 4;  // in a turn

  scheduler::TaskRound round;

  void begin_turn() { made_ = to_come_ = 0; }
  // One for a turn; another when there were more tasks than one holds.
  bool may_be_made() const { return made_ == 0 || (made_ < rounds_max && round.full() && to_come_ == 0); }
  void begin() {
    ++made_;
    to_come_ = 0;
    round.clear();
  }
  void made() { to_come_ = round.sum().tasks; }
  const scheduler::RoundTask* find(std::uint64_t task) const {
    return made_ == 0 ? nullptr : round.find(task);
  }

  // Whether a task of the round that is chosen for now goes where it was matched; none: it is not of the
  // round.
  std::optional<bool> as_matched;
  void awarded(MatchingCounts& counts) {
    if (!as_matched) return;
    ++(*as_matched ? counts.as_matched : counts.otherwise);
    if (to_come_ > 0) --to_come_;
  }

 private:
  std::uint32_t made_ = 0;     // in this turn
  std::uint32_t to_come_ = 0;  // tasks of the last one that are not awarded yet
};

}  // namespace hirehall::engine
