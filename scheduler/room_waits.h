// Shelves whose work has room nowhere: when each is looked at again, and for which of them room is kept.
//
// Smaller tasks fit into room that is too small for a large one, again and again. So for what has waited
// longer than the patience room is *kept* on one worker: as much as it asks for of what the worker offers,
// for everything that asks for at least as much, by turns as ever. The others share the rest of the worker,
// and leave it one task's credit. What runs there ends, nothing takes its place, and so the wait is over
// after the patience and the longest attempt that runs there.
//
// A change of room on a worker makes those shelves ready that have room on that worker now. Pure: moments
// come in.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/fleet.h"
#include "scheduler/turns.h"

namespace hirehall::scheduler {

struct RoomWait {
  LaneNo lane = none;
  ClassNo cls = none;
  std::int64_t since = 0;   // its first task was found to have no room
  WorkerNo kept_on = none;  // room is kept for it there …
  std::int64_t kept_since = 0;
};

class RoomWaits {
 public:
  static constexpr std::size_t kept_max = 64;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  RoomWaits(Turns& turns, Fleet& fleet) : turns_(turns), fleet_(fleet) {}

  bool empty() const { return waits_.empty(); }
  bool aside(ShelfNo shelf) const;  // not to be looked at
  void set_aside(ShelfNo shelf, LaneNo lane, ClassNo cls, std::int64_t now);
  void end(ShelfNo shelf);  // its work was awarded, or waits for something else

  // Those that have room on some worker that may have more than before.
  void offer(std::vector<ShelfNo>& out);
  // Offered ones that were not looked at yet are set aside again, until the next offer().
  void put_back();
  bool to_offer() const { return !waits_.empty() && (again_ || !fleet_.roomier().empty()); }

  // Keeps room for those that have waited for longer than `patience`, the oldest first; 0: for nobody. A
  // worker that is gone, drains or cannot do it any more keeps nothing, and another one is found.
  void keep(std::int64_t now, std::int64_t patience);
  std::int64_t look_at(std::int64_t patience) const;  // when to call that again

  const std::map<ShelfNo, RoomWait>& all() const { return waits_; }
  const std::set<ShelfNo>& kept() const { return kept_; }
  const RoomWait* of(LaneNo lane, ClassNo cls) const;
  const RoomWait* kept_on(WorkerNo worker) const;
  std::uint64_t kept_total() const { return kept_total_; }
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  using Index = std::map<std::string, std::set<std::pair<std::int64_t, ShelfNo>>, std::less<>>;
  struct Place {
    Index::iterator row;
    std::int64_t amount = 0;
  };
  void take_off(ShelfNo shelf);  // the index
  void let_go(ShelfNo shelf);
  void drop_lost();
  void find_keeper(ShelfNo shelf, std::int64_t now);
  void offer_on(WorkerNo worker, std::vector<ShelfNo>& out);

  Turns& turns_;
  Fleet& fleet_;
  std::map<ShelfNo, RoomWait> waits_;
  std::set<std::pair<std::int64_t, ShelfNo>> by_age_;  // those that ask for something and have nothing kept
  std::map<ShelfNo, Place> aside_;
  Index index_;  // those aside, by the scarcest of what they ask for, and how much of it
  std::set<ShelfNo> offered_;
  std::set<ShelfNo> kept_;
  std::vector<WorkerNo> last_roomier_;
  bool again_ = false;  // last_roomier_ have more to offer
  std::int64_t again_at_ = 0;
  std::pair<std::int64_t, ShelfNo> behind_{};  // where the next look begins
  std::uint64_t kept_total_ = 0, looked_at_ = 0;
};

}  // namespace hirehall::scheduler
