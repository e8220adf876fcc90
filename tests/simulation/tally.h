// How often what happened: situations, cells of the transition table, and frames by kind that arrived, were
// lost, came twice, late, or on a connection that was over. Adds up over worlds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/engine/lifecycle.h"
#include "tests/simulation/situations.h"

namespace hirehall::sim {

class Tally {
 public:
  static constexpr std::size_t kinds = 160;  // of docs/protocol.md; what is beyond counts as 0
  enum Fate : std::size_t { fate_arrived, fate_lost, fate_twice, fate_late, fate_stale, fates };

  void saw(Situation situation) { ++situations_[static_cast<std::size_t>(situation)]; }
  void saw_if(bool happened, Situation situation) {
    if (happened) saw(situation);
  }
  std::uint64_t count(Situation s) const { return situations_[static_cast<std::size_t>(s)]; }
  void moved(State from, engine::Event event) {
    ++cells_[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
  }
  void arrived(std::uint16_t kind) { frame(kind, fate_arrived); }
  void lost(std::uint16_t kind) { frame(kind, fate_lost); }
  void twice(std::uint16_t kind) { frame(kind, fate_twice); }
  void late(std::uint16_t kind) { frame(kind, fate_late); }
  void stale(std::uint16_t kind) { frame(kind, fate_stale); }

  void add(const Tally& other);
  std::string text() const;                    // all of it, for people
  std::vector<std::string> never() const;      // situations, legal cells and kinds that did not happen
  std::vector<std::uint64_t> numbers() const;  // to be sent from one process to another
  static Tally of(const std::vector<std::uint64_t>&);

 private:
  void frame(std::uint16_t kind, Fate fate) { ++frames_[kind < kinds ? kind : 0][fate]; }

  std::array<std::uint64_t, situation_count> situations_{};
  std::array<std::array<std::uint64_t, engine::event_count>, state_count> cells_{};
  std::array<std::array<std::uint64_t, fates>, kinds> frames_{};
};

}  // namespace hirehall::sim
