// The workers, by what they can do and how much they hold.
//
// Workers with the same abilities form a *group*; in it those with free credit lie in a heap, least
// outstanding first. A *pool* is a set of groups: those that can do a demand (demands.h). Demands with the
// same groups share their pool, so that an award that takes the last free worker closes one pool and not
// hundreds of demands.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/ability.h"
#include "scheduler/dispatcher.h"
#include "scheduler/instances.h"
#include "scheduler/rooms.h"
#include "scheduler/turn_heap.h"
#include "scheduler/turns.h"

namespace hirehall::scheduler {

using GroupNo = std::uint32_t;

class Fleet {
 public:
  explicit Fleet(Turns& turns);  // told which pools are open and where demands belong

  void define_demand(DemandNo demand, Need need);
  void connect(WorkerNo worker, const WorkerSpec& spec, std::uint32_t credit);
  void disconnect(WorkerNo worker);
  void set_credit(WorkerNo worker, std::uint32_t credit);
  void set_draining(WorkerNo worker, bool draining);
  void set_held(WorkerNo worker, std::uint32_t held);
  std::uint32_t held(WorkerNo worker) const;
  std::uint32_t free_credit(WorkerNo worker) const;

  // Fills in worker, agent, run and the reasons for a demand, which has an open pool. With resources that are
  // asked for and nowhere free the worker is none.
  void choose(PoolNo pool, DemandNo demand, Pick& pick);
  void short_list(PoolNo pool, DemandNo demand, const Pick& pick, std::uint64_t seed,
                  std::vector<std::uint64_t>& best, std::vector<Listed>& out);
  void of_worker(PoolNo pool, DemandNo demand, WorkerNo worker, std::vector<Listed>& out) const;
  std::optional<Listed> listed(PoolNo pool, DemandNo demand, WorkerNo worker, std::uint64_t agent) const;
  void nearest(PoolNo pool, DemandNo demand, std::uint64_t affinity, std::vector<Listed>& out);
  // Tasks that ask for resources, as they begin and end.
  void take(WorkerNo worker, const Amounts& asked, std::uint32_t tasks) { rooms_.take(worker, asked, tasks); }
  void give_back(WorkerNo worker, const Amounts& asked);
  const Rooms& rooms() const { return rooms_; }
  // Attempts of agents that allow only so many at a time, as they begin and end (instances.h). A worker that
  // connects is taken to hold none.
  void take_instances(WorkerNo worker, std::uint16_t agent, std::uint32_t tasks) {
    instances_.take(worker, agent, tasks);
  }
  void end_instance(WorkerNo worker, std::uint16_t agent);
  const Instances& instances() const { return instances_; }
  // Room that is kept on a worker for those that ask for as much as `demand` (room_waits.h).
  void keep(WorkerNo worker, DemandNo demand);
  void keep_no_more(WorkerNo worker);
  bool keeps(WorkerNo worker, DemandNo demand) const;  // something, and it is there for the demand still
  // Where room would be free soonest for the demand; none: nowhere, or enough is kept already.
  WorkerNo keeper_for(DemandNo demand) const;
  bool can_be_overtaken(DemandNo demand) const;  // some class asks for less of what it asks for
  // That worker could be given one task of it now.
  bool has_room(WorkerNo worker, DemandNo demand) const;
  // Workers that may have more room than before, from then on when somebody wants to know.
  void watch_rooms(bool watched);
  std::vector<WorkerNo> take_roomier() { return std::exchange(roomier_, {}); }
  const std::vector<WorkerNo>& roomier() const { return roomier_; }
  std::uint64_t room_version() const { return room_version_; }  // another one: somebody may have more room
  const Amounts& asked(DemandNo demand) const { return demands_[demand].need.asked; }
  bool served(const Need& need) const;
  std::vector<std::string> missing(const Need& need) const;
  Prospect prospect(const Need& need) const;
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  struct Worker {
    GroupNo group = none;  // none while not connected
    std::uint32_t slots = 1;
    std::uint32_t credit = 0;
    std::uint32_t held = 0;
    bool draining = false;
    bool listed = false;  // in its group's heap
    bool kept = false;    // room is kept on it
  };
  // The first free worker of a group; beside the groups, because choosing reads one of each group in a pool.
  struct Front {
    std::uint64_t load = 0;
    WorkerNo worker = none;
    std::uint32_t free = 0;
  };
  struct Group {
    std::string signature;
    WorkerSpec abilities;
    TurnHeap free;
    std::uint32_t connected = 0;
    std::vector<PoolNo> pools;
  };
  // An agent with the most of the labels that a demand prefers.
  struct Fit {
    std::uint16_t agent = 0;
    std::uint32_t labels = 0;
  };
  struct Demand {
    Need need;
    PoolNo pool = nobody;
    std::vector<std::uint16_t> agents;  // one for each group of the pool
    std::vector<Fit> fits = {};         // as many, once they were wanted; with preferred labels only
  };
  struct Pool {
    std::vector<GroupNo> groups;  // rising
    std::vector<DemandNo> demands;
    std::uint32_t live = 0;  // groups with a connected worker
    std::uint32_t open = 0;  // groups with a free worker
  };

