// Whose turn it is: queues, their lanes and the shelves with work, for pools of workers.
//
// A pool stands for the workers that can do a demand; demands with the same workers share one. Per pool an
// *aisle* for each queue, in the aisle a *stall* for each lane, in the stall the ready shelves of the lane.
// Each is a heap: aisles by the queue's tag, stalls by the lane's tag, shelves by the order of their first
// task. Only pools that have both work and a free worker are looked at; shelves that nobody can do are in no
// heap at all.
//
// Charging a lane does not touch the heaps: tags rise, so a key in a heap is a lower bound, and is brought up
// to date when it comes to the top. Only a correction downwards goes through the heaps that the lane is in.
#pragma once

#include <cstdint>
#include <vector>

#include "common/flat_map.h"
#include "scheduler/dispatcher.h"
#include "scheduler/fair_share.h"
#include "scheduler/turn_heap.h"

namespace hirehall::scheduler {

using PoolNo = std::uint32_t;
using DemandNo = std::uint32_t;      // demands.h
inline constexpr PoolNo nobody = 0;  // the pool of demands that no connected worker can do

class Turns {
 public:
  void define_queue(QueueNo queue, std::uint32_t weight);
  void define_lane(LaneNo lane, QueueNo queue, std::uint32_t weight);
  ShelfNo shelf(LaneNo lane, ClassNo cls, DemandNo demand);
  void set_ready(ShelfNo shelf, bool ready, std::uint64_t order);

  // Demands go to other pools, or shelves to other demands, while one of these lives: lanes that have work
  // before and after were not idle between.
  class Steady {
   public:
    explicit Steady(Turns& turns);
    ~Steady();
    Steady(const Steady&) = delete;
    Steady& operator=(const Steady&) = delete;

   private:
    std::vector<Share*> busy_;
  };
  void place_demand(DemandNo demand, PoolNo pool);  // who can do it has changed
  void move_shelf(ShelfNo shelf, DemandNo demand);
  DemandNo demand_of(ShelfNo shelf) const { return shelves_[shelf].demand; }
  void set_open(PoolNo pool, bool open);  // some worker of the pool is free

  struct Best {
    ShelfNo shelf = none;
    LaneNo lane = none;
    ClassNo cls = none;
    DemandNo demand = none;
    PoolNo pool = nobody;
    bool alone = false;  // no other shelf could be next whatever is charged
  };
  Best best();  // shelf is none when there is nothing to award
  void charge(LaneNo lane, std::uint64_t cost);
  void correct(LaneNo lane, std::int64_t difference);
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  struct Queue {
    Share share;
    std::uint64_t lane_time = 0;  // virtual time of its lanes
    std::vector<LaneNo> lanes;
    std::vector<std::uint32_t> aisles;
  };
  struct Lane {
    Share share;
    QueueNo queue = none;
    std::vector<std::uint32_t> stalls;
  };
  struct Demand {
    PoolNo pool = nobody;
    std::vector<ShelfNo> shelves;
  };
  struct Shelf {
    LaneNo lane = none;
    ClassNo cls = none;
    DemandNo demand = none;
    std::uint32_t stall = none;
    bool ready = false;
    std::uint64_t order = 0;
  };
  struct Stall {
    LaneNo lane = none;
    PoolNo pool = nobody;
    std::uint32_t aisle = none;
    std::uint32_t users = 0;  // shelves that belong here, ready or not
    TurnHeap shelves;
  };
  struct Aisle {
    QueueNo queue = none;
    PoolNo pool = nobody;
    std::uint32_t users = 0;  // stalls that belong here
    TurnHeap stalls;
  };
  struct Pool {
    TurnHeap aisles;
    bool open = false;
    std::uint32_t awake_at = none;  // index in awake_
  };

  Pool& pool_at(PoolNo pool);
  std::uint32_t find_aisle(QueueNo queue, PoolNo pool);
  void attach(ShelfNo shelf, PoolNo pool);
  void detach(ShelfNo shelf);
  void replace(ShelfNo shelf, PoolNo pool);
  void enter(ShelfNo shelf);
  void leave(ShelfNo shelf);
  void update_awake(PoolNo pool);
  const TurnHeap::Entry& first_aisle(Pool& pool);
  const TurnHeap::Entry& first_stall(Aisle& aisle);
  void lower_keys(const Lane& lane);
  void lower_keys(const Queue& queue);
  void move_tags_back();
  void move_tags_back(Queue& queue);

  std::vector<Queue> queues_;
  std::vector<Lane> lanes_;
  std::vector<Demand> demands_;
  std::vector<Shelf> shelves_;
  std::vector<Stall> stalls_;
  std::vector<Aisle> aisles_;
  std::vector<Pool> pools_;
  std::vector<std::uint32_t> free_stalls_, free_aisles_;
  TurnHeap::Places shelf_places_, stall_places_, aisle_places_;
  std::vector<PoolNo> awake_;  // pools with work and a free worker; the order in it decides nothing
  FlatMap shelf_of_;           // (lane, class) → shelf
  std::uint64_t queue_time_ = 0;
  std::uint64_t looked_at_ = 0;
};

}  // namespace hirehall::scheduler
