// Tasks that their workers handed back, until their next award, and for as long the second best bids of
// rounds of live bids. In memory only: a restart forgets them, and such a task is awarded anew among all
// (docs/scheduler.md, "Handed back").
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "broker/engine/records.h"
#include "scheduler/chooser.h"
#include "scheduler/handed_back.h"

namespace hirehall::engine {

class HandedBackTasks {
 public:
  static constexpr std::size_t tasks_max = 4096;
  static constexpr std::size_t bids_max = 1024;
  static constexpr Millis kept_ms = 10'000;

  // `runner_up` 0: there was none. With too many of them it is awarded anew.
  void note(Sequence task, std::uint32_t by, std::uint32_t runner_up, Millis awarded, Millis now) {
    if (tasks_.size() >= tasks_max && now >= look_again_) {
      std::erase_if(tasks_, [&](const auto& one) { return one.second.until <= now; });
      look_again_ = now + kept_ms / 10;
    }
    const auto bid = bids_.extract(task);
    if (tasks_.size() >= tasks_max) return;
    Known known{{by, runner_up == 0 ? scheduler::none : runner_up, 0, {}}, now + kept_ms};
    // The bid was for this award, and holds for no longer than the note would.
    if (!bid.empty() && bid.mapped().worker == runner_up && bid.mapped().at == awarded &&
        now - awarded <= kept_ms) {
      known.back.agent_hash = bid.mapped().agent_hash;
      known.back.bid = bid.mapped().bid;
      known.back.round = bid.mapped().round;
    }
    tasks_.insert_or_assign(task, known);
  }
  const scheduler::HandedBack* of(Sequence task, Millis now) const {
    const auto at = tasks_.find(task);
    return at == tasks_.end() || at->second.until <= now ? nullptr : &at->second.back;
  }
  bool has(Sequence task, Millis now) const { return of(task, now) != nullptr; }
  void forget(Sequence task) { tasks_.erase(task); }

  // After an award by live bids: what its runner-up had bid, if it was live.
  void keep_bid(Sequence task, const scheduler::Choice& choice, Millis now) {
    const auto second = choice.award.runner_up;
    bids_.erase(task);
    if (second == scheduler::none || !choice.quotes[second].live) return;
    if (bids_.size() >= bids_max) bids_.erase(bids_.begin());
    bids_.emplace(task, Bid{choice.candidates[second].worker, scheduler::hash_of(choice.agents[second]),
                            choice.quotes[second].ask, choice.round, now});
  }

 private:
  struct Known {
    scheduler::HandedBack back;
    Millis until = 0;
  };
  struct Bid {
    std::uint32_t worker = 0;
    std::uint64_t agent_hash = 0;
    scheduler::Micros bid = 0;
    std::uint64_t round = 0;
    Millis at = 0;
  };
  std::map<Sequence, Known> tasks_;
  Millis look_again_ = 0;  // for those whose time is over, when there are too many
  std::map<Sequence, Bid> bids_;
};

}  // namespace hirehall::engine
