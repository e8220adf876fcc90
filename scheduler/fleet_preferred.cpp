// Who is picked for a demand that prefers labels: the least loaded, where each preferred label that is
// lacking counts as load. Labels that some class prefers tell groups apart, so that the front of each group
// is all that has to be looked at.
#include <algorithm>
#include <limits>

#include "scheduler/fleet.h"
#include "scheduler/preferred.h"

namespace hirehall::scheduler {

Fleet::Fit Fleet::best_fit(const WorkerSpec& abilities, const Need& need, std::uint16_t first) const {
  Fit best{first, labels_of(abilities.agents[first], abilities, need.preferred)};
  for (std::size_t at = first + std::size_t{1}; at < abilities.agents.size(); ++at) {
    if (!can_do(abilities.agents[at], abilities, need)) continue;
    const auto labels = labels_of(abilities.agents[at], abilities, need.preferred);
    if (labels > best.labels) best = {static_cast<std::uint16_t>(at), labels};
  }
  return best;
}

// The same among its agents with an instance left.
std::optional<Fleet::Fit> Fleet::free_fit(WorkerNo worker, const Demand& demand, std::size_t group) const {
  if (!instances_.caps(worker)) return demand.fits[group];
  const auto& row = workers_[worker];
  const auto& abilities = groups_[row.group].abilities;
  std::optional<Fit> best;
  for (std::size_t at = demand.agents[group]; at < abilities.agents.size(); ++at) {
    const auto agent = static_cast<std::uint16_t>(at);
    if (instances_.left(worker, agent, row.slots, row.credit) == 0) continue;
    if (agent != demand.agents[group] && !can_do(abilities.agents[at], abilities, demand.need)) continue;
    const auto labels = labels_of(abilities.agents[at], abilities, demand.need.preferred);
    if (!best || labels > best->labels) best = Fit{agent, labels};
  }
  return best;
}

void Fleet::choose_preferring(PoolNo number, DemandNo demand_no, Pick& pick) {
  const auto& pool = pools_[number];
  auto& demand = demands_[demand_no];
  const auto& need = demand.need;
  for (std::size_t i = demand.fits.size(); i < pool.groups.size(); ++i)
    demand.fits.push_back(best_fit(groups_[pool.groups[i]].abilities, need, demand.agents[i]));
  pick.wanted_labels = static_cast<std::uint32_t>(need.preferred.size());
  pick.candidates = 0;
  Preferring best, next;
  const auto consider = [&](const TurnHeap::Entry& entry, const Fit& fit) {
    const Preferring one{entry.key, handicap_of(pick.wanted_labels, fit.labels), entry.id, fit.agent};
    if (best.worker == none || one.before(best)) {
      next = best;
      best = one;
    } else if (next.worker == none || one.before(next)) {
      next = one;
    }
  };
  const bool all_open = kept_ == 0 && instances_.empty() && need.asked.empty();
  for (std::size_t i = 0; i < pool.groups.size(); ++i) {
    const auto& heap = groups_[pool.groups[i]].free;
    if (all_open) {
      pick.candidates += static_cast<std::uint32_t>(heap.size());
      if (!heap.empty()) consider(heap.top(), demand.fits[i]);
      if (heap.size() > 1) consider(heap.second(), demand.fits[i]);
      continue;
    }
    looked_at_ += heap.size();
    for (std::size_t k = 0; k < heap.size(); ++k) {
      const auto& entry = heap.at(k);
      if (!need.asked.empty() && rooms_.room(entry.id, need.asked) == 0) continue;
      if (credit_for(workers_[entry.id], entry.id, need.asked) == 0) continue;
      const auto fit = free_fit(entry.id, demand, i);
      if (!fit) continue;
      ++pick.candidates;
      consider(entry, *fit);
    }
  }
  looked_at_ += pool.groups.size();
  if (best.worker == none) return;
  pick.agent = best.agent;
  // It stays first up to the load at which the other one is, and at that load when it lacks more labels.
  TurnHeap::Entry rival{std::numeric_limits<std::uint64_t>::max(), none, none};
  if (next.worker != none)
    rival = {next.load + next.handicap - best.handicap,
             next.handicap < best.handicap   ? none
             : next.handicap > best.handicap ? 0
                                             : next.worker,
             next.worker};
  award_to({best.load, best.worker, best.worker}, rival, need.asked, pick);
  if (next.worker != none)
    pick.runner_up_load = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(next.load, std::numeric_limits<std::uint32_t>::max()));
  if (!need.asked.empty()) pick.run = std::clamp(rooms_.room(best.worker, need.asked), 1u, pick.run);
}

}  // namespace hirehall::scheduler
