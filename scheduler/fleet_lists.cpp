// Who else could get the task at hand: short lists for the policies that look at more than load.
#include <algorithm>
#include <array>

#include "common/check.h"
#include "common/mutant.h"
#include "scheduler/chance.h"
#include "scheduler/fleet.h"
#include "scheduler/policy.h"

namespace hirehall::scheduler {

namespace {

constexpr std::size_t agents_listed = 8;  // of one worker
constexpr std::size_t workers_of_agent_looked_at = 8;
constexpr std::size_t drawn = workers_looked_at_max - 2;  // beside the two that are least loaded

}  // namespace

// A worker and each of its agents that can do the demand, from the first on.
void Fleet::list(WorkerNo worker, const Need& need, std::uint16_t first, std::vector<Listed>& out) const {
  if (!need.asked.empty() && rooms_.room(worker, need.asked) == 0) return;
  const auto& row = workers_[worker];
  const auto credit = credit_for(row, worker, need.asked);
  if (credit == 0) return;
  const auto& abilities = groups_[row.group].abilities;
  const auto& hashes = names_[worker];
  std::size_t listed = 0;
  for (std::size_t agent = first; agent < abilities.agents.size() && listed < agents_listed; ++agent) {
    if (agent != first && !can_do(abilities.agents[agent], abilities, need)) continue;
    const auto number = static_cast<std::uint16_t>(agent);
    const auto instances = instances_.left(worker, number, row.slots, row.credit);
    if (instances == 0) continue;
    out.push_back({.worker = worker,
                   .agent = number,
                   .held = row.held,
                   .slots = row.slots,
                   .room = std::min(credit, instances),
                   .worker_hash = specs_[worker]->name_hash,
                   .agent_hash = hashes[agent],
                   .name = &specs_[worker]->agents[agent].name,
                   .price = specs_[worker]->agents[agent].price.get(),
                   .bids = specs_[worker]->agents[agent].bids,
                   .labels = need.preferred.empty()
                                 ? 0
                                 : labels_of(abilities.agents[agent], abilities, need.preferred)});
    ++listed;
  }
}

std::uint16_t Fleet::first_agent(const Pool& pool, const Demand& demand, WorkerNo worker) const {
  const auto& groups = pool.groups;
  const auto at = std::lower_bound(groups.begin(), groups.end(), workers_[worker].group);
  HH_CHECK(at != groups.end() && *at == workers_[worker].group, "a pick is of its own pool");
  return demand.agents[static_cast<std::size_t>(at - groups.begin())];
}

void Fleet::short_list(PoolNo number, DemandNo demand_no, const Pick& pick, std::uint64_t seed,
                       std::vector<std::uint64_t>& best, std::vector<Listed>& out) {
  const auto& pool = pools_[number];
  const auto& demand = demands_[demand_no];
  out.clear();
  if (HH_MUTANT("ineligible_worker_wins")) {
    for (const auto& group : groups_)
      for (std::size_t i = 0; i < group.free.size(); ++i) list(group.free.at(i).id, demand.need, 0, out);
    return;
  }
  const bool all = pick.candidates <= workers_looked_at_max;
  std::array<std::uint64_t, drawn> places{};
  if (!all) {
    list(pick.worker, demand.need,
         demand.need.preferred.empty() ? pick.agent : first_agent(pool, demand, pick.worker), out);
    if (pick.runner_up != none)
      list(pick.runner_up, demand.need, first_agent(pool, demand, pick.runner_up), out);
    // Of those with room for what is asked nobody knows where they lie: all free ones are drawn from.
    std::uint64_t free = pick.candidates;
    if (!demand.need.asked.empty()) {
      free = 0;
      for (const auto group : pool.groups) free += groups_[group].free.size();
    }
    Stream chance(seed);
    for (auto& place : places) place = chance.below(free);
    std::sort(places.begin(), places.end());
  }
  looked_at_ += pool.groups.size();
  std::uint64_t before = 0;
  const auto* next = places.begin();
  for (std::size_t i = 0; i < pool.groups.size(); ++i) {
    const auto& heap = groups_[pool.groups[i]].free;
    for (std::size_t k = 0; all && k < heap.size(); ++k)
      list(heap.at(k).id, demand.need, demand.agents[i], out);
    for (; !all && next != places.end() && *next < before + heap.size(); ++next) {
      if (next != places.begin() && *next == *(next - 1)) continue;
      const WorkerNo worker = heap.at(*next - before).id;
      if (worker != pick.worker && worker != pick.runner_up) list(worker, demand.need, demand.agents[i], out);
    }
    before += heap.size();
  }
  if (!all) list_best(number, demand, seed, best, out);
}

// Those agents that are not listed yet, each on a free worker.
void Fleet::list_best(PoolNo pool, const Demand& demand, std::uint64_t seed, std::vector<std::uint64_t>& best,
                      std::vector<Listed>& out) {
  std::erase_if(best, [&](std::uint64_t agent) { return !workers_of_agent_.contains(agent); });
  for (const auto agent : best) {
    if (std::ranges::find(out, agent, &Listed::agent_hash) != out.end()) continue;
    const auto worker = free_worker_of(pool, agent, seed);
    if (worker != none) list(worker, demand.need, first_agent(pools_[pool], demand, worker), out);
  }
}

// The least loaded of a few of its workers.
WorkerNo Fleet::free_worker_of(PoolNo pool, std::uint64_t agent, std::uint64_t seed) {
  const auto& workers = workers_of_agent_.at(agent);
  const auto looks = std::min(workers.size(), workers_of_agent_looked_at);
  looked_at_ += looks;
  WorkerNo found = none;
  for (std::size_t i = 0; i < looks; ++i) {
    const WorkerNo worker = workers[(seed + i) % workers.size()];
    const auto& row = workers_[worker];
    if (!row.listed || !in_pool(pool, row.group)) continue;
    if (found == none || load_of(row) < load_of(workers_[found])) found = worker;
  }
  return found;
}

void Fleet::of_worker(PoolNo number, DemandNo demand_no, WorkerNo worker, std::vector<Listed>& out) const {
  if (worker >= workers_.size() || !workers_[worker].listed) return;
  const auto& groups = pools_[number].groups;
  const auto at = std::lower_bound(groups.begin(), groups.end(), workers_[worker].group);
  if (at == groups.end() || *at != workers_[worker].group) return;
  const auto& demand = demands_[demand_no];
  list(worker, demand.need, demand.agents[static_cast<std::size_t>(at - groups.begin())], out);
}

std::optional<Listed> Fleet::listed(PoolNo pool, DemandNo demand, WorkerNo worker,
                                    std::uint64_t agent) const {
  std::vector<Listed> agents;
  of_worker(pool, demand, worker, agents);
  const auto found = std::ranges::find(agents, agent, &Listed::agent_hash);
  return found == agents.end() ? std::nullopt : std::optional(*found);
}

void Fleet::nearest(PoolNo number, DemandNo demand_no, std::uint64_t affinity, std::vector<Listed>& out) {
  struct Near {
    std::int64_t pull = -1;
    WorkerNo worker = none;
    std::uint16_t agent = 0;
    bool before(const Near& other) const {
      return pull != other.pull ? pull > other.pull : worker < other.worker;
    }
  };
  Near best, second;
  const auto& pool = pools_[number];
  const auto& demand = demands_[demand_no];
  for (std::size_t i = 0; i < pool.groups.size(); ++i) {
    const auto& heap = groups_[pool.groups[i]].free;
    looked_at_ += heap.size();
    for (std::size_t k = 0; k < heap.size(); ++k) {
      const WorkerNo worker = heap.at(k).id;
      if (workers_[worker].held >= workers_[worker].slots) continue;
      if (!demand.need.asked.empty() && rooms_.room(worker, demand.need.asked) == 0) continue;
      if (credit_for(workers_[worker], worker, demand.need.asked) == 0) continue;
      const auto agent = free_agent(worker, demand.need, demand.agents[i]);
      if (!agent) continue;
      const Near near{pull_of(affinity, specs_[worker]->name_hash), worker, *agent};
      if (near.before(best))
        second = best, best = near;
      else if (near.before(second))
        second = near;
    }
  }
  out.clear();
  for (const auto& near : {best, second}) {
    if (near.worker == none) continue;
    list(near.worker, demand.need, near.agent, out);
    while (out.back().agent != near.agent) out.pop_back();  // this policy chooses no agents
  }
}

}  // namespace hirehall::scheduler
