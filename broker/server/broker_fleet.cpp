// What the agents, types and slots of the fleet do, what holds work back, and what to do about it.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "scheduler/advice.h"
#include "scheduler/chance.h"

namespace hirehall::server {
namespace {

using scheduler::AgentFigures;
using scheduler::FleetFigures;
using scheduler::TypeFigures;

constexpr std::size_t rows_max = 1000;             // of agents, and of types
constexpr std::size_t leases_counted_max = 16384;  // more are not told apart by agent

using ByType = std::map<std::string, TypeFigures, std::less<>>;

TypeFigures& at_type(ByType& types, std::string_view type) {
  auto at = types.find(type);
  if (at == types.end()) {
    at = types.emplace(std::string(type), TypeFigures{}).first;
    at->second.type = type;
  }
  return at->second;
}

Millis oldest_of(const engine::Line& line, Millis now) {
  Millis oldest = 0;
  if (!line.head.empty()) oldest = std::max(oldest, now - line.head.at(0).ready_at);
  if (!line.returned.empty()) oldest = std::max(oldest, now - line.returned.back().ready_at);
  if (!line.by_deadline.empty()) oldest = std::max(oldest, now - line.by_deadline.begin()->second.ready_at);
  return oldest;
}

void count_waiting(const engine::Engine& engine, ByType& types) {
  const auto& ledger = engine.ledger();
  for (const auto& line : ledger.lines) {
    if (!line || line->ready == 0) continue;
    auto& type = at_type(types, ledger.classes[line->shelf->class_].type);
    type.ready += line->ready;
    type.oldest_ms = std::max(type.oldest_ms, oldest_of(*line, engine.now()));
  }
}

void count_supply(const engine::Engine& engine, ByType& types, FleetFigures& fleet) {
  for (const auto& [number, session] : engine.sessions()) {
    if (!session.connected) continue;
    const auto worker = engine.ledger().workers.find(number);
    const auto held = worker == engine.ledger().workers.end() ? 0 : worker->second.held;
    fleet.slots += session.spec.slots;
    fleet.busy += std::min(held, session.spec.slots);
    if (session.draining || session.aside) continue;
    const auto& breakers = engine.breakers();
    std::optional<scheduler::WorkerSpec> fitted;
    if (breakers.altered()) fitted = breakers.fitted(session.spec, session.types);
    std::set<std::string_view> can;
    for (const auto& agent : fitted ? fitted->agents : session.spec.agents)
      can.insert(agent.types.begin(), agent.types.end());
    for (const auto& agent : session.spec.agents)
      if (breakers.is_out(agent.name))
        for (const auto& type : agent.types) ++at_type(types, type).kept_out;
    for (const auto type : can) {
      auto& row = at_type(types, type);
      ++row.workers;
      row.slots += session.spec.slots;
    }
  }
}

using Running = std::map<std::pair<std::string_view, std::string_view>, std::uint64_t>;  // agent, type

Running count_running(const engine::Engine& engine, ByType& types) {
  Running out;
  const auto& ledger = engine.ledger();
  if (ledger.leases.size() > leases_counted_max) return out;
  for (const auto& lease : ledger.leases) {
    if (lease.token == 0) continue;
    const std::string_view type = ledger.classes[lease.class_].type;
    ++at_type(types, type).running;
    if (const auto* agent = engine::agent_of(engine.sessions(), lease)) ++out[{agent->name, type}];
  }
  return out;
}

AgentFigures figures_of(const scheduler::AgentStatus& row) {
  AgentFigures out;
  const auto& success = row.forecast.success;
  const auto& duration = row.forecast.duration;
  out.agent = row.agent;
  out.version = row.version;
  out.type = row.type;
  out.outcomes = success.outcomes;
  out.success = success.probability;
  out.success_low = scheduler::logistic(success.log_odds - 1.96 * success.sd);
  out.success_high = scheduler::logistic(success.log_odds + 1.96 * success.sd);
  if (row.forecast.costs_told > 0) out.cost = row.forecast.cost;
  if (row.forecast.qualities_told > 0) out.quality = row.forecast.quality;
  if (duration.outcomes <= 0) return out;
  out.p50_ms = duration.p50_ms;
  out.p90_ms = duration.p90_ms;
  out.p99_ms = duration.p99_ms;
  return out;
}

void give_durations(const std::vector<AgentFigures>& agents, ByType& types) {
  std::map<std::string_view, std::pair<double, double>> sums;  // of p50 by outcomes, and of outcomes
  for (const auto& agent : agents) {
    if (agent.p50_ms <= 0) continue;
    auto& [sum, weight] = sums[agent.type];
    sum += agent.p50_ms * agent.outcomes;
    weight += agent.outcomes;
  }
  for (const auto& [type, sum] : sums)
    if (const auto at = types.find(type); at != types.end() && sum.second > 0)
      at->second.p50_ms = sum.first / sum.second;
}

// Four digits behind the point: what is behind them is chance.
void put(msgpack::Writer& w, std::string_view key, double value) {
  w.str(key), w.real(std::round(value * 1e4) / 1e4);
}

void write_trend(msgpack::Writer& w, const scheduler::TrendTest& t) {
  const bool known = t.trend != scheduler::Trend::unknown;
  w.str("trend");
  w.map(known ? 8 : 2);
  w.entry("trend", name_of(t.trend));
  w.entry_uint("ends", t.ends);
  if (!known) return;
  for (const auto& [key, value] : {std::pair{"success_before", t.success_before},
                                   {"success_after", t.success_after},
                                   {"success_z", t.success_z},
                                   {"p50_before_ms", t.p50_before},
                                   {"p50_after_ms", t.p50_after},
                                   {"duration_z", t.duration_z}})
    put(w, key, value);
}

void write_agent(msgpack::Writer& w, const AgentFigures& a) {
  w.map(12u + (a.cost ? 1 : 0) + (a.quality ? 1 : 0));
  w.entry("agent", a.agent);
  w.entry("version", a.version);
  w.entry("type", a.type);
  w.entry_uint("outcomes", static_cast<std::uint64_t>(std::llround(std::max(0.0, a.outcomes))));
  w.entry_uint("running", a.running);
  for (const auto& [key, value] : {std::pair{"success", a.success},
                                   {"success_low", a.success_low},
                                   {"success_high", a.success_high},
                                   {"p50_ms", a.p50_ms},
                                   {"p90_ms", a.p90_ms},
                                   {"p99_ms", a.p99_ms}})
    put(w, key, value);
  if (a.cost) put(w, "cost", *a.cost);
  if (a.quality) put(w, "quality", *a.quality);
  write_trend(w, a.trend);
}

void write_type(msgpack::Writer& w, const TypeFigures& t) {
  w.map(9);
  w.entry("type", t.type);
  w.entry_uint("ready", t.ready);
  w.entry_sint("oldest_ms", t.oldest_ms);
  w.entry_uint("workers", t.workers);
  w.entry_uint("slots", t.slots);
  w.entry_uint("running", t.running);
  put(w, "load", t.slots == 0 ? 0 : static_cast<double>(t.running) / static_cast<double>(t.slots));
  put(w, "p50_ms", t.p50_ms);
  w.entry_sint("work_ms", t.work_ms());
}

void write_advice(msgpack::Writer& w, const scheduler::Advice& advice) {
  w.map(3);
  w.entry("what", advice.what);
  w.entry("message", advice.message);
  w.str("evidence");
  w.map(advice.evidence.size());
  for (const auto& [key, value] : advice.evidence) {
    if (const auto* number = std::get_if<double>(&value))
      put(w, key, *number);
    else
      w.entry(key, std::get<std::string>(value));
  }
}

}  // namespace

scheduler::FleetFigures Broker::fleet_figures() const {
  FleetFigures fleet;
  fleet.watched_ms = fleet_watch_.watched(engine_.now());
  fleet.utilisation = fleet_watch_.utilisation();
  ByType types;
  count_waiting(engine_, types);
  count_supply(engine_, types, fleet);
  const auto running = count_running(engine_, types);
  for (const auto& row : learning_.prediction().status()) {
    auto& agent = fleet.agents.emplace_back(figures_of(row));
    agent.trend = fleet_watch_.trend(row.agent, row.type);
    if (const auto at = running.find({row.agent, row.type}); at != running.end()) agent.running = at->second;
  }
  give_durations(fleet.agents, types);
  for (auto& [name, type] : types) fleet.types.push_back(std::move(type));
  return fleet;
}

// Behind the numbers of `stats`, when they are asked for.
void Broker::write_fleet(msgpack::Writer& w) const {
  const auto fleet = fleet_figures();
  const auto* slow = scheduler::bottleneck(fleet);
  w.str("fleet");
  w.map(slow == nullptr ? 7 : 8);
  w.entry_sint("watched_ms", fleet.watched_ms);
  w.entry_uint("slots", fleet.slots);
  w.entry_uint("busy", fleet.busy);
  put(w, "utilisation", fleet.utilisation);
  if (slow != nullptr) w.entry("bottleneck", slow->type);
  w.str("agents");
  w.array(std::min(fleet.agents.size(), rows_max));
  for (std::size_t i = 0; i < fleet.agents.size() && i < rows_max; ++i) write_agent(w, fleet.agents[i]);
  w.str("types");
  w.array(std::min(fleet.types.size(), rows_max));
  for (std::size_t i = 0; i < fleet.types.size() && i < rows_max; ++i) write_type(w, fleet.types[i]);
  const auto advice = scheduler::advise(fleet);
  w.str("recommendations");
  w.array(advice.size());
  for (const auto& one : advice) write_advice(w, one);
}

bool Broker::asks_for_fleet(std::string_view body) {
  bool wanted = false;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "fleet")
      wanted = r.boolean();
    else
      r.skip();
  }
  return r.finished() && wanted;
}

}  // namespace hirehall::server
