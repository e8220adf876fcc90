// Whose turn it is, and who gets the work: fair sharing over queues and lanes, least outstanding over
// workers. Pure and deterministic: the same calls give the same picks. No clock, no I/O, no thread; one
// owner.
//
// Queues share the fleet by weight and the lanes of a queue share the queue by weight (start-time fair
// queueing on predicted cost, in integers). A lane or queue without work that somebody can do gains no credit
// while it waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/task.h"

namespace hirehall::scheduler {

// All numbers are dense and given by the caller, except those of shelves.
using QueueNo = std::uint32_t;
using LaneNo = std::uint32_t;
using ClassNo = std::uint32_t;
using ShelfNo = std::uint32_t;
using WorkerNo = std::uint32_t;
inline constexpr std::uint32_t none = ~std::uint32_t{0};

inline constexpr std::uint32_t run_max = 64;  // awards from one shelf to one worker without asking again
inline constexpr std::uint32_t load_one =
    1u << 16;  // the load of a worker that holds as many tasks as it has slots

// Work without room waits so long for its turn before room is kept for it, unless somebody says otherwise.
inline constexpr std::int64_t room_patience_ms = 5000;

class PriceFunction;  // prices.h
class RoomWaits;      // room_waits.h
struct Guard;         // guard.h

struct AgentSpec {
  std::string name, version, digest;
  std::vector<std::string> types, capabilities, tools;
  StringMap labels;
  std::int64_t tier = 0;
  std::shared_ptr<const PriceFunction> price = nullptr;  // for auctions; nothing: it asks for nothing
  std::shared_ptr<const Guard> guard = nullptr;          // what may keep awards from it; nothing: nothing
  bool bids = false;                                     // it can be asked for live bids (chooser.h)
  std::uint32_t max_instances = 0;                       // attempts at a time in one worker; 0: its slots
};

struct WorkerSpec {
  std::vector<AgentSpec> agents;
  StringMap labels;
  StringMap resources;  // name → whole amount, a k, M, G, T or Ki, Mi, Gi, Ti behind it multiplies
  std::uint32_t slots = 1;
  std::optional<std::vector<QueueNo>> queues = std::nullopt;  // it may serve these only; nothing: all
  std::uint64_t name_hash = 0;                                // of the worker's name
};

// One decision with its reasons: among `candidates` workers with free credit that can do the class, `worker`
// has the least (load, number) and `runner_up` the next. Loads are held tasks · load_one / slots. For a class
// that prefers labels (preferred.h) it is the least load after the labels are counted.
struct Pick {
  ShelfNo shelf = none;
  LaneNo lane = none;
  ClassNo cls = none;
  WorkerNo worker = none;
  std::uint16_t agent = 0;  // index into the worker's agents: the first that can do the class
  std::uint32_t run = 1;  // so many in a row may be taken before asking again: the answers would be the same
  std::uint32_t load = 0;
  std::uint32_t candidates = 0;
  std::uint32_t runner_up_load = 0;
  WorkerNo runner_up = none;
  std::uint32_t wanted_labels = 0;  // how many labels the class prefers
  bool alone = false;               // no other shelf waits for a free worker
};

// Somebody who could get the task at hand: a free worker, and an agent of it that can do the class.
struct Listed {
  WorkerNo worker = none;
  std::uint16_t agent = 0;
  std::uint32_t held = 0, slots = 1;
  std::uint32_t room = 1;                         // credit that is free
  std::uint64_t worker_hash = 0, agent_hash = 0;  // of their names
  const std::string* name = nullptr;              // of the agent, until the worker connects again
  const PriceFunction* price = nullptr;           // of the agent, as long; or nothing
  bool bids = false;                              // the agent can be asked for live bids
  std::uint32_t labels = 0;                       // of those that the class prefers, how many it has
};
inline constexpr std::uint32_t workers_looked_at_max = 16;

// What decisions have cost so far, for the probes.
struct Effort {
  std::uint64_t decisions = 0;  // calls of next()
  std::uint64_t looked_at = 0;  // pools, lines and groups of workers looked at in them
};

// Who could do a class just now, and what keeps those who could from it.
struct Prospect {
  std::uint32_t connected = 0;           // workers
  std::uint32_t capable = 0;             // of them
  std::uint32_t draining = 0, full = 0;  // of the capable; the rest is free
  std::uint64_t held = 0, credit = 0;    // of the capable that do not drain
  std::uint32_t cramped = 0;             // of them, with credit and without the resources that are asked for
  WorkerNo cramped_worker = none;        // the first of these
  std::vector<std::string> short_of;     // what it has too little of
  std::uint32_t at_most = 0;             // of them, with credit and with their agents at max_instances
  std::string at_most_agent;             // the first of these
  WorkerNo kept_worker = none;           // the first with all of it free, and kept for others
  WorkerNo nearest = none;               // of those that are not capable: the one that lacks least
  std::vector<std::string> nearest_lacks;  // what that is
};

class Dispatcher {
 public:
  Dispatcher();
  ~Dispatcher();
  Dispatcher(Dispatcher&&) noexcept;
  Dispatcher& operator=(Dispatcher&&) noexcept;

