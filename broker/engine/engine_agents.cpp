// The registry of agent definitions: a name and a version stand for one digest, for every worker and for
// good.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

using scheduler::AgentSpec;

Status check_names(const AgentSpec& agent) {
  for (const auto* text : {&agent.name, &agent.version, &agent.digest})
    if (text->size() > limits::name_bytes_max)
      return fail(Code::invalid, "name, version and digest of an agent have at most 255 bytes", agent.name);
  return {};
}

std::string shown(const std::string& digest) {
  return digest.empty() ? "no digest" : "digest " + digest;
}

tl::unexpected<Error> another(const AgentSpec& agent, const std::string& registered, const std::string& by) {
  return fail(
      Code::conflict,
      "agent " + agent.name + " " + agent.version + " is registered with " + shown(registered) + by +
          ", this worker brings " + shown(agent.digest) +
          "; give the changed definition a new version, or forget the old one: `hirehall agent forget " +
          agent.name + " --agent-version " + agent.version + "`",
      agent.name);
}

}  // namespace

// Nothing is recorded unless all of the worker's agents fit.
Status Engine::register_agents(const Registration& registration) {
  std::map<AgentName, const AgentSpec*> fresh;
  for (const auto& agent : registration.spec.agents) {
    if (auto valid = check_names(agent); !valid) return valid;
    AgentName name{agent.name, agent.version};
    if (auto known = ledger_.agents.find(name); known != ledger_.agents.end()) {
      if (known->second.digest != agent.digest && !HH_MUTANT("digests_not_compared"))
        return another(agent, known->second.digest, " (by " + known->second.by + ")");
      continue;
    }
    auto [twin, is_new] = fresh.emplace(std::move(name), &agent);
    if (!is_new && twin->second->digest != agent.digest)
      return another(agent, twin->second->digest, " (by the same worker)");
  }
  while (ledger_.agents.size() + fresh.size() > limits::agents_max)
    if (!forget_idle_agent())
      return fail(Code::busy,
                  "there are " + std::to_string(limits::agents_max) + " agent definitions already");
  for (const auto& [name, agent] : fresh) {
    AgentDefined fact{agent->name,  agent->version,         agent->digest,
                      agent->types, registration.principal, ledger_.now};
    record(fact);
  }
  return {};
}

std::vector<std::uint32_t> Engine::offering(std::string_view agent, std::string_view version) const {
  std::vector<std::uint32_t> workers;
  for (const auto& [number, session] : sessions_) {
    const auto& agents = session.spec.agents;
    if (session.connected && std::any_of(agents.begin(), agents.end(), [&](const auto& a) {
          return a.name == agent && a.version == version;
        }))
      workers.push_back(number);
  }
  return workers;
}

Status Engine::forget_agent(std::string_view name, std::string_view version) {
  auto shown_name = std::string(name) + " " + std::string(version);
  if (!ledger_.agents.contains({std::string(name), std::string(version)}))
    return fail(Code::not_found, "no agent " + shown_name + " is registered", "agent");
  if (auto workers = offering(name, version); !workers.empty()) {
    // One that has gone says no farewell: it counts as connected until its heartbeats are missed.
    const bool leaving = std::ranges::all_of(workers, [&](auto w) { return sessions_.at(w).draining; });
    return fail(Code::conflict,
                "agent " + shown_name + " is offered by " + std::to_string(workers.size()) +
                    (workers.size() == 1 ? " connected worker; " : " connected workers; ") +
                    (leaving ? "all of them are stopping: try again in some seconds" : "stop them first"),
                "agent");
  }
  AgentForgotten fact{std::string(name), std::string(version)};
  record(fact);
  return {};
}

// Makes room for a new definition: the oldest that nobody offers goes.
bool Engine::forget_idle_agent() {
  std::set<AgentName> offered;
  for (const auto& [number, session] : sessions_)
    if (session.connected)
      for (const auto& agent : session.spec.agents) offered.emplace(agent.name, agent.version);
  const AgentName* oldest = nullptr;
  Millis since = 0;
  for (const auto& [name, agent] : ledger_.agents)
    if (!offered.contains(name) && (oldest == nullptr || agent.at < since)) oldest = &name, since = agent.at;
  if (oldest == nullptr) return false;
  AgentForgotten fact{oldest->first, oldest->second};
  record(fact);
  return true;
}

}  // namespace hirehall::engine