  Worker& worker_at(WorkerNo worker);
  void choose_with_room(PoolNo pool, DemandNo demand, Pick& pick);
  // Preferred labels (fleet_preferred.cpp).
  void choose_preferring(PoolNo pool, DemandNo demand, Pick& pick);
  Fit best_fit(const WorkerSpec& abilities, const Need& need, std::uint16_t first) const;
  std::optional<Fit> free_fit(WorkerNo worker, const Demand& demand, std::size_t group) const;
  void award_to(const TurnHeap::Entry& best, const TurnHeap::Entry& next, const Amounts& asked,
                Pick& pick) const;
  std::uint32_t credit_for(const Worker& row, WorkerNo worker, const Amounts& asked) const;
  TurnHeap::Entry first_open(GroupNo group, const Need& need, std::uint16_t first) const;
  std::optional<std::uint16_t> free_agent(WorkerNo worker, const Need& need, std::uint16_t first) const;
  bool in_pool(PoolNo pool, GroupNo group) const;
  void note_room(WorkerNo worker);
  void name_agents(WorkerNo worker, const WorkerSpec* spec);
  void list_best(PoolNo pool, const Demand& demand, std::uint64_t seed, std::vector<std::uint64_t>& best,
                 std::vector<Listed>& out);
  WorkerNo free_worker_of(PoolNo pool, std::uint64_t agent, std::uint64_t seed);
  void list(WorkerNo worker, const Need& need, std::uint16_t first, std::vector<Listed>& out) const;
  std::uint16_t first_agent(const Pool& pool, const Demand& demand, WorkerNo worker) const;
  static std::uint64_t load_of(const Worker& worker);
  void relist(WorkerNo worker);
  void join(WorkerNo worker);
  void part(WorkerNo worker);
  GroupNo group_for(const WorkerSpec& spec);
  void offer_demands(GroupNo group);
  void match(DemandNo demand);
  PoolNo pool_for(std::vector<GroupNo> groups);
  void widen(PoolNo pool, GroupNo group);
  void move_demand(DemandNo demand, PoolNo pool);
  void place(DemandNo demand);
  void set_live(GroupNo group, bool live);
  void set_free(GroupNo group, bool free);
  void regroup();

  Turns& turns_;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<WorkerSpec>> specs_;  // of connected workers
  std::vector<std::vector<std::uint64_t>> names_;   // hashes of their agents' names
  TurnHeap::Places worker_places_;
  std::vector<Group> groups_;
  std::vector<Front> fronts_;
  std::vector<Demand> demands_;
  std::vector<Pool> pools_;
  std::map<std::string, GroupNo> group_of_signature_;
  std::map<std::vector<GroupNo>, PoolNo> pool_of_groups_;
  std::map<std::string, std::vector<DemandNo>, std::less<>> demands_of_type_;
  RelevantKeys relevant_;
  std::size_t live_groups_ = 0;
  std::uint64_t looked_at_ = 0;
  Rooms rooms_;
  Instances instances_;
  std::uint32_t kept_ = 0;  // workers on which room is kept
  bool rooms_watched_ = false;
  std::uint64_t room_version_ = 1;
  std::vector<WorkerNo> roomier_;
  std::map<std::string, std::int64_t, std::less<>> least_asked_;  // by any class, of each resource
  std::unordered_map<std::uint64_t, std::vector<WorkerNo>> workers_of_agent_;  // connected; never iterated
};

}  // namespace hirehall::scheduler
