// Breakers at the award: what attempts tell them, and what the dispatcher is told when they open and close.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"
#include "scheduler/ability.h"

namespace hirehall::engine {
namespace {

AgentOffers offers_of(const std::map<std::uint32_t, WorkerSession>& sessions) {
  AgentOffers offers;
  for (const auto& [worker, session] : sessions) {
    if (!session.connected) continue;
    for (const auto& agent : session.spec.agents) {
      auto& offer = offers[agent.name];
      offer.takes_work = offer.takes_work || session.takes_work();
      offer.types.insert(agent.types.begin(), agent.types.end());
    }
  }
  return offers;
}

}  // namespace

// Of several versions of an agent the one that registered last says how; a version without a breaker takes it
// away once nobody brings the others any more.
void Engine::guard_agents(const scheduler::WorkerSpec& spec) {
  const auto guarded_by_others = [&](const std::string& name) {
    return std::ranges::any_of(sessions_, [&](const auto& session) {
      return session.second.connected && std::ranges::any_of(session.second.spec.agents, [&](const auto& a) {
               return a.name == name && a.guard != nullptr;
             });
    });
  };
  for (const auto& agent : spec.agents) {
    if (agent.guard)
      breakers_.guard(agent.name, *agent.guard);
    else if (breakers_.guarded(agent.name) != nullptr && !guarded_by_others(agent.name))
      breakers_.forget(agent.name);
  }
  if (breakers_.all_guarded().size() > limits::agents_max) {
    const auto offers = offers_of(sessions_);
    std::vector<std::string> gone;
    for (const auto& [name, guarded] : breakers_.all_guarded())
      if (!offers.contains(name)) gone.push_back(name);
    for (const auto& name : gone) breakers_.forget(name);
  }
  breakers_.fleet_changed();
}

void Engine::tell_breakers(const Lease& lease, const FinishItem& item) {
  AttemptEnd end;
  end.token = lease.token;
  end.sequence = lease.sequence;
  end.outcome = item.outcome;
  end.stopped = lease.stop_to != State::leased;
  end.service = item.service;
  end.error_code = item.error_code;
  end.error = item.error;
  end.delay_ms = item.delay_ms;
  if (const auto* agent = agent_of(sessions_, lease)) end.agent = agent->name;
  breakers_.ended(end, now_);
}

void Engine::fit_agents() {
  const auto others = breakers_.fit(breakers_.disturbed() ? offers_of(sessions_) : AgentOffers{}, now_);
  if (others.empty()) return;
  for (auto& [worker, session] : sessions_) {
    const auto is_other = [&](const auto& agent) { return others.contains(agent.name); };
    if (session.connected && std::ranges::any_of(session.spec.agents, is_other)) connect(worker, session);
  }
}

// A run of awards is no longer than the probes that are left.
void Engine::cap_probes(scheduler::Pick& pick) const {
  if (HH_MUTANT("probes_uncapped")) return;
  const auto& agent = sessions_.at(pick.worker).spec.agents[pick.agent];
  pick.run = std::clamp(breakers_.room(agent.name, now_), 1u, pick.run);
}

void Engine::note_probes(const scheduler::Pick& pick, std::uint32_t taken) {
  const auto& agent = sessions_.at(pick.worker).spec.agents[pick.agent];
  for (auto at = outputs_.awards.end() - taken; at != outputs_.awards.end(); ++at)
    breakers_.began(agent.name, at->token, now_);
  if (breakers_.due(now_)) fit_agents();
}

std::vector<KeptOut> Engine::kept_out(std::uint32_t class_, std::uint32_t queue) const {
  std::vector<KeptOut> out;
  if (!breakers_.altered()) return out;
  const auto& wanted = ledger_.classes[class_];
  std::set<std::string_view> seen;
  for (const auto& [worker, session] : sessions_) {
    const auto& queues = session.spec.queues;
    if (!session.connected || (queues && std::ranges::find(*queues, queue) == queues->end())) continue;
    for (const auto& agent : session.spec.agents)
      if (breakers_.is_out(agent.name) &&
          scheduler::could_do(agent, session.spec, wanted.type, wanted.requirements) &&
          seen.insert(agent.name).second) {
        auto why = breakers_.why_out(agent.name, now_);
        if (!why.state.empty()) out.push_back(std::move(why));  // else the next turn offers it again
      }
  }
  return out;
}

Status Engine::reset_breaker(BreakerOf of, const std::string& name) {
  if (!breakers_.reset(of, name, now_)) return no_breaker(of, name);
  return {};
}

Status Engine::trip_breaker(BreakerOf of, const std::string& name, Millis for_ms, std::string_view reason) {
  if (!breakers_.trip(of, name, for_ms, reason, now_)) return no_breaker(of, name);
  return {};
}

}  // namespace hirehall::engine
