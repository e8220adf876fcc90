// Preferred labels of a class: each that a worker has is worth a quarter of its slots of load where the least
// load decides (docs/scheduler.md, "Preferred labels").
#pragma once

#include <cstdint>
#include <tuple>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

inline constexpr std::uint64_t label_worth = load_one / 4;

// What is added to the load of somebody that lacks some of the wanted labels.
constexpr std::uint64_t handicap_of(std::uint32_t wanted, std::uint32_t has) {
  return label_worth * (wanted - has);
}

// Least first, as policy.h ranks equal scores.
struct Preferring {
  std::uint64_t load = 0;
  std::uint64_t handicap = 0;
  WorkerNo worker = none;
  std::uint16_t agent = 0;

  bool before(const Preferring& other) const {
    return std::tuple(load + handicap, load, worker) <
           std::tuple(other.load + other.handicap, other.load, other.worker);
  }
};

}  // namespace hirehall::scheduler
