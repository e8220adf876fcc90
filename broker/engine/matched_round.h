// The tasks of a turn that are matched with each other (scheduler/task_round.h), and what rounds came to
// since the start. In memory only, and for one turn.
#pragma once

#include <cstddef>
#include <vector>

#include "broker/engine/line.h"
#include "scheduler/task_round.h"

namespace hirehall::engine {

// What of a shelf takes part, in its order.
struct Waiting {
  std::vector<const Entry*> tasks;
  std::size_t next = 0;
};

struct MatchedRound {
  scheduler::TaskRound round;
  bool made = false;          // in this turn
  std::uint32_t to_come = 0;  // tasks of it that are not awarded yet

  // One for a turn; another when there were more tasks than one holds.
  bool may_be_made() const { return !made || (round.full() && to_come == 0); }
  void begin_turn() {
    if (made) round.clear();
    made = false;
    to_come = 0;
  }
};

}  // namespace hirehall::engine
