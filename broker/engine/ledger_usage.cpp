// Usage and budgets, as facts fold: the end of an attempt is what is booked, once.
#include "broker/engine/ledger.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Ledger::spend(std::uint32_t lane_number, std::string_view reported) {
  if (index == nullptr && HH_MUTANT("usage_not_replayed")) return;
  const auto report = decode_usage(reported);
  if (!report.amounts.empty()) spend(lane_number, report, 1);
}

void Ledger::apply(Settled& fact) {
  if (index == nullptr && HH_MUTANT("settlements_not_replayed")) return;
  for (const auto& payment : fact.payments) pay(payment.lane, payment.agent, payment.micros);
}

void Ledger::pay(std::uint32_t lane, std::string_view agent, std::int64_t micros) {
  UsageReport report;
  report.agent = agent;
  report.amounts.emplace(auction_unit, micros);
  spend(lane, report, 0);
}

std::uint32_t Ledger::affordable(std::uint32_t lane_number, std::int64_t micros, std::uint32_t most) const {
  const auto& lane = lanes[lane_number];
  for (const auto& [name, budget] : budgets) {
    const auto& rule = budget.rule;
    if (rule.hard == 0 || rule.unit != auction_unit || !covers(rule.queue, queues[lane.queue].name) ||
        !covers(rule.tenant, lane.tenant))
      continue;
    const auto left = std::max<std::int64_t>(0, rule.hard - budget.used_at(now));
    const auto awards = std::max<std::int64_t>(1, left / micros + (left % micros != 0 ? 1 : 0));
    most = static_cast<std::uint32_t>(std::min<std::int64_t>(most, awards));
  }
  return most;
}

void Ledger::spend(std::uint32_t lane_number, const UsageReport& report, std::uint64_t attempts) {
  const auto& lane = lanes[lane_number];
  const auto& queue = queues[lane.queue];
  const auto booked = usage.book(report, lane_number, lane.queue, now, attempts);
  for (auto& [name, budget] : budgets) {
    const auto& rule = budget.rule;
    auto at = booked.find(rule.unit);
    if (at == booked.end() || !covers(rule.queue, queue.name) || !covers(rule.tenant, lane.tenant)) continue;
    const auto start = period_start(rule.period, now);
    if (rule.period != Period::total && budget.began < start) budget.used = 0, budget.began = start;
    const bool soft = budget.over_soft(now), hard = budget.over_hard(now);
    budget.used = at->second > INT64_MAX - budget.used ? INT64_MAX : budget.used + at->second;
    if (soft != budget.over_soft(now) || hard != budget.over_hard(now)) {
      if (budgets_crossed.size() < 4 * budgets_max) budgets_crossed.push_back(name);
      shut_budget(name, budget);
    }
  }
}

// What a used up budget holds waits at its gate until the next period.
void Ledger::shut_budget(const std::string& name, const Budget& budget) {
  auto at = gates.find(budget_gate_key(name));
  if (at == gates.end()) return;
  auto& gate = *at->second;
  gate.paused_until = budget.over_hard(now) ? period_end(budget.rule.period, now) : 0;
  note_open(gate);
}

Gate& Ledger::budget_gate(const std::string& name, const Budget& budget) {
  auto& gate = gate_for(budget_gate_key(name));
  gate.limit = name;
  gate.paused_until = budget.over_hard(now) ? period_end(budget.rule.period, now) : 0;
  return gate;
}

// A budget begins with what its day or month has seen already; a total with nothing.
void Ledger::apply(BudgetSet& fact) {
  if (index == nullptr && HH_MUTANT("budgets_not_replayed")) return;
  auto [at, fresh] = budgets.try_emplace(fact.name);
  auto& budget = at->second;
  const bool counts_on = !fresh && budget.rule.same_tasks(fact.rule);
  budget.rule = fact.rule;
  budget.by = fact.by;
  budget.changed = now;
  if (!counts_on) {
    const auto& rule = budget.rule;
    budget.began = period_start(rule.period, now);
    budget.used = 0;
    if (rule.period != Period::total)
      for (auto row = usage.rows().lower_bound({budget.began / (24 * 3600 * 1000), 0, {}});
           row != usage.rows().end(); ++row) {
        const auto& lane = lanes[row->first.lane];
        auto amount = row->second.amounts.find(rule.unit);
        if (amount != row->second.amounts.end() && covers(rule.queue, queues[lane.queue].name) &&
            covers(rule.tenant, lane.tenant))
          budget.used += amount->second;
      }
  }
  limits_stale = true;
}

void Ledger::apply(BudgetDeleted& fact) {
  budgets.erase(fact.name);
  rebuild_limits();
  gates.erase(budget_gate_key(fact.name));
}

void Ledger::save_books(ArchiveOut& a) const {
  auto& self = const_cast<Ledger&>(*this);
  self.uniques.save(a);
  self.usage.save(a);
}

bool Ledger::load_books(ArchiveIn& a) {
  return uniques.load(a, next_sequence) && usage.load(a, lanes.size(), queues.size());
}

void Ledger::save_budgets(ArchiveOut& a) const {
  auto& self = const_cast<Ledger&>(*this);
  std::uint64_t n = budgets.size();
  a(n);
  for (auto& [name, budget] : self.budgets) {
    auto named = name;
    a(named, budget);
  }
}

bool Ledger::load_budgets(ArchiveIn& a) {
  std::uint64_t n = 0;
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::string name;
    a(name);
    auto& budget = budgets[name];
    a(budget);
    if (budget.rule.period > Period::total || budget.used < 0) return false;
  }
  return a.ok();
}

}  // namespace hirehall::engine
