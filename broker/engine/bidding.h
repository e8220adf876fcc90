// Rounds of live bids: who was asked, who has answered, and when a round is over. Pure, in memory only: a
// restart forgets all rounds, and their tasks are ready as before (docs/scheduler.md, "Live bids").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/engine/auctions.h"
#include "broker/engine/counts.h"
#include "broker/engine/records.h"
#include "common/error.h"
#include "scheduler/chooser.h"

namespace hirehall::engine {

struct Round {
  // open: bids come in. closed: it is decided at the next pick of the line. resting: all said no, and the
  // line waits before they are asked again.
  enum class Phase : std::uint8_t { open, closed, resting } phase = Phase::open;
  std::uint64_t number = 0;
  scheduler::LaneNo lane = 0;
  scheduler::ClassNo class_ = 0;
  std::uint32_t queue = 0;
  Sequence front = 0;       // the task that it is for; shorter ones of its line may go with it
  Millis until = 0;         // open: no bid counts from here on; closed: its bids are old; resting: it ends
  std::uint32_t tries = 1;  // rounds in a row that came to nothing, with this one
  std::uint64_t seed = 0;
  std::vector<scheduler::Bidder> bidders;
  Unsold unsold = {};  // resting
};

class Bidding {
 public:
  static constexpr std::size_t rounds_max = 1024;  // at once; beyond, proxy prices decide
  static constexpr std::uint32_t tries_max = 3;    // rounds for one line before proxy prices decide
  static constexpr Millis closed_ms = 1000;        // bids of a closed round hold so long
  static constexpr Millis rest_ms = 1000;

  bool empty() const { return rounds_.empty(); }
  bool full() const { return rounds_.size() >= rounds_max; }
  // Its line gets no award now.
  bool holds(scheduler::ShelfNo shelf) const;
  Round* of(scheduler::ShelfNo shelf);
  // Gives the round its number; the one of the line before it is gone.
  Round& open(scheduler::ShelfNo shelf, Round round);
  void rest(scheduler::ShelfNo shelf, Millis now, Unsold why);
  void forget(scheduler::ShelfNo shelf) { rounds_.erase(shelf); }

  // ok; stale: its round is over; denied: it was not asked; conflict: it has answered; invalid: no price,
  // which counts as its answer. No price at all declines.
  Code bid(std::uint32_t worker, std::uint64_t round, std::string_view agent, std::optional<double> price,
           Millis now);
  void left(std::uint32_t worker);
  // Lines that may be looked at again: of rounds that are over now. Old ones are forgotten.
  std::vector<scheduler::ShelfNo> due(Millis now);
  std::vector<scheduler::ShelfNo> drop(std::uint32_t queue);
  std::optional<Millis> next() const;  // when due() has something to do

  const std::map<scheduler::ShelfNo, Round>& rounds() const { return rounds_; }

  BidCounts counts;

 private:
  Code count(Code code, std::uint64_t& what) { return ++what, code; }

  std::map<scheduler::ShelfNo, Round> rounds_;
  std::map<std::uint64_t, scheduler::ShelfNo> by_number_;  // open ones
  std::uint64_t last_ = 0;
  bool changed_ = false;  // somebody answered or left since due()
};

}  // namespace hirehall::engine
