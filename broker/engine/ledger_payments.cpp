// What attempts took at their award, and what is given back of those that never began, as facts fold.
#include <algorithm>

#include "broker/engine/ledger.h"
#include "common/mutant.h"

namespace hirehall::engine {

// When it is recorded the owner has paid already, choice by choice.
void Ledger::apply(Paid& fact) {
  if (index == nullptr && HH_MUTANT("settlements_not_replayed")) return;
  for (const auto& payment : fact.payments) pay(payment);
}

void Ledger::pay(const Paid::Payment& payment) {
  pay(payment.lane, payment.agent, static_cast<std::int64_t>(payment.slots.size()) * payment.micros);
  const auto agent = std::make_shared<const std::string>(payment.agent);
  for (const auto slot : payment.slots) payments.note(slot, payment.micros, agent);
}

void Ledger::apply(Unbegun& fact) {
  if (index == nullptr && HH_MUTANT("refunds_not_replayed")) return;
  unbegun.assign(fact.tasks.begin(), fact.tasks.end());
}

bool Ledger::gives_back(const Lease& lease) const {
  if (payments.of(slot_of(lease.token)) != nullptr) return true;
  return lease.limits != nullptr &&
         std::ranges::any_of(lease.limits->gates, [](const Gate* gate) { return !gate->windows.empty(); });
}

// A limit that was changed since its award, or in the same millisecond, may not have counted it.
void Ledger::refund(const Lease& lease) {
  unbegun.pop_front();
  settle_limits();
  if (lease.limits != nullptr)
    for (auto* gate : lease.limits->gates) {
      if (gate->windows.empty()) continue;
      const auto limit = limits.find(gate->limit);
      if (limit == limits.end() || limit->second.changed >= lease.started) continue;
      if (gate->give_back(lease.started, now)) note_open(*gate);
    }
  if (const auto* paid = payments.of(slot_of(lease.token))) pay_back(lease.lane, *paid, lease.started);
}

// To whoever counted it: a budget of another day or month has not, nor has a total that was made since.
void Ledger::pay_back(std::uint32_t lane_number, const Payments::One& paid, Millis at) {
  const auto& lane = lanes[lane_number];
  usage.take_back(lane_number, lane.queue, *paid.agent, at, paid.micros);
  for (auto& [name, budget] : budgets) {
    const auto& rule = budget.rule;
    if (rule.unit != auction_unit || !covers(rule.queue, queues[lane.queue].name) ||
        !covers(rule.tenant, lane.tenant))
      continue;
    const bool counted =
        rule.period == Period::total ? at > budget.changed : budget.began == period_start(rule.period, at);
    if (!counted) continue;
    const bool soft = budget.over_soft(now), hard = budget.over_hard(now);
    budget.used -= std::min(budget.used, paid.micros);
    if (soft == budget.over_soft(now) && hard == budget.over_hard(now)) continue;
    shut_budget(name, budget);
  }
}

// --- snapshots: what may have to be paid back ---

void Ledger::save_payments(ArchiveOut& a) const {
  std::uint64_t n = 0;
  for (std::uint32_t slot = 0; slot < payments.slots(); ++slot) n += payments.of(slot) != nullptr ? 1u : 0u;
  a(n);
  for (std::uint32_t slot = 0; slot < payments.slots(); ++slot) {
    const auto* paid = payments.of(slot);
    if (paid == nullptr) continue;
    auto agent = *paid->agent;
    auto micros = paid->micros;
    a(slot, agent, micros);
  }
}

bool Ledger::load_payments(ArchiveIn& a) {
  std::uint64_t n = 0;
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::uint32_t slot = 0;
    std::string agent;
    std::int64_t micros = 0;
    a(slot, agent, micros);
    if (!a.ok() || slot >= leases.size() || leases[slot].token == 0 || micros <= 0) return false;
    payments.note(slot, micros, std::make_shared<const std::string>(std::move(agent)));
  }
  return a.ok();
}

}  // namespace hirehall::engine
