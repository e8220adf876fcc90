// What operators are promised: drained workers get nothing, purged letters are gone, a name and a version
// stand for one definition, streams that were given up are silent.
#include <algorithm>

#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {

using wire::Kind;

void Model::read_operators_frame(const std::string& routing, std::uint64_t request, Asked& asked,
                                 std::string_view body) {
  switch (asked.kind) {
    case Kind::register_worker:
      asked.scope = read_text(body, "name");
      asked.agents = read_agents(body);
      for (const auto& agent : asked.agents)
        definitions_[{agent.name, agent.version}].digests.insert(agent.digest);
      return;
    case Kind::agent_forget: {
      auto& definition = definitions_[{read_text(body, "name"), read_text(body, "version")}];
      definition.digest.reset();
      definition.forgotten_at = time_.now();
      return;
    }
    case Kind::worker_drain:
      asked.scope = read_text(body, "name");
      asked.undo = read_number_or(body, "undo", 0) != 0;
      last_change_["drain " + asked.scope] = {routing, request};
      std::erase_if(aside_, [&](const auto& worker) { return worker_names_[worker.first] == asked.scope; });
      return;
    case Kind::breaker_trip:
    case Kind::breaker_reset:
      return read_breaker_frame(routing, request, asked, body);
    case Kind::dead_purge:
    case Kind::dead_retry:
      asked.ids = read_ids(body);
      if (asked.kind == Kind::dead_purge)
        for (const auto& id : asked.ids) {
          auto& l = known(id, 0);  // a list may name a task before the answer to its submit does
          l.purge_possible = true;
          trace_.note(time_.now(), "purge is read", l.number);
        }
      return;
    case Kind::schedule_trigger:
      asked.value = read_text(body, "key");
      return;
    case Kind::unsubscribe:
      asked.number = read_number(body, "subscription");
      return;
    case Kind::bulk_stop:
      may_stop_bulks_.insert(read_number(body, "bulk"));
      return;
    default:
      return;
  }
}

void Model::sent_operators_ok(const std::string& routing, std::uint64_t request, const Asked& asked,
                              std::string_view body) {
  switch (asked.kind) {
    case Kind::register_worker:
      return sent_registered(routing, asked, body);
    case Kind::agent_list:
      return sent_agents(asked, body);
    case Kind::agent_forget:
      return tally_.saw(Situation::agent_forgotten);
    case Kind::subscribe:
      given_up_.erase({routing, read_number(body, "subscription")});  // a new session counts from 1 again
      return;
    case Kind::worker_drain:
      tally_.saw(asked.undo ? Situation::worker_drain_undone : Situation::worker_drained_by_an_operator);
      if (asked.undo || last_change_["drain " + asked.scope] != std::pair{routing, request}) return;
      for (auto worker : read_drained(body)) aside_.try_emplace(worker, time_.now());
      return;
    case Kind::breaker_trip:
    case Kind::breaker_list:
      return sent_breaker(routing, request, asked, body);
    case Kind::dead_purge:
      return sent_purged(asked, body);
    case Kind::dead_retry:
      return sent_retried(asked, body);
    case Kind::dead_list:
      for (const auto& task : read_page(body).tasks)
        if (const auto* l = life(task.id); l != nullptr && l->purged_at && *l->purged_at < asked.at)
          violated("I6", "a dead letter is listed that was purged", l->number);
      return;
    case Kind::schedule_trigger: {
      tally_.saw(Situation::schedule_triggered_by_hand);
      auto [key, fresh] = triggers_.emplace(asked.value, read_id(body));
      tally_.saw_if(!fresh, Situation::trigger_said_again);
      if (key->second != read_id(body)) violated("I3", "one key triggered a schedule twice: " + asked.value);
      return;
    }
    case Kind::unsubscribe:
      given_up_.emplace(routing, asked.number);
      return;
    default:
      return;
  }
}

void Model::sent_refusal(const Asked& asked, Code code) {
  switch (asked.kind) {
    case Kind::get:
      if (code == Code::expired)
        if (auto* l = life(asked.task)) gone(*l);
      return;
    case Kind::register_worker: {
      if (code != Code::conflict) return;
      tally_.saw(Situation::agent_change_refused);
      bool differs = std::any_of(asked.agents.begin(), asked.agents.end(), [&](const ReadAgent& agent) {
        return definitions_.at({agent.name, agent.version}).digests.size() > 1;
      });
      if (!differs) violated("I6", "a worker was turned away although its agents are those that are known");
      return;
    }
    case Kind::agent_forget:
      return tally_.saw_if(code == Code::conflict, Situation::agent_forget_refused);
    default:
      return;
  }
}

