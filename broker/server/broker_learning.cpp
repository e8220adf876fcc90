// What was learned of the agents: fed by the ends of attempts, asked for, forgotten on demand.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "scheduler/chance.h"

namespace hirehall::server {
namespace {

// Of an agent's doing: what was handed back, cancelled or lost says nothing about it.
bool tells(Outcome outcome) {
  return outcome == Outcome::succeeded || outcome == Outcome::failed || outcome == Outcome::failed_final ||
         outcome == Outcome::timed_out;
}

std::uint64_t per_mille(double chance) {
  return static_cast<std::uint64_t>(std::llround(chance * 1000));
}

std::uint64_t whole(double value) {
  return static_cast<std::uint64_t>(std::llround(std::clamp(value, 0.0, 1e15)));
}

// The surest first: whoever asks for one type wants to see what decides.
void write_weights(msgpack::Writer& w, const std::vector<scheduler::FeatureWeight>& weights) {
  w.str("features");
  w.array(weights.size());
  for (const auto& one : weights) {
    w.map(one.numeric ? 7 : 5);
    w.entry("feature", one.name);
    w.entry("kind", one.numeric ? "number" : "word");
    w.str("weight"), w.real(one.weight);
    w.str("sd"), w.real(one.sd);
    w.entry_uint("seen", whole(one.seen));
    if (!one.numeric) continue;
    w.str("low"), w.real(one.low);
    w.str("high"), w.real(one.high);
  }
}

// Of durations and costs: what they are multiplied by, with 95 % intervals.
void write_factors(msgpack::Writer& w, std::string_view what, const scheduler::AmountModel& model) {
  const auto weights = model.weights();
  w.str(what);
  w.array(weights.size());
  for (const auto& one : weights) {
    w.map(one.numeric ? 9 : 7);
    w.entry("feature", one.name);
    w.entry("kind", one.numeric ? "number" : "word");
    w.str("factor"), w.real(std::exp(one.weight));
    w.str("factor_low"), w.real(std::exp(one.weight - 1.96 * one.sd));
    w.str("factor_high"), w.real(std::exp(one.weight + 1.96 * one.sd));
    w.entry_uint("seen", whole(one.seen));
    w.entry_bool("believed", model.believed());
    if (!one.numeric) continue;
    w.str("low"), w.real(one.low);
    w.str("high"), w.real(one.high);
  }
}

void write_row(msgpack::Writer& w, const scheduler::AgentStatus& row, bool with_features) {
  const auto& success = row.forecast.success;
  const auto& duration = row.forecast.duration;
  const bool timed = duration.outcomes > 0;
  const bool priced = row.forecast.costs_told > 0, rated = row.forecast.qualities_told > 0;
  const bool featured = with_features && row.features != nullptr;
  const bool times = featured && row.duration_features != nullptr;
  const bool costs = featured && row.cost_features != nullptr;
  w.map((timed ? 10 : 7) + (priced ? 1 : 0) + (rated ? 1 : 0) + (featured ? 1 : 0) + (times ? 1 : 0) +
        (costs ? 1 : 0));
  w.entry("name", row.agent);
  w.entry("version", row.version);
  w.entry("type", row.type);
  w.entry_uint("outcomes", whole(success.outcomes));
  w.entry_uint("success_per_mille", per_mille(success.probability));
  w.entry_uint("success_low", per_mille(scheduler::logistic(success.log_odds - 1.96 * success.sd)));
  w.entry_uint("success_high", per_mille(scheduler::logistic(success.log_odds + 1.96 * success.sd)));
  if (priced) w.str("cost"), w.real(row.forecast.cost);
  if (rated) w.str("quality"), w.real(row.forecast.quality);
  if (featured) write_weights(w, row.features->weights());
  if (times) write_factors(w, "duration_features", *row.duration_features);
  if (costs) write_factors(w, "cost_features", *row.cost_features);
  if (!timed) return;
  w.entry_uint("p50_ms", whole(duration.p50_ms));
  w.entry_uint("p90_ms", whole(duration.p90_ms));
  w.entry_uint("p99_ms", whole(duration.p99_ms));
}

void read_outcomes(std::string_view usage, Finishing& ended) {
  const auto report = engine::read_usage_report(usage);
  const auto told = [&](std::string_view unit) -> std::optional<double> {
    const auto at = report.amounts.find(unit);
    if (at == report.amounts.end()) return std::nullopt;
    return static_cast<double>(at->second) / engine::micros_per_unit;
  };
  ended.cost = told(cost_unit);
  ended.quality = told(quality_unit);
}

struct StatsQuery {
  std::string name, type, after_name, after_type;
};

Result<StatsQuery> read_query(std::string_view body) {
  StatsQuery query;
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "name")
      query.name = r.str();
    else if (key == "type")
      query.type = r.str();
    else if (key == "after_name")
      query.after_name = r.str();
    else if (key == "after_type")
      query.after_type = r.str();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a value has the wrong type", std::string(key));
  return query;
}

}  // namespace

