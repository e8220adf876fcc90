// What attempts cost their lanes: what one is expected to occupy of the fleet, in milliseconds of a slot, and
// what it did occupy (docs/scheduler.md, "What a task costs its lane"). In memory only: it begins anew with
// the broker, as the shares do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/engine/records.h"
#include "common/flat_map.h"

namespace hirehall::engine {

// A mean of the last attempts, in integers so that it is the same everywhere.
class MeanCost {
 public:
  void add(std::uint64_t attempts, std::uint64_t total_ms, std::uint32_t memory) {
    seen_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(seen_ + attempts, memory));
    if ((total_ms | scaled_) != 0) mix(attempts, total_ms);
  }
  bool known() const { return seen_ != 0; }
  Millis rounded_up() const { return static_cast<Millis>((scaled_ + 1023) / 1024); }

 private:
  void mix(std::uint64_t attempts, std::uint64_t total_ms);

  std::uint64_t scaled_ = 0;  // 1024 times the mean
  std::uint32_t seen_ = 0;    // at most the memory
};

// What a lane had of the fleet since the start, in milliseconds of a slot times dominant shares.
struct LaneService {
  std::uint64_t attempts = 0;
  std::uint64_t charged_ms = 0;             // at awards
  std::uint64_t added_ms = 0, back_ms = 0;  // corrections while they ran and when they ended
  std::int64_t used_ms() const { return static_cast<std::int64_t>(charged_ms + added_ms - back_ms); }
  Millis lately_ms(Millis now) const;  // in the last minute, more or less

  void note(Millis now, std::int64_t amount);

 private:
  Millis minute_ = 0;
  std::int64_t this_minute_ = 0, last_minute_ = 0;
};

class Costs {
 public:
  static constexpr Millis most = Millis{1} << 30;  // as scheduler::cost_max

  // Of one attempt of such a task, at least 1: the mean of those of its lane and class that ended last; of
  // its class; of all. Of a lane and class of which nothing has ended yet, not less than what runs has run.
  Millis expected(std::uint32_t lane, std::uint32_t class_) const;

  // So many attempts were awarded at `each`; `weight` as the dispatcher charged it.
  void charge(Millis now, std::uint32_t lane, std::uint64_t attempts, Millis each, std::uint64_t weight);
  void keep_weight(std::uint32_t slot, std::uint64_t weight) {  // of the lease there, until its next
    if (weight != 1 || !weights_.empty()) note_weight(slot, weight);
  }
  // An attempt costs its lane so much more than it was charged, or less.
  void correct(Millis now, std::uint32_t lane, std::uint32_t slot, Millis difference);
  // An attempt of them came to its end, or has run for so long already.
  void ended(std::uint32_t lane, std::uint32_t class_, Millis took) {
    if (run_.lane != lane || run_.class_ != class_) {
      close_run();
      run_.lane = lane;
      run_.class_ = class_;
    }
    ++run_.attempts;
    run_.total_ms += static_cast<std::uint64_t>(std::clamp<Millis>(took, 0, most));
  }
  void running(std::uint32_t lane, std::uint32_t class_, Millis for_ms);

  // What is to be corrected at the dispatcher since it was asked last, by lane.
  template <typename Visit>
  void settle(Visit&& visit) {
    close_run();
    close_classes();
    for (const auto lane : dirty_) {
      if (lanes_[lane].owed != 0) visit(lane, lanes_[lane].owed);
      lanes_[lane].owed = 0;
      lanes_[lane].dirty = false;
    }
    dirty_.clear();
  }

  const LaneService& service(std::uint32_t lane) const;

  // What runs is looked at in turns: from where, and when again.
  std::size_t hand = 0;
  Millis look_at = 0;
  Millis since = 0;  // leases of before count from here on: of a restart, or a jump of the clock

 private:
  struct Kind {  // of a lane and class
    MeanCost mean;
    Millis at_least = 0;
  };
  struct Lane {
    LaneService service;
    std::int64_t owed = 0;
    Kind first;  // most lanes have one class, which is found without a search
    std::uint32_t first_class = FlatMap::none;
    bool dirty = false;
  };
  Lane& lane_at(std::uint32_t lane) {
    if (lane >= lanes_.size()) lanes_.resize(std::size_t{lane} + 1);
    return lanes_[lane];
  }
  Kind& kind_of(std::uint32_t lane, std::uint32_t class_);
  const Kind* find_kind(std::uint32_t lane, std::uint32_t class_) const;
  void close_run();
  void close_classes();
  void note_weight(std::uint32_t slot, std::uint64_t weight);
  static std::uint64_t key_of(std::uint32_t lane, std::uint32_t class_) {
    return (std::uint64_t{lane} << 32) | class_;
  }

  std::vector<Lane> lanes_;
  std::vector<Kind> kinds_;
  FlatMap kind_of_;  // (lane, class) → kind, of those that are not first
  std::vector<MeanCost> classes_;
  MeanCost all_;
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> weights_;  // by slot; empty while all are 1
  struct Run {                          // ends of one lane and class in a row
    std::uint32_t lane = 0, class_ = 0;
    std::uint64_t attempts = 0, total_ms = 0;
  };
  Run run_, class_run_;
};

}  // namespace hirehall::engine
