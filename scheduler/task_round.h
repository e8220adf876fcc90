// Tasks that are next in their turns and the free places of those who could take them, matched so that the
// sum of their scores is greatest (matching.h). Whose turn it is stays what fair sharing says: tasks come in
// that order, and one takes part when there is a place for it beside those of all before it.
//
// What is decided one by one afterwards follows the round by the prices of places. Of all prices that lead
// to the matching those in the middle are taken, so that small changes do not undo it. Pure and
// deterministic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "scheduler/dispatcher.h"
#include "scheduler/prices.h"

namespace hirehall::scheduler {

// An agent that could take a task, with its score for it as the policy sees it now.
struct Seat {
  WorkerNo worker = none;
  std::uint64_t agent_hash = 0;
  std::uint32_t held = 0, slots = 1, places = 1;  // of its worker
  std::int64_t score = 0;
};

struct RoundTask {
  std::uint64_t key = 0;   // the caller's
  std::uint64_t seed = 0;  // chances for it are drawn from
  std::vector<Seat> seats;
  WorkerNo matched = none;
};

// What a round came to.
struct RoundSum {
  std::uint32_t tasks = 0, places = 0;
  Micros total = 0;                    // of the scores as matched
  Micros one_by_one = 0;               // as each would have chosen in its turn
  std::uint32_t one_by_one_tasks = 0;  // that would have found a place then
};

class TaskRound {
 public:
  static constexpr std::size_t tasks_max = 256;
  static constexpr Micros matched_discount = 1;  // so that a tie does not undo the round

  void clear();  // for the next one, which begins with the prices of this one
  bool full() const { return tasks_.size() >= tasks_max; }
  // False: no place is left for it, and it takes no part.
  bool admit(RoundTask task);
  void solve();

  const RoundTask* find(std::uint64_t key) const;
  // Of a place of the worker, for the task.
  Micros slot_price(const RoundTask& task, WorkerNo worker) const;
  const RoundSum& sum() const { return sum_; }

 private:
  struct Offered {  // by one worker to one task: the best of its agents
    std::uint32_t column = 0;
    std::int64_t score = 0;
  };
  struct Column {
    WorkerNo worker = none;
    std::uint32_t held = 0, slots = 1, places = 0;
    std::vector<std::uint32_t> rows;  // that have its places
    std::int64_t price = 0;
  };
  std::vector<Offered> offered(const std::vector<Seat>& seats);
  bool find_place(std::uint32_t row, std::vector<bool>& seen);
  void match_all();
  void even_out();
  void find_prices();
  std::vector<std::int64_t> least_prices() const;
  std::uint32_t anchor(const std::vector<std::int64_t>& low) const;
  std::vector<std::int64_t> greatest_prices(std::uint32_t anchor) const;
  void add_up();
  std::int64_t score_of(std::uint32_t row, std::uint32_t column) const;

  std::vector<RoundTask> tasks_;
  std::vector<std::vector<Offered>> rows_;  // beside tasks_
  std::vector<std::uint32_t> column_of_row_;
  std::vector<Column> columns_;
  std::unordered_map<WorkerNo, std::uint32_t> column_of_worker_;  // never iterated
  std::unordered_map<std::uint64_t, std::uint32_t> row_of_key_;   // never iterated
  std::unordered_map<WorkerNo, std::int64_t> last_prices_;        // never iterated
  std::int64_t least_ = 0, most_ = 0;                             // of all scores
  RoundSum sum_;
};

}  // namespace hirehall::scheduler