// As the worker measured it; of one that does not, with the wait in its credit.
Millis Broker::time_taken(const engine::Lease& lease, const engine::FinishItem& item) const {
  const auto leased = std::max<Millis>(0, engine_.now() - lease.started);
  const auto session = engine_.sessions().find(lease.worker);
  const bool timed = session != engine_.sessions().end() && session->second.timed;
  const auto ran = item.ran(timed);
  return ran < 0 ? leased : std::min(ran, leased);
}

// The leases are looked at before the engine ends them.
void Broker::note_finishing(std::uint32_t worker) {
  finishing_.clear();
  if (!learning_.wants_more()) return;
  const auto& ledger = engine_.ledger();
  for (const auto& item : finish_items_) {
    if (finishing_.size() == Learning::lessons_per_turn) return;
    const auto* lease = ledger.lease_by_token(item.token);
    if (lease == nullptr || lease->worker != worker || !tells(item.outcome)) continue;
    const auto* agent = engine::agent_of(engine_.sessions(), *lease);
    if (agent == nullptr) continue;
    auto& ended = finishing_.emplace_back(
        Finishing{item.token, &agent->name, &agent->version, &ledger.classes[lease->class_].type,
                  item.outcome == Outcome::succeeded, time_taken(*lease, item)});
    if (!item.usage.empty()) read_outcomes(item.usage, ended);
    if (lease->options != nullptr) ended.features = lease->options->options.features;
  }
}

void Broker::learn_finished() {
  for (const auto& ended : finishing_) {
    if (!learning_.wants_more()) return;
    // What the engine refused is still leased.
    if (engine_.ledger().lease_by_token(ended.token) != nullptr) continue;
    learning_.learn(ended);
    fleet_watch_.ended(*ended.agent, *ended.type, ended.success, ended.took);
  }
}

// In order of agent and type, behind those that the request names.
void Broker::agent_stats(Peer& peer, const Frame& frame) {
  auto query = read_query(frame.body);
  if (!query) return refuse(peer, frame.header.request, query.error());
  std::string body;
  msgpack::Writer rows(body);
  std::size_t count = 0;
  bool more = false;
  for (const auto& row : learning_.prediction().status()) {
    if (!query->name.empty() && row.agent != query->name) continue;
    if (!query->type.empty() && row.type != query->type) continue;
    if (std::tie(row.agent, row.type) <= std::tie(query->after_name, query->after_type)) continue;
    more = body.size() >= limits::batch_bytes_max;
    if (more) break;
    // Words come from tasks of any tenant.
    write_row(rows, row, !query->type.empty() && peer.principal->tenants.all);
    ++count;
  }
  auto& out = answer(peer, frame.header.request);
  msgpack::Writer w(out);
  w.map(4);
  w.str("agents");
  w.array(count);
  out += body;
  w.entry_bool("more", more);
  w.entry_uint("alarms", learning_.prediction().alarms());
  w.entry_uint("refused", learning_.prediction().refused());
}

void Broker::agent_unlearn(Peer& peer, const Frame& frame) {
  auto query = read_query(frame.body);
  if (!query) return refuse(peer, frame.header.request, query.error());
  if (!learning_.unlearn(query->name))
    return refuse(peer, frame.header.request,
                  {Code::not_found, "nothing was learned of an agent " + query->name, "agent", 0});
  fleet_watch_.forget(query->name);
  log::info("what was learned of an agent is forgotten",
            {{"agent", query->name}, {"by", peer.principal->name}});
  msgpack::Writer(answer(peer, frame.header.request)).map(0);
}

}  // namespace hirehall::server
