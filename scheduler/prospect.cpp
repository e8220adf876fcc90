// Who could do a demand, for people who ask why nobody does it.
#include <algorithm>
#include <limits>
#include <utility>

#include "scheduler/fleet.h"

namespace hirehall::scheduler {
namespace {

// How far a kind of worker is from a need: one that does the type lacks less than one that does not, however
// much else is asked for, and one that may not serve the queue lacks most.
std::size_t distance(const Need& need, const WorkerSpec& abilities, std::size_t lacks) {
  constexpr std::size_t another_type = 1000, another_queue = 2000;
  if (abilities.queues && !std::binary_search(abilities.queues->begin(), abilities.queues->end(), need.queue))
    return another_queue;
  bool does_type = std::any_of(abilities.agents.begin(), abilities.agents.end(), [&](const auto& agent) {
    return std::binary_search(agent.types.begin(), agent.types.end(), need.type);
  });
  return does_type ? lacks : another_type;
}

}  // namespace

Prospect Fleet::prospect(const Need& need) const {
  Prospect out;
  std::vector<std::optional<std::uint16_t>> able(groups_.size());  // the first agent that is
  GroupNo nearest = none;
  auto least = std::numeric_limits<std::size_t>::max();
  for (GroupNo number = 0; number < groups_.size(); ++number) {
    const auto& group = groups_[number];
    if (group.connected == 0) continue;
    able[number] = agent_for(need, group.abilities);
    if (able[number]) continue;
    auto lacks = missing_among(need, {&group.abilities});
    auto far = distance(need, group.abilities, lacks.size());
    if (far >= least) continue;
    least = far;
    nearest = number;
    out.nearest_lacks = std::move(lacks);
  }
  for (WorkerNo number = 0; number < workers_.size(); ++number) {
    const auto& worker = workers_[number];
    if (worker.group == none) continue;
    ++out.connected;
    if (worker.group == nearest && out.nearest == none) out.nearest = number;
    if (!able[worker.group]) continue;
    ++out.capable;
    if (worker.draining) {
      ++out.draining;
      continue;
    }
    out.held += worker.held;
    out.credit += worker.credit;
    if (worker.held >= worker.credit) {
      ++out.full;
    } else if (!free_agent(number, need, *able[worker.group])) {
      if (out.at_most++ == 0) out.at_most_agent = specs_[number]->agents[*able[worker.group]].name;
    } else if (credit_for(worker, number, need.asked) == 0 ||
               (!need.asked.empty() && rooms_.room(number, need.asked) == 0)) {
      auto short_of = rooms_.short_of(number, need.asked);
      if (out.kept_worker == none && short_of.empty()) out.kept_worker = number;
      if (out.cramped++ == 0 || (out.short_of.empty() && !short_of.empty()))
        out.cramped_worker = number, out.short_of = std::move(short_of);
    }
  }
  return out;
}

}  // namespace hirehall::scheduler
