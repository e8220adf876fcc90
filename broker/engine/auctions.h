// What is kept of choices and auctions beside the awards: their terms, what nobody bids for, and what awards
// cost lately. In memory only, but for the terms.
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

// Terms of awards lie beside their tasks, until these are forgotten: so many bytes of them in a second. A
// hall that makes more choices than that tells the rest from memory, for as long as they are there.
struct KeptTerms {
  static constexpr std::size_t bytes_per_second = 256u << 10;
  Millis since = 0;
  std::size_t bytes = 0;

  bool admit(Millis now, std::size_t more) {
    if (now - since >= 1000) since = now, bytes = 0;
    if (bytes + more > bytes_per_second) return false;
    bytes += more;
    return true;
  }
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
  KeptTerms kept;
};

}  // namespace hirehall::engine
