#include "scheduler/fleet.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/limits.h"
#include "common/mutant.h"
#include "scheduler/policy.h"

namespace hirehall::scheduler {

namespace {

constexpr std::uint64_t no_load = std::numeric_limits<std::uint64_t>::max();
// Groups without workers are kept for their return, until there are too many of them.
constexpr std::size_t dead_groups_kept = 64;

std::uint32_t shown(std::uint64_t load) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(load, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Fleet::Fleet(Turns& turns) : turns_(turns) {
  pools_.emplace_back();
  pool_of_groups_.emplace(std::vector<GroupNo>{}, nobody);
}

void Fleet::define_demand(DemandNo demand, Need need) {
  if (demand >= demands_.size()) demands_.resize(std::size_t{demand} + 1);
  auto& row = demands_[demand];
  if (!row.need.type.empty()) std::erase(demands_of_type_[row.need.type], demand);
  for (const auto& [name, amount] : need.asked) {
    if (amount <= 0) continue;
    auto& least = least_asked_.try_emplace(name, amount).first->second;
    least = std::min(least, amount);
  }
  const RelevantKeys fresh = relevant_.add(need);
  row.need = std::move(need);
  const Turns::Steady steady(turns_);
  if (!row.need.type.empty()) demands_of_type_[row.need.type].push_back(demand);
  // Groups stay as they are when a class asks for what no worker has: anybody may submit such classes.
  const auto tells_apart = [&](const auto& spec) { return spec && fresh.mentioned_by(*spec); };
  if (std::any_of(specs_.begin(), specs_.end(), tells_apart)) regroup();
  match(demand);
}

void Fleet::connect(WorkerNo worker, const WorkerSpec& spec, std::uint32_t credit) {
  auto& row = worker_at(worker);
  row.slots = std::clamp<std::uint32_t>(spec.slots, 1, limits::credit_max);
  row.credit = std::min(credit, limits::credit_max);
  row.draining = false;
  rooms_.offer(worker, spec.resources, row.slots);
  instances_.connect(worker, spec);
  note_room(worker);
  specs_[worker] = std::make_unique<WorkerSpec>(spec);
  name_agents(worker, &spec);
  if (row.group != none) {
    if (group_for(spec) == row.group) return relist(worker);
    const Turns::Steady steady(turns_);
    part(worker);
    join(worker);
    if (groups_.size() - live_groups_ > live_groups_ + dead_groups_kept) regroup();
    return;
  }
  join(worker);
}

void Fleet::disconnect(WorkerNo worker) {
  if (worker_at(worker).group == none) return;
  keep_no_more(worker);
  part(worker);
  rooms_.withdraw(worker);
  instances_.disconnect(worker);
  specs_[worker].reset();
  name_agents(worker, nullptr);
  if (groups_.size() - live_groups_ > live_groups_ + dead_groups_kept) regroup();
}

void Fleet::set_credit(WorkerNo worker, std::uint32_t credit) {
  auto& row = worker_at(worker);
  const auto before = std::exchange(row.credit, std::min(credit, limits::credit_max));
  relist(worker);
  if (row.credit > before && instances_.caps(worker)) note_room(worker);
}

void Fleet::set_draining(WorkerNo worker, bool draining) {
  worker_at(worker).draining = draining;
  relist(worker);
}

void Fleet::set_held(WorkerNo worker, std::uint32_t held) {
  worker_at(worker).held = held;
  relist(worker);
}

std::uint32_t Fleet::held(WorkerNo worker) const {
  return worker < workers_.size() ? workers_[worker].held : 0;
}

std::uint32_t Fleet::free_credit(WorkerNo worker) const {
  return worker < workers_.size() && workers_[worker].listed ? workers_[worker].credit - workers_[worker].held
                                                             : 0;
}

Fleet::Worker& Fleet::worker_at(WorkerNo worker) {
  if (worker >= workers_.size()) {
    HH_CHECK(worker != none, "worker numbers are dense");
    workers_.resize(std::size_t{worker} + 1);
    specs_.resize(std::size_t{worker} + 1);
    names_.resize(std::size_t{worker} + 1);
    worker_places_.resize(std::size_t{worker} + 1);
  }
  return workers_[worker];
}

void Fleet::name_agents(WorkerNo worker, const WorkerSpec* spec) {
  auto& names = names_[worker];
  const auto same = [](std::uint64_t name, const AgentSpec& agent) { return name == hash_of(agent.name); };
  if (spec != nullptr && std::ranges::equal(names, spec->agents, same)) return;
  for (const auto name : names) {
    const auto at = workers_of_agent_.find(name);
    if (at == workers_of_agent_.end()) continue;
    std::erase(at->second, worker);
    if (at->second.empty()) workers_of_agent_.erase(at);
  }
  if (spec == nullptr) return std::vector<std::uint64_t>().swap(names);
  names.clear();
  for (const auto& agent : spec->agents) {
    names.push_back(hash_of(agent.name));
    auto& workers = workers_of_agent_[names.back()];
    if (workers.empty() || workers.back() != worker) workers.push_back(worker);
  }
}

std::uint64_t Fleet::load_of(const Worker& worker) {
  return std::uint64_t{worker.held} * load_one / worker.slots;
}

void Fleet::relist(WorkerNo worker) {
  auto& row = workers_[worker];
  if (row.group == none) return;
  auto& group = groups_[row.group];
  const bool list = !row.draining && row.held < row.credit;
  const bool had = !group.free.empty();
  if (list && row.listed)
    group.free.change_key(worker_places_, worker, load_of(row));
  else if (list)
    group.free.insert(worker_places_, {load_of(row), worker, worker});
  else if (row.listed)
    group.free.remove(worker_places_, worker);
  if (list && (!row.listed || row.kept)) note_room(worker);
  row.listed = list;
  const bool has = !group.free.empty();
  fronts_[row.group] =
      has ? Front{group.free.top().key, group.free.top().id, static_cast<std::uint32_t>(group.free.size())}
          : Front{no_load, none, 0};
  if (has != had) set_free(row.group, has);
}

void Fleet::join(WorkerNo worker) {
  const GroupNo group = group_for(*specs_[worker]);
  workers_[worker].group = group;
  if (++groups_[group].connected == 1) set_live(group, true);
  relist(worker);
}

void Fleet::part(WorkerNo worker) {
  auto& row = workers_[worker];
  const std::uint32_t credit = std::exchange(row.credit, 0);
  relist(worker);
  row.credit = credit;
  const GroupNo group = std::exchange(row.group, none);
  if (--groups_[group].connected == 0) set_live(group, false);
}

GroupNo Fleet::group_for(const WorkerSpec& spec) {
  WorkerSpec abilities = abilities_of(spec, relevant_);
  std::string signature = signature_of(abilities);
  const auto number = static_cast<GroupNo>(groups_.size());
  const auto [known, fresh] = group_of_signature_.emplace(signature, number);
  if (!fresh) return known->second;
  groups_.push_back({.signature = std::move(signature),
                     .abilities = std::move(abilities),
                     .free = {},
                     .connected = 0,
                     .pools = {}});
  fronts_.push_back({no_load, none, 0});
  offer_demands(number);
  return number;
}

// A new group widens the pools of the demands it can do: in place where it can do all demands of a pool.
void Fleet::offer_demands(GroupNo group) {
  struct Match {
    PoolNo pool;
    DemandNo demand;
    std::uint16_t agent;
    bool operator<(const Match& other) const {
      return std::tie(pool, demand) < std::tie(other.pool, other.demand);
    }
  };
  std::vector<DemandNo> asked;
  for (const auto& agent : groups_[group].abilities.agents)
    for (const auto& type : agent.types)
      if (const auto found = demands_of_type_.find(type); found != demands_of_type_.end())
        asked.insert(asked.end(), found->second.begin(), found->second.end());
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  std::vector<Match> matches;
  for (const DemandNo demand : asked)
    if (const auto agent = agent_for(demands_[demand].need, groups_[group].abilities))
      matches.push_back({demands_[demand].pool, demand, *agent});
  std::sort(matches.begin(), matches.end());
  const Turns::Steady steady(turns_);
  for (auto first = matches.begin(); first != matches.end();) {
    const auto last =
        std::find_if(first, matches.end(), [&](const Match& m) { return m.pool != first->pool; });
    for (auto it = first; it != last; ++it) demands_[it->demand].agents.push_back(it->agent);
    if (const PoolNo pool = first->pool;
        pool != nobody && static_cast<std::size_t>(last - first) == pools_[pool].demands.size()) {
      widen(pool, group);
    } else {
      auto groups = pools_[pool].groups;
      groups.push_back(group);
      const PoolNo wider = pool_for(std::move(groups));
      for (auto it = first; it != last; ++it) move_demand(it->demand, wider);
    }
    first = last;
  }
}

void Fleet::match(DemandNo demand) {
  auto& row = demands_[demand];
  row.agents.clear();
  row.fits.clear();
  std::vector<GroupNo> groups;
  for (GroupNo group = 0; group < groups_.size(); ++group) {
    const auto agent = agent_for(row.need, groups_[group].abilities);
    if (!agent) continue;
    groups.push_back(group);
    row.agents.push_back(*agent);
  }
  move_demand(demand, pool_for(std::move(groups)));
}

PoolNo Fleet::pool_for(std::vector<GroupNo> groups) {
  const auto number = static_cast<PoolNo>(pools_.size());
  const auto [known, fresh] = pool_of_groups_.emplace(groups, number);
  if (!fresh) return known->second;
  Pool pool;
  for (const GroupNo group : groups) {
    groups_[group].pools.push_back(number);
    pool.live += groups_[group].connected > 0;
    pool.open += !groups_[group].free.empty();
  }
  pool.groups = std::move(groups);
  pools_.push_back(std::move(pool));
  turns_.set_open(number, pools_[number].open > 0);
  return number;
}

void Fleet::widen(PoolNo number, GroupNo group) {
  auto& pool = pools_[number];
  auto node = pool_of_groups_.extract(pool.groups);
  pool.groups.push_back(group);
  node.key() = pool.groups;
  pool_of_groups_.insert(std::move(node));
  groups_[group].pools.push_back(number);
}

void Fleet::move_demand(DemandNo demand, PoolNo pool) {
  auto& row = demands_[demand];
  std::erase(pools_[row.pool].demands, demand);
  row.pool = pool;
  pools_[pool].demands.push_back(demand);
  place(demand);
}

void Fleet::place(DemandNo demand) {
  const PoolNo pool = demands_[demand].pool;
  turns_.place_demand(demand, pools_[pool].live > 0 ? pool : nobody);
}

void Fleet::set_live(GroupNo group, bool live) {
  live ? ++live_groups_ : --live_groups_;
  for (const PoolNo number : groups_[group].pools) {
    auto& pool = pools_[number];
    const bool was = pool.live > 0;
    live ? ++pool.live : --pool.live;
    if (was == (pool.live > 0)) continue;
    for (const DemandNo demand : pool.demands) place(demand);
  }
}

void Fleet::set_free(GroupNo group, bool free) {
  for (const PoolNo number : groups_[group].pools) {
    auto& pool = pools_[number];
    const bool was = pool.open > 0;
    free ? ++pool.open : --pool.open;
    if (was != (pool.open > 0)) turns_.set_open(number, pool.open > 0);
  }
}

// Forgets groups and pools and makes those of the workers that are connected.
void Fleet::regroup() {
  const Turns::Steady steady(turns_);
  std::vector<WorkerNo> connected;
  for (WorkerNo worker = 0; worker < workers_.size(); ++worker)
    if (workers_[worker].group != none) connected.push_back(worker);
  for (const WorkerNo worker : connected) part(worker);
  groups_.clear();
  fronts_.clear();
  group_of_signature_.clear();
  pools_.resize(1);
  pools_[nobody] = {};
  pool_of_groups_.clear();
  pool_of_groups_.emplace(std::vector<GroupNo>{}, nobody);
  for (DemandNo demand = 0; demand < demands_.size(); ++demand) {
    demands_[demand].pool = nobody;
    demands_[demand].agents.clear();
    demands_[demand].fits.clear();
    pools_[nobody].demands.push_back(demand);
  }
  for (const WorkerNo worker : connected) join(worker);
}

void Fleet::choose(PoolNo number, DemandNo demand_no, Pick& pick) {
  const auto& demand = demands_[demand_no];
  if (!demand.need.preferred.empty()) return choose_preferring(number, demand_no, pick);
  if (!demand.need.asked.empty()) return choose_with_room(number, demand_no, pick);
  const auto& pool = pools_[number];
  const bool all_open = kept_ == 0 && instances_.empty();
  TurnHeap::Entry best{no_load, none, none}, next{no_load, none, none};
  std::size_t best_index = 0;
  pick.candidates = 0;
  for (std::size_t i = 0; i < pool.groups.size(); ++i) {
    const auto& front = fronts_[pool.groups[i]];
    const auto entry = all_open ? TurnHeap::Entry{front.load, front.worker, front.worker}
                                : first_open(pool.groups[i], demand.need, demand.agents[i]);
    pick.candidates += front.free;
    if (entry < best) {
      next = best;
      best = entry;
      best_index = i;
    } else if (entry < next) {
      next = entry;
    }
  }
  looked_at_ += pool.groups.size();
  HH_CHECK(best.id != none || !all_open, "an open pool has a free worker");
  if (best.id == none) return;
  const auto& heap = groups_[pool.groups[best_index]].free;
  const bool first = heap.top().id == best.id;
  if (first && heap.size() > 1) next = std::min(next, heap.second());
  pick.agent = *free_agent(best.id, demand.need, demand.agents[best_index]);
  award_to(best, next, demand.need.asked, pick);
  if (!first) pick.run = 1;
}

// Looks at every free worker: which of them has room is another question for each demand.
void Fleet::choose_with_room(PoolNo number, DemandNo demand_no, Pick& pick) {
  const auto& pool = pools_[number];
  const auto& demand = demands_[demand_no];
  TurnHeap::Entry best{no_load, none, none}, next{no_load, none, none};
  pick.candidates = 0;
  for (std::size_t i = 0; i < pool.groups.size(); ++i) {
    const auto& heap = groups_[pool.groups[i]].free;
    looked_at_ += heap.size();
    for (std::size_t k = 0; k < heap.size(); ++k) {
      const auto& entry = heap.at(k);
      if (rooms_.room(entry.id, demand.need.asked) == 0 && !HH_MUTANT("resources_overbooked")) continue;
      if (credit_for(workers_[entry.id], entry.id, demand.need.asked) == 0) continue;
      const auto agent = free_agent(entry.id, demand.need, demand.agents[i]);
      if (!agent) continue;
      ++pick.candidates;
      if (entry < best) {
        next = best;
        best = entry;
        pick.agent = *agent;
      } else if (entry < next) {
        next = entry;
      }
    }
  }
  if (best.id == none) return;
  award_to(best, next, demand.need.asked, pick);
  pick.run = std::clamp(rooms_.room(best.id, demand.need.asked), 1u, pick.run);
}

void Fleet::award_to(const TurnHeap::Entry& best, const TurnHeap::Entry& next, const Amounts& asked,
                     Pick& pick) const {
  pick.worker = best.id;
  pick.load = shown(best.key);
  pick.runner_up = next.id;
  pick.runner_up_load = next.id == none ? 0 : shown(next.key);

  const auto& worker = workers_[best.id];
  std::uint64_t run = std::min({credit_for(worker, best.id, asked), run_max,
                                instances_.left(best.id, pick.agent, worker.slots, worker.credit)});
  if (next.id != none) {
    // The worker stays first while (held + i) · load_one / slots is below the next one's load, or equal and
    // its number is lower: (held + i) · load_one < limit.
    const std::uint64_t limit = (next.key + (best.tie < next.tie)) * worker.slots;
    run = std::min(run, (limit - 1) / load_one - worker.held + 1);
  }
  pick.run = static_cast<std::uint32_t>(run);
}

void Fleet::give_back(WorkerNo worker, const Amounts& asked) {
  rooms_.give_back(worker, asked);
  note_room(worker);
}

bool Fleet::served(const Need& need) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const auto& group) {
    return group.connected > 0 && agent_for(need, group.abilities);
  });
}

std::vector<std::string> Fleet::missing(const Need& need) const {
  if (served(need)) return {};
  std::vector<const WorkerSpec*> fleet;
  for (const auto& group : groups_)
    if (group.connected > 0) fleet.push_back(&group.abilities);
  return missing_among(need, fleet);
}

}  // namespace hirehall::scheduler
