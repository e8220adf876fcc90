// A worker as it is connected now; not durable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "broker/engine/inputs.h"
#include "broker/engine/ledger.h"

namespace hirehall::engine {

struct WorkerSession {
  bool connected = false;
  bool draining = false;
  Millis last_seen = 0;
  std::uint32_t credit = 0;
  std::uint64_t confirmed = 0;  // awards up to this number have arrived
  scheduler::WorkerSpec spec;   // as it registered; the dispatcher's may differ (breakers.h)
  QueueScope queues, types;
  bool aside = false;  // by an operator
  bool timed = false;  // it says how long attempts ran

  // Awards name an agent by its place in the list. The lists of before it came back with another one, each
  // with the last award that was made by it; after a restart the one it comes back with is taken for all.
  std::vector<std::pair<std::uint64_t, std::vector<scheduler::AgentSpec>>> former;

  bool takes_work() const { return connected && !draining && !aside; }
  // Whom a task was awarded to; null: not known.
  const scheduler::AgentSpec* agent_of(std::uint64_t award, std::uint16_t agent) const {
    const auto* agents = &spec.agents;
    for (const auto& [last_award, were] : former)
      if (award <= last_award) {
        agents = &were;
        break;
      }
    return agent < agents->size() ? &(*agents)[agent] : nullptr;
  }
  // Where that agent stands in the present list; nothing: nowhere.
  std::optional<std::uint16_t> place_of(std::uint64_t award, std::uint16_t agent) const {
    const auto* was = agent_of(award, agent);
    if (was == nullptr) return std::nullopt;
    if (was >= spec.agents.data() && was < spec.agents.data() + spec.agents.size()) return agent;
    auto at = std::ranges::find_if(
        spec.agents, [&](const auto& a) { return a.name == was->name && a.version == was->version; });
    if (at == spec.agents.end()) at = std::ranges::find(spec.agents, was->name, &scheduler::AgentSpec::name);
    if (at == spec.agents.end()) return std::nullopt;
    return static_cast<std::uint16_t>(at - spec.agents.begin());
  }
  // Before `spec` becomes what it registers now.
  void keep_agents(std::uint64_t last_award, bool holds, const std::vector<scheduler::AgentSpec>& agents) {
    constexpr std::size_t kept_max = 8;
    if (!holds) former.clear();
    const auto same = [](const scheduler::AgentSpec& a, const scheduler::AgentSpec& b) {
      return a.name == b.name && a.version == b.version;
    };
    if (!holds || spec.agents.empty() || std::ranges::equal(spec.agents, agents, same)) return;
    if (former.size() == kept_max) former.erase(former.begin());
    former.emplace_back(last_award, std::move(spec.agents));
  }
};

using WorkerSessions = std::map<std::uint32_t, WorkerSession>;

inline const scheduler::AgentSpec* agent_of(const WorkerSessions& sessions, const Lease& lease) {
  const auto session = sessions.find(lease.worker);
  return session == sessions.end() ? nullptr : session->second.agent_of(lease.award, lease.agent);
}

// That a worker is being sent in this turn.
struct AwardMessage {
  std::uint64_t number = 0;
  std::size_t bytes = 0;
};

}  // namespace hirehall::engine
