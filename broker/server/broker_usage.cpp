// What attempts have used, by day, tenant, queue and agent; and budgets (docs/usage.md).
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "broker/engine/civil.h"
#include "broker/server/broker.h"
#include "broker/server/list_page.h"
#include "common/log.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

using engine::Amounts;
using engine::Budget;

constexpr std::array<std::string_view, 4> groups{"day", "tenant", "queue", "agent"};
constexpr std::int64_t day_ms = 24 * 3600 * 1000;

std::string text_of_day(std::int64_t day) {
  const auto date = engine::date_of(day);
  auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return std::to_string(date.year) + "-" + two(date.month) + "-" + two(date.day);
}

struct UsageQuery {
  std::array<bool, groups.size()> by{};
  std::string tenant, queue, agent;
  std::optional<Millis> since, until;  // wall time
};

Status read_usage_query(std::string_view body, UsageQuery& out) {
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "by") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) {
        const auto word = r.str();
        const auto* at = std::ranges::find(groups, word);
        if (r.ok() && at == groups.end())
          return fail(Code::invalid,
                      "'" + std::string(word) +
                          "' is nothing to group by; accepted: day, tenant, "
                          "queue, agent",
                      "by");
        if (r.ok()) out.by[static_cast<std::size_t>(at - groups.begin())] = true;
      }
    } else if (key == "tenant") {
      out.tenant = r.str();
    } else if (key == "queue") {
      out.queue = r.str();
    } else if (key == "agent") {
      out.agent = r.str();
    } else if (key == "since") {
      out.since = r.sint();
    } else if (key == "until") {
      out.until = r.sint();
    } else {
      r.skip();
    }
  }
  if (!r.finished())
    return fail(Code::bad_message, "'" + std::string(key) + "' has the wrong type", std::string(key));
  return {};
}

Status read_amount(msgpack::Reader& r, const char* key, std::int64_t& out) {
  const auto amount = r.real();
  if (!r.ok()) return {};
  if (!(amount >= 0 && amount <= engine::usage_amount_max))
    return fail(Code::invalid, std::string(key) + " is not between 0 (none) and 1000000000", key);
  out = std::llround(amount * static_cast<double>(engine::micros_per_unit));
  return {};
}

struct BudgetRequest {
  std::string name, after;
  engine::BudgetRule rule;
};

Status read_budget(std::string_view body, BudgetRequest& out) {
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  auto& rule = out.rule;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    Status done;
    if (key == "name") {
      out.name = r.str();
    } else if (key == "after") {
      out.after = r.str();
    } else if (key == "tenant") {
      rule.tenant = r.str();
    } else if (key == "queue") {
      rule.queue = r.str();
    } else if (key == "unit") {
      rule.unit = r.str();
    } else if (key == "period") {
      const auto word = r.str();
      const auto* at = std::ranges::find(engine::period_names, word);
      if (r.ok() && at == engine::period_names.end())
        return fail(Code::invalid, "period is '" + std::string(word) + "'; accepted: day, month, total",
                    "period");
      if (r.ok()) rule.period = static_cast<engine::Period>(at - engine::period_names.begin());
    } else if (key == "hard") {
      done = read_amount(r, "hard", rule.hard);
    } else if (key == "soft") {
      done = read_amount(r, "soft", rule.soft);
    } else {
      r.skip();
    }
    if (!done) return done;
  }
  if (!r.finished())
    return fail(Code::bad_message, "'" + std::string(key) + "' has the wrong type", std::string(key));
  return {};
}

void write_amount(msgpack::Writer& w, std::string_view key, std::int64_t micros) {
  w.str(key);
  if (micros % engine::micros_per_unit == 0)
    w.sint(micros / engine::micros_per_unit);
  else
    w.real(static_cast<double>(micros) / static_cast<double>(engine::micros_per_unit));
}

std::string_view state_of(const Budget& budget, Millis now) {
  return budget.over_hard(now) ? "used_up" : budget.over_soft(now) ? "warning" : "open";
}

}  // namespace

void Broker::usage(Peer& peer, const Frame& frame) {
  const auto request = frame.header.request;
  UsageQuery asked;
  if (auto read = read_usage_query(frame.body, asked); !read) return refuse(peer, request, read.error());
  const auto& ledger = engine_.ledger();
  auto day_of = [&](Millis wall) { return engine::floor_div(engine_.from_wall(wall), day_ms); };
  std::map<std::array<std::string, groups.size()>, engine::UsageRow> sums;
  for (const auto& [key, row] : ledger.usage.rows()) {
    const auto& lane = ledger.lanes.at(key.lane);
    const auto& queue = ledger.queues[lane.queue].name;
    if (!visible(peer, key.lane) || (asked.since && key.day < day_of(*asked.since)) ||
        (asked.until && key.day > day_of(*asked.until)) ||
        (!asked.tenant.empty() && asked.tenant != lane.tenant) ||
        (!asked.queue.empty() && asked.queue != queue) || (!asked.agent.empty() && asked.agent != key.agent))
      continue;
    const std::array<std::string, groups.size()> full{text_of_day(key.day), lane.tenant, queue, key.agent};
    std::array<std::string, groups.size()> group;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (asked.by[i]) group[i] = full[i];
    auto& sum = sums[group];
    sum.attempts += row.attempts;
    engine::add(sum.amounts, row.amounts);
  }
  std::string body;
  msgpack::Writer w(body);
  std::uint64_t count = 0;
  auto at = sums.begin();
  for (; at != sums.end() && body.size() < limits::batch_bytes_max; ++at, ++count) {
    w.map(2 + static_cast<std::size_t>(std::ranges::count(asked.by, true)));
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (asked.by[i]) w.entry(groups[i], at->first[i]);
    w.entry_uint("attempts", at->second.attempts);
    w.str("usage");
    engine::write_amounts(w, at->second.amounts);
  }
  write_page(answer(peer, request), "usage", count, body, at != sums.end());
}

