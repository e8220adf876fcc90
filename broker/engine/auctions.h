// What is kept of choices and auctions beside the awards: their terms, what nobody bids for, and what awards
// cost lately. In memory only, but for the terms.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/engine/handed_back.h"
#include "broker/engine/matched_round.h"
#include "broker/engine/records.h"
#include "broker/engine/usage.h"
#include "scheduler/policy.h"
#include "scheduler/prices.h"

namespace hirehall::engine {

// A shelf whose front nobody bids for: all that are free ask more than the reserve of its queue.
struct Unsold {
  std::uint32_t lane = 0, class_ = 0;
  std::uint64_t bids = 0;
  scheduler::Micros lowest = 0, reserve = 0;
  std::string agent;  // that asks the lowest
};

// Terms of awards lie beside their tasks, until these are forgotten: so many bytes of them a second, and more
// in a burst. A hall that goes on making more choices than that tells the rest from memory, for as long as
// they are there.
struct KeptTerms {
  static constexpr std::int64_t bytes_per_second = 256 << 10;
  static constexpr std::int64_t burst_bytes = 8 << 20;
  Millis at = 0;
  std::int64_t left = burst_bytes;

  bool admit(Millis now, std::size_t bytes) {
    left = std::min(burst_bytes, left + std::min<Millis>(now - at, 3'600'000) * bytes_per_second / 1000);
    at = now;
    const auto more = static_cast<std::int64_t>(bytes);
    if (more > left) return false;
    left -= more;
    return true;
  }
};

// What awards of a class cost lately, in millionths: an average in which the latest have the most weight.
struct PriceLevel {
  std::uint64_t awards = 0;
  scheduler::Micros level = 0;
};

// A task as policies see it; the parts of `task` lie in the others.
struct TaskInView {
  TemplateRef options;
  scheduler::Features features;
  scheduler::TaskAtHand task;
};

// What became of the pick at hand.
struct Chosen {
  scheduler::Policy policy = scheduler::Policy::least_loaded;
  bool choice = false;
  std::string packed;          // what the choice rests on (scheduler::pack)
  std::string features;        // of the task that it was made for, encoded
  std::string agent;           // that it prefers
  scheduler::Micros paid = 0;  // for one award
  Paid settled;                // in this turn
  KeptTerms kept;
  HandedBackTasks handed_back;
  MatchedRound matched;
  scheduler::WentTo went_to = scheduler::WentTo::anew;
  // Of the preferred labels the winner has none, some or all; not_wanted: the task prefers none.
  static constexpr std::uint8_t not_wanted = 3;
  std::uint8_t labels = not_wanted;
};

}  // namespace hirehall::engine
