// Tasks that their worker handed back: the runner-up of that award gets it, or somebody else.
#include <algorithm>

#include "common/mutant.h"
#include "scheduler/chooser.h"

namespace hirehall::scheduler {

std::string_view name_of(WentTo to) {
  switch (to) {
    case WentTo::anew:
      return "anew";
    case WentTo::runner_up:
      return "runner_up";
    case WentTo::another:
      return "another";
    case WentTo::same:
      break;
  }
  return "same";
}

// A lone candidate is a choice as well when somebody was left out for it.
bool Chooser::has_choice(const TaskAtHand& task) const {
  return task.handed_back != nullptr && !listed_.empty();
}

// Leaves the runner-up alone on the list when it has a free slot, otherwise all but who handed it back; who
// did has it again when there is nobody else, so that a lone worker is not shut out.
void Chooser::pass_on(Dispatcher& dispatcher, const TaskAtHand& task, const Pick& pick) {
  const auto& back = *task.handed_back;
  choice_.handed_back_by = back.by;
  if (back.runner_up != none && back.runner_up != back.by) {
    std::vector<Listed> of_runner_up;
    dispatcher.of_worker(pick, back.runner_up, of_runner_up);
    // To wait there is no better than among all.
    std::erase_if(of_runner_up, [](const Listed& l) { return l.held >= l.slots; });
    if (back.agent_hash != 0)
      std::erase_if(of_runner_up, [&](const Listed& l) { return l.agent_hash != back.agent_hash; });
    if (!of_runner_up.empty()) {
      listed_ = std::move(of_runner_up);
      choice_.went_to = WentTo::runner_up;
      if (!back.bid) return;
      choice_.round = back.round;
      second_ = {listed_[0].worker, listed_[0].agent_hash, *listed_[0].name, true, Bidder::Said::bid,
                 *back.bid};
      live_.assign(listed_.size(), &second_);
      return;
    }
  }
  choice_.went_to = leave_out(back.by) ? WentTo::another : WentTo::same;
}

// Unless that leaves nobody.
bool Chooser::leave_out(WorkerNo worker) {
  const auto is_other = [&](const Listed& l) { return l.worker != worker; };
  if (std::ranges::none_of(listed_, is_other)) return false;
  if (!HH_MUTANT("handed_back_to_the_same"))
    std::erase_if(listed_, [&](const Listed& l) { return !is_other(l); });
  return true;
}

// The worker and the agent of the pick, and the best agent of its runner-up.
void Chooser::list_two(Dispatcher& dispatcher, const Pick& pick) {
  listed_.clear();
  dispatcher.of_worker(pick, pick.worker, listed_);
  std::erase_if(listed_, [&](const Listed& l) { return l.agent != pick.agent; });
  if (listed_.empty() || pick.runner_up == none) return;
  std::vector<Listed> of_runner_up;
  dispatcher.of_worker(pick, pick.runner_up, of_runner_up);
  const auto best = std::ranges::max_element(of_runner_up, {}, &Listed::labels);
  if (best != of_runner_up.end()) listed_.push_back(*best);
}

}  // namespace hirehall::scheduler
