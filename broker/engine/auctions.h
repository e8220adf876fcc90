// What is kept of auctions beside the awards: what nobody bids for, and what awards cost lately. In memory
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

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

// What awards of a class cost lately, in millionths: an average in which the latest have the most weight.
struct PriceLevel {
  std::uint64_t awards = 0;
  scheduler::Micros level = 0;
};

// What became of the pick at hand.
struct Chosen {
  scheduler::Policy policy = scheduler::Policy::least_loaded;
  bool choice = false;
  std::shared_ptr<const std::string> packed;
  std::string features;        // of the task that it was made for, encoded
  scheduler::Micros paid = 0;  // for one award
  Settled settled;             // in this turn
};

}  // namespace hirehall::engine