void Broker::write_budget(msgpack::Writer& w, const std::string& name, const Budget& budget) const {
  const auto& rule = budget.rule;
  const auto now = engine_.now();
  std::uint64_t waiting = 0;
  if (auto gate = engine_.ledger().gates.find(engine::budget_gate_key(name));
      gate != engine_.ledger().gates.end())
    for (const auto& [shelf, lines] : gate->second->waiting) waiting += lines.size();
  const auto end = engine::period_end(rule.period, now);
  w.map(11);
  w.entry("name", name);
  w.entry("tenant", rule.tenant);
  w.entry("queue", rule.queue);
  w.entry("unit", rule.unit);
  w.entry("period", engine::period_names.at(static_cast<std::size_t>(rule.period)));
  write_amount(w, "hard", rule.hard);
  write_amount(w, "soft", rule.soft);
  write_amount(w, "used", budget.used_at(now));
  w.entry("state", state_of(budget, now));
  w.entry_uint("waiting", waiting);
  w.entry_sint("until", end == engine::until_resumed ? 0 : engine_.to_wall(end));
}

void Broker::budget_set(Peer& peer, const Frame& frame) {
  const auto request = frame.header.request;
  BudgetRequest asked;
  if (auto read = read_budget(frame.body, asked); !read) return refuse(peer, request, read.error());
  const auto& budgets = engine_.ledger().budgets;
  if (auto at = budgets.find(asked.name); at != budgets.end()) {
    asked.rule = at->second.rule;
    if (auto read = read_budget(frame.body, asked); !read) return refuse(peer, request, read.error());
  }
  if (auto done = engine_.set_budget(asked.name, asked.rule, peer.principal->name); !done)
    return refuse(peer, request, done.error());
  log::info("budget set", {{"budget", asked.name}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  write_budget(w, asked.name, budgets.at(asked.name));
}

void Broker::budget_list(Peer& peer, const Frame& frame) {
  const auto request = frame.header.request;
  BudgetRequest asked;
  if (auto read = read_budget(frame.body, asked); !read) return refuse(peer, request, read.error());
  const auto& budgets = engine_.ledger().budgets;
  std::string body;
  msgpack::Writer w(body);
  std::uint64_t count = 0;
  auto at = budgets.upper_bound(asked.after);
  for (; at != budgets.end() && body.size() < limits::batch_bytes_max; ++at) {
    const auto& tenants = peer.principal->tenants;
    if (!tenants.all && !tenants.contains(at->second.rule.tenant)) continue;
    write_budget(w, at->first, at->second);
    ++count;
  }
  write_page(answer(peer, request), "budgets", count, body, at != budgets.end());
}

void Broker::budget_delete(Peer& peer, const Frame& frame) {
  const auto request = frame.header.request;
  BudgetRequest asked;
  if (auto read = read_budget(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (auto done = engine_.delete_budget(asked.name); !done) return refuse(peer, request, done.error());
  log::info("budget deleted", {{"budget", asked.name}, {"by", peer.principal->name}});
  msgpack::Writer(answer(peer, request)).map(0);
}

// Those that have come to warn, or to hold tasks back, since the last turn.
void Broker::tell_budgets() {
  auto& ledger = engine_.ledger();
  if (ledger.budgets_crossed.empty()) return;
  const auto crossed = std::exchange(ledger.budgets_crossed, {});
  for (const auto& name : std::set<std::string>(crossed.begin(), crossed.end())) {
    auto at = ledger.budgets.find(name);
    if (at == ledger.budgets.end()) continue;
    log::warn("budget", {{"budget", name},
                         {"state", std::string(state_of(at->second, engine_.now()))},
                         {"unit", at->second.rule.unit},
                         {"used", std::to_string(at->second.used / engine::micros_per_unit)}});
  }
}

void Broker::count_usage() {
  const auto& ledger = engine_.ledger();
  page_.unique = engine_.counts().unique;
  page_.usage_left_out = engine_.counts().usage_left_out;
  page_.usage.clear();
  for (const auto& [key, micros] : ledger.usage.totals())
    page_.usage.push_back({ledger.queues[key.first].name, key.second,
                           static_cast<double>(micros) / static_cast<double>(engine::micros_per_unit)});
  page_.budgets = {};
  for (const auto& [name, budget] : ledger.budgets)
    ++page_.budgets[budget.over_hard(engine_.now()) ? 2 : budget.over_soft(engine_.now()) ? 1 : 0];
}

}  // namespace hirehall::server