void Model::sent_registered(const std::string& routing, const Asked& asked, std::string_view body) {
  auto worker = read_number(body, "worker");
  tally_.saw_if(aside_.contains(worker), Situation::drained_worker_came_back);
  workers_[routing] = worker;
  worker_names_[worker] = asked.scope;
  for (const auto& agent : asked.agents) {
    auto& definition = definitions_.at({agent.name, agent.version});
    if (definition.digest && *definition.digest != agent.digest)
      violated("I6", "a changed definition was registered under the name and version of another: " +
                         agent.name + " " + agent.version);
    tally_.saw_if(definition.digests.size() > 1, Situation::agent_redefined);
    if (asked.at <= definition.forgotten_at || definition.digest) continue;
    definition.digest = agent.digest;
    definition.known_at = time_.now();
  }
}

// All definitions fit into one answer.
void Model::sent_agents(const Asked& asked, std::string_view body) {
  tally_.saw(Situation::agents_listed);
  std::map<std::pair<std::string, std::string>, std::string> listed;
  for (auto& agent : read_agents(body)) listed[{agent.name, agent.version}] = agent.digest;
  for (const auto& [name, digest] : listed) {
    auto known = definitions_.find(name);
    if (known == definitions_.end() || !known->second.digests.contains(digest))
      violated("I2", "a definition is listed that nobody registered: " + name.first);
  }
  for (const auto& [name, definition] : definitions_) {
    if (!definition.digest || definition.known_at >= asked.at) continue;
    auto at = listed.find(name);
    if (at == listed.end()) violated("I1", "a registered definition is gone: " + name.first);
    if (at->second != *definition.digest) violated("I6", "a definition changed: " + name.first);
  }
}

void Model::sent_purged(const Asked& asked, std::string_view body) {
  auto codes = read_numbers(body);
  if (codes.size() != asked.ids.size()) violated("I15", "an answer with another number of items");
  for (std::size_t i = 0; i < codes.size(); ++i) {
    auto* l = life(asked.ids[i]);
    tally_.saw(codes[i] == 0 ? Situation::dead_letter_purged : Situation::purge_refused);
    if (l == nullptr || codes[i] != 0) continue;
    if (l->ended && *l->ended != State::failed)
      violated("I6", "a task was purged that is no dead letter", l->number);
    if (l->purged_at) violated("I6", "a dead letter was purged twice", l->number);
    l->purged_at = time_.now();
    trace_.note(time_.now(), "purge is told", l->number);
  }
}

void Model::sent_retried(const Asked& asked, std::string_view body) {
  auto codes = read_numbers(body);
  for (std::size_t i = 0; i < codes.size() && i < asked.ids.size(); ++i) {
    const auto* l = life(asked.ids[i]);
    if (l == nullptr || !l->purged_at || *l->purged_at >= asked.at) continue;
    if (codes[i] == 0) violated("I6", "a dead letter was retried that was purged", l->number);
    tally_.saw(Situation::purged_letter_not_retried);
  }
}

// The answer may overtake an award that was decided before the drain and waits for its commit.
void Model::check_drained(const std::string& routing) const {
  constexpr Micros commits_take_at_most = 10'000'000;
  auto worker = workers_.find(routing);
  if (worker == workers_.end()) return;
  auto since = aside_.find(worker->second);
  if (since == aside_.end() || time_.now() - since->second < commits_take_at_most) return;
  violated("I9", "a worker was given an award that an operator drains: " + worker_names_.at(worker->second));
}

// What failed waits there for somebody, and nothing else does.
void Model::final_dead(const std::set<std::string>& letters) const {
  for (const auto& [id, l] : lives_) {
    if (!l.promised || l.number == 0) continue;
    bool there = letters.contains(id);
    if (there && (l.purged_at || (l.ended && *l.ended != State::failed)))
      violated("I6", "what was purged or did not fail is among the dead letters", l.number);
    if (!there && l.ended == State::failed && !l.purge_possible && intent(l.number).replays == 0)
      violated("I1", "a dead letter is gone", l.number);
  }
}

}  // namespace hirehall::sim