  // Calling again changes the weight. A weight is cut to 1 … 2^20.
  void define_queue(QueueNo queue, std::uint32_t weight);
  void define_lane(LaneNo lane, QueueNo queue, std::uint32_t weight);
  // Calling again replaces it. An empty type (found by its description) is eligible for nobody yet.
  // Who has more of the `preferred` labels goes first, unless its load is a quarter of its slots worse for
  // each.
  void define_class(ClassNo cls, std::string type, Requirements requirements, StringMap preferred = {});

  // A shelf is the awardable work of one (lane, class). It is created on first use.
  ShelfNo shelf(LaneNo lane, ClassNo cls);
  // Has awardable work (not empty, paused or limited). Idempotent and cheap. `order` of the shelf's first
  // task decides between shelves of one lane, least first (then the class number): for instance priority and
  // sequence packed.
  void set_ready(ShelfNo shelf, bool ready, std::uint64_t order = 0);
  void hold(ShelfNo shelf);  // not ready for a while: room that is kept for it stays kept

  // Credit is cut to limits::credit_max. Connecting again replaces specification and credit; what the worker
  // holds stays counted until set_held or release.
  void connect(WorkerNo worker, const WorkerSpec& spec, std::uint32_t credit);
  void disconnect(WorkerNo worker);  // no more awards
  void set_credit(WorkerNo worker, std::uint32_t credit);
  void set_draining(WorkerNo worker, bool draining);
  void set_held(WorkerNo worker, std::uint32_t held);
  void release(WorkerNo worker, std::uint32_t count);  // holds `count` fewer
  // Resources that tasks of a class use: take() books them, these do for a task that it held before, and for
  // one that has ended.
  void use(WorkerNo worker, ClassNo cls);
  void give_back(WorkerNo worker, ClassNo cls);
  // Attempts of agents with max_instances: take() counts them; these are for those that a worker holds when
  // it connects, and for one that has ended. Of other workers nothing is counted.
  bool counts_instances(WorkerNo worker) const;
  void use_instance(WorkerNo worker, std::uint16_t agent);
  void end_instance(WorkerNo worker, std::uint16_t agent);
  std::uint32_t held(WorkerNo worker) const;

  // Nothing when no ready shelf has an eligible worker with free credit. Asking changes nothing: the same
  // pick comes until something is taken or changed. With worker `none`: all that are free have too little of
  // the resources that the class asks for, or keep it for others; the shelf has to be set aside.
  std::optional<Pick> next();
  // What comes next in its turn, as if all were awarded: `visit` says what becomes of each. In its calls
  // lists for the pick can be asked for. Nothing is taken.
  struct Glance {
    bool enough = false;     // nothing more is wanted
    bool taken = false;      // else no more is wanted of its shelf
    std::uint64_t cost = 0;  // as to take()
    bool more = false;       // the shelf has another one, of this order
    std::uint64_t order = 0;
  };
  void look_ahead(const std::function<Glance(const Pick&)>& visit);
  // Stays not ready, whatever set_ready() says, until rooms().offer() names it.
  void set_aside(const Pick& pick, std::int64_t now);
  RoomWaits& rooms();  // of those set aside: who may have room now, and for whom room is kept
  const RoomWaits& rooms() const;
  // How many tasks of the pick's class its worker has room for, run_max at most.
  std::uint32_t room(const Pick& pick) const;
  // Who else could get the task of the pick that next() has just given: all free workers, or when there are
  // more than workers_looked_at_max the two least loaded, others drawn from the seed, and a free worker of
  // each of the `best` agents (hashed). Agents that no connected worker has are struck out of these.
  void short_list(const Pick& pick, std::uint64_t seed, std::vector<std::uint64_t>& best,
                  std::vector<Listed>& out);
  // That worker with each of its agents, if it could get the task of the pick now.
  void of_worker(const Pick& pick, WorkerNo worker, std::vector<Listed>& out);
  // That worker with the first agent of that name (hashed), if it could get the task of the pick now.
  std::optional<Listed> listed(const Pick& pick, WorkerNo worker, std::uint64_t agent_hash);
  // Those two with a free slot that draw an affinity key most (policy.h); looks at every free worker.
  void nearest(const Pick& pick, std::uint64_t affinity, std::vector<Listed>& out);
  // The engine took `count` ≤ run tasks from the pick: charges lane and queue and raises the worker's load.
  // Costs are in one unit of the engine's choice (milliseconds), times the class's dominant share of the
  // fleet in slots (rooms.h); each is cut to 1 … 2^30.
  void take(const Pick& pick, std::uint32_t count, std::uint64_t cost_each);
  // That dominant share now, at least 1.
  std::uint64_t weight_of(ClassNo cls) const;
  // While the task runs and when it ends: real cost minus the cost that was charged, both times the weight
  // that was charged. Counts at once.
  void correct(LaneNo lane, std::int64_t cost_difference);

  // Some connected worker can do it, with credit or without. `none` stands for a queue that no worker is
  // bound to.
  bool served(ClassNo cls, QueueNo queue = none) const;
  // Empty when served. Otherwise what no connected worker has: "type mail.send", "capability vision", "label
  // zone=eu" …
  std::vector<std::string> missing(ClassNo cls, QueueNo queue = none) const;
  Prospect prospect(ClassNo cls, QueueNo queue = none) const;
  std::vector<std::string> short_of(WorkerNo worker, ClassNo cls) const;  // "gpu: 4 asked, 1 of 4 free"
  Effort effort() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hirehall::scheduler
