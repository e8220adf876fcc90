// What of a worker is there for a demand: beside room that is kept on it (room_waits.h says for whom), and
// beside agents that run as often as they may.
#include <algorithm>
#include <limits>
#include <tuple>

#include "scheduler/fleet.h"

namespace hirehall::scheduler {

bool Fleet::in_pool(PoolNo pool, GroupNo group) const {
  const auto& groups = pools_[pool].groups;
  return group != none && std::binary_search(groups.begin(), groups.end(), group);
}

// The others leave the credit for one task.
std::uint32_t Fleet::credit_for(const Worker& row, WorkerNo worker, const Amounts& asked) const {
  const auto free = row.credit - std::min(row.credit, row.held);
  return free - (free > 0 && row.kept && rooms_.keeps_from(worker, asked));
}

// Of the agents from `first` on, which can do it, the first with an instance left.
std::optional<std::uint16_t> Fleet::free_agent(WorkerNo worker, const Need& need, std::uint16_t first) const {
  if (!instances_.caps(worker)) return first;
  const auto& row = workers_[worker];
  const auto& abilities = groups_[row.group].abilities;
  for (std::size_t at = first; at < abilities.agents.size(); ++at) {
    const auto agent = static_cast<std::uint16_t>(at);
    if (instances_.left(worker, agent, row.slots, row.credit) > 0 &&
        (agent == first || can_do(abilities.agents[agent], abilities, need)))
      return agent;
  }
  return std::nullopt;
}

void Fleet::end_instance(WorkerNo worker, std::uint16_t agent) {
  instances_.give_back(worker, agent);
  note_room(worker);
}

TurnHeap::Entry Fleet::first_open(GroupNo number, const Need& need, std::uint16_t first) const {
  const auto& group = groups_[number];
  const auto is_shut = [&](WorkerNo worker) {
    return credit_for(workers_[worker], worker, need.asked) == 0 || !free_agent(worker, need, first);
  };
  const auto* found = group.free.first_but(is_shut);
  return found == nullptr ? TurnHeap::Entry{std::numeric_limits<std::uint64_t>::max(), none, none} : *found;
}

bool Fleet::has_room(WorkerNo worker, DemandNo demand) const {
  const auto& [need, pool, agents, fits] = demands_[demand];
  if (worker >= workers_.size() || !workers_[worker].listed) return false;
  const auto& row = workers_[worker];
  return in_pool(pool, row.group) && credit_for(row, worker, need.asked) > 0 &&
         (need.asked.empty() || rooms_.room(worker, need.asked) > 0) &&
         free_agent(worker, need, first_agent(pools_[pool], demands_[demand], worker)).has_value();
}

void Fleet::keep(WorkerNo worker, DemandNo demand) {
  auto& row = workers_[worker];
  if (!row.kept) ++kept_;
  row.kept = true;
  rooms_.keep(worker, demands_[demand].need.asked);
}

void Fleet::keep_no_more(WorkerNo worker) {
  if (worker >= workers_.size() || !workers_[worker].kept) return;
  auto& row = workers_[worker];
  row.kept = false;
  --kept_;
  rooms_.keep(worker, {});
  note_room(worker);
}

bool Fleet::keeps(WorkerNo worker, DemandNo demand_no) const {
  const auto& row = workers_[worker];
  const auto& demand = demands_[demand_no];
  return row.kept && !row.draining && row.credit > 0 && in_pool(demand.pool, row.group) &&
         rooms_.could_hold(worker, demand.need.asked);
}

bool Fleet::can_be_overtaken(DemandNo demand) const {
  return std::ranges::any_of(demands_[demand].need.asked, [&](const auto& asked) {
    const auto least = least_asked_.find(asked.first);
    return least != least_asked_.end() && least->second < asked.second;
  });
}

// Where least of what is asked for is missing, then where least runs. Half of those that could hold it stay
// free of this, but for a single one.
WorkerNo Fleet::keeper_for(DemandNo demand_no) const {
  const auto& demand = demands_[demand_no];
  std::size_t able = 0, kept = 0;
  std::tuple<std::int64_t, std::uint64_t, WorkerNo> best{std::numeric_limits<std::int64_t>::max(), 0, none};
  for (WorkerNo worker = 0; worker < workers_.size(); ++worker) {
    const auto& row = workers_[worker];
    if (row.draining || row.credit == 0 || !in_pool(demand.pool, row.group)) continue;
    if (!rooms_.could_hold(worker, demand.need.asked)) continue;
    if (!free_agent(worker, demand.need, first_agent(pools_[demand.pool], demand, worker))) continue;
    ++able;
    kept += row.kept;
    if (!row.kept) best = std::min(best, {rooms_.lacking(worker, demand.need.asked), load_of(row), worker});
  }
  return kept < std::max<std::size_t>(able / 2, 1) ? std::get<WorkerNo>(best) : none;
}

void Fleet::watch_rooms(bool watched) {
  rooms_watched_ = watched;
  roomier_.clear();
}

void Fleet::note_room(WorkerNo worker) {
  ++room_version_;
  if (rooms_watched_ && (roomier_.empty() || roomier_.back() != worker)) roomier_.push_back(worker);
}

}  // namespace hirehall::scheduler
