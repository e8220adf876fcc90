// Which limits hold which lines, and what is used of them.
#include <algorithm>

#include "broker/engine/ledger.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t sweep_from = 16384;

std::string set_key(std::uint32_t lane, std::uint32_t class_, const std::vector<std::string>& names) {
  std::string key;
  Packer p(key);
  p.uint(lane);
  p.uint(class_);
  for (const auto& name : names) p.bytes(name);
  return key;
}

void set_rates(Gate& gate, const std::vector<Rate>& rates) {
  std::vector<Window> windows;
  for (const auto& rate : rates) {
    auto known = std::ranges::find_if(gate.windows,
                                      [&](const Window& w) { return w.rate().window_ms == rate.window_ms; });
    windows.push_back(known == gate.windows.end() ? Window(rate) : *known);
    windows.back().set_units(rate.units);
  }
  gate.windows = std::move(windows);
  gate.find_spare();
}

}  // namespace

Gate& Ledger::gate_for(const std::string& key) {
  auto& gate = gates[key];
  if (!gate) {
    gate = std::make_unique<Gate>();
    gate->key = key;
  }
  return *gate;
}

Gate& Ledger::limit_gate(const std::string& name, const Limit& limit, std::string_view value) {
  auto& gate = gate_for(limit_gate_key(name, value));
  if (gate.limit.empty()) {
    gate.limit = name;
    gate.value = value;
    gate.max = limit.rule.concurrency;
    gate.paused_until = limit.paused_until;
    set_rates(gate, limit.rule.rates);
  }
  return gate;
}

// All that is told by lane, class and keys decides which gates a task has to pass.
void Ledger::find_gates(LimitSet& set) {
  const auto& lane = lanes[set.lane];
  const auto& queue = queues[lane.queue];
  const auto& type = classes[set.class_].type;
  auto add = [&](Gate& gate) {
    if (std::ranges::find(set.gates, &gate) != set.gates.end()) return;
    set.gates.push_back(&gate);
    ++gate.users;
  };
  for (const auto& name : set.names) {
    auto at = queue.settings.limits.find(name);
    if (at == queue.settings.limits.end()) continue;
    auto& gate = gate_for(queue_gate_key(lane.queue, name));
    gate.limit = name;
    gate.max = at->second;
    add(gate);
  }
  for (const auto& [name, budget] : budgets)
    if (budget.rule.hard != 0 && covers(budget.rule.queue, queue.name) &&
        covers(budget.rule.tenant, lane.tenant))
      add(budget_gate(name, budget));
  for (const auto& [name, limit] : limits) {
    const auto& rule = limit.rule;
    if (!covers(rule.queue, queue.name) || !covers(rule.type, type) || !covers(rule.tenant, lane.tenant))
      continue;
    if (!rule.key.empty()) {
      for (const auto& key : set.names)
        if (covers(rule.key, key))
          add(limit_gate(name, limit,
                         rule.per == "key"      ? key
                         : rule.per == "queue"  ? queue.name
                         : rule.per == "type"   ? type
                         : rule.per == "tenant" ? lane.tenant
                                                : std::string()));
      continue;
    }
    add(limit_gate(name, limit,
                   rule.per == "queue"    ? queue.name
                   : rule.per == "type"   ? type
                   : rule.per == "tenant" ? lane.tenant
                                          : std::string()));
  }
}

// Nothing: no keys, and no limit that counts such tasks.
LimitSet* Ledger::limit_set(std::uint32_t lane, std::uint32_t class_, const std::vector<std::string>& names) {
  settle_limits();
  auto key = set_key(lane, class_, names);
  auto known = limit_sets.find(key);
  if (known == limit_sets.end()) {
    if (limit_set_list.size() >= sweep_limits_at) sweep_limits();
    auto made = std::make_unique<LimitSet>();
    made->key = key;
    made->lane = lane;
    made->class_ = class_;
    made->names = names;
    find_gates(*made);
    limit_set_list.push_back(made.get());
    known = limit_sets.emplace(std::move(key), std::move(made)).first;
  }
  auto* set = known->second.get();
  return set->names.empty() && set->gates.empty() ? nullptr : set;
}

LimitSet* Ledger::limit_set_of(const Template& keyed, std::uint32_t lane, std::uint32_t class_) {
  settle_limits();
  auto& known = keyed.known_limits;
  if (known.ledger == this && known.forgotten == limit_sets_forgotten && known.set != nullptr &&
      known.set->lane == lane && known.set->class_ == class_)
    return known.set;
  auto* set = limit_set(lane, class_, keyed.options.limit_keys);
  known = {this, limit_sets_forgotten, set};
  return set;
}

const LimitSet* Ledger::known_limit_set(std::uint32_t lane, std::uint32_t class_,
                                        const std::vector<std::string>& names) const {
  auto at = limit_sets.find(set_key(lane, class_, names));
  return at == limit_sets.end() ? nullptr : at->second.get();
}

// Sets that nobody uses are kept for who comes next, until they are as many as the others.
void Ledger::sweep_limits() {
  std::erase_if(limit_set_list, [&](LimitSet* set) {
    if (set->references != 0) return false;
    for (auto* gate : set->gates) --gate->users;
    limit_sets.erase(std::string(set->key));
    return true;
  });
  ++limit_sets_forgotten;
  std::erase_if(gates, [&](const auto& gate) { return gate.second->idle(now); });
  sweep_limits_at = std::max(sweep_from, 2 * limit_set_list.size());
}

void Ledger::hold(LimitSet* set) {
  ++set->references;
}

void Ledger::release(LimitSet* set) {
  --set->references;
}

void Ledger::mark(Line& line) {
  if (line.limits == nullptr || line.dirty) return;
  line.dirty = true;
  line.shelf->dirty.emplace_back(line.slot, line.id);
}

void Ledger::touch_line(Line& line) {
  mark(line);
  touch(*line.shelf);
}

void Ledger::unpark(Line& line) {
  auto* gate = std::exchange(line.waits_on, nullptr);
  if (gate == nullptr) return;
  auto at = gate->waiting.find({line.shelf->lane, line.shelf->class_});
  line.step_off(at->second);
  --gate->held;
  if (at->second.empty()) gate->waiting.erase(at);
}

void Ledger::note_open(Gate& gate) {
  if (gate.held == 0 || gate.opening) return;
  gate.opening = true;
  opened.push_back(&gate);
}

// A task of the lease has begun, or is seen to run.
void Ledger::enter_gates(Lease& lease, LimitSet* set, bool counted) {
  lease.limits = set;
  hold(set);
  for (auto* gate : set->gates) {
    ++gate->running;
    if (!counted || (index == nullptr && HH_MUTANT("rates_not_replayed"))) continue;
    if (!gate->windows.empty()) gate->count(now);
  }
}

void Ledger::leave_gates(Lease& lease) {
  for (auto* gate : lease.limits->gates) {
    gate->running -= HH_MUTANT("limits_leak") ? 0u : 1u;
    note_open(*gate);
  }
  release(lease.limits);
  lease.limits = nullptr;
}

// Which tasks are counted by what has changed: everything that has to do with limits is found anew. What was
// used of a rate stays with its gate.
void Ledger::rebuild_limits() {
  limits_stale = false;
  for (auto& [key, gate] : gates) {
    gate->running = gate->users = gate->held = 0;
    gate->waiting.clear();
    gate->opening = false;
  }
  opened.clear();
  for (auto* set : limit_set_list) {
    set->gates.clear();
    find_gates(*set);
  }
  for (auto& line : lines) {
    if (!line) continue;
    line->waits_on = nullptr;
    auto& shelf = *line->shelf;
    if (std::exchange(line->offered, false)) line->step_off(shelf.limited);
    auto* old = line->limits;
    auto* set = limit_set(shelf.lane, shelf.class_, old == nullptr ? std::vector<std::string>() : old->names);
    if (set != nullptr) hold(set);
    if (old != nullptr) release(old);
    line->limits = set;
    touch_line(*line);
  }
  for (auto& lease : leases) {
    if (lease.token == 0) continue;
    auto names = lease.limits == nullptr ? std::vector<std::string>() : lease.limits->names;
    if (lease.limits != nullptr) release(std::exchange(lease.limits, nullptr));
    if (auto* set = limit_set(lease.lane, lease.class_, names)) enter_gates(lease, set, false);
  }
}

void Ledger::queue_limits_changed(std::uint32_t queue, const QueueSettings& before) {
  const auto& after = queues[queue].settings.limits;
  for (const auto& [name, max] : after) {
    limits_stale = limits_stale || !before.limits.contains(name);
    auto at = gates.find(queue_gate_key(queue, name));
    if (at == gates.end()) continue;
    at->second->max = max;
    note_open(*at->second);
  }
  for (const auto& [name, max] : before.limits) {
    if (after.contains(name)) continue;
    limits_stale = true;
    if (auto at = gates.find(queue_gate_key(queue, name)); at != gates.end()) at->second->max = 0;
  }
}

// --- facts ---

template <typename Visit>
void Ledger::each_gate(const std::string& limit, Visit&& visit) {
  const auto prefix = limit_gate_key(limit, {});
  for (auto at = gates.lower_bound(prefix); at != gates.end() && at->first.starts_with(prefix); ++at)
    visit(*at->second);
}

void Ledger::apply(LimitDefined& fact) {
  auto [at, fresh] = limits.try_emplace(fact.name);
  auto& limit = at->second;
  if (fresh) limit.created = now;
  const bool same_tasks = !fresh && limit.rule.same_tasks(fact.rule);
  limit.changed = now;
  limit.by = fact.by;
  limit.rule = fact.rule;
  each_gate(fact.name, [&](Gate& gate) {
    gate.max = limit.rule.concurrency;
    set_rates(gate, limit.rule.rates);
    if (same_tasks) note_open(gate);
  });
  limits_stale = limits_stale || !same_tasks;
}

void Ledger::apply(LimitDeleted& fact) {
  limits.erase(fact.name);
  rebuild_limits();
  std::vector<std::string> gone;
  each_gate(fact.name, [&](Gate& gate) { gone.push_back(gate.key); });
  for (const auto& key : gone) gates.erase(key);
}

void Ledger::apply(LimitHeld& fact) {
  auto at = limits.find(fact.name);
  HH_CHECK(at != limits.end(), "a fact names a limit that is there");
  at->second.paused_until = fact.until;
  at->second.pause_reason = fact.reason;
  each_gate(fact.name, [&](Gate& gate) {
    gate.paused_until = fact.until;
    note_open(gate);
  });
}

// --- snapshots: what is used of rates; what runs is known from the leases ---

void Ledger::save_limits(std::string& out) const {
  ArchiveOut a(out);
  std::uint64_t n = limits.size();
  a(n);
  for (const auto& [name, limit] : limits) {
    auto named = name;
    auto copy = limit;
    a(named, copy);
  }
  std::vector<const Gate*> used;
  for (const auto& [key, gate] : gates)
    if (std::ranges::any_of(gate->windows, [&](const Window& w) { return !w.blank(now); }))
      used.push_back(gate.get());
  n = used.size();
  a(n);
  for (const auto* gate : used) {
    auto limit = gate->limit, value = gate->value;
    a(limit, value);
    for (const auto& window : gate->windows) {
      auto pieces = window.pieces_at(now), given = window.given_at(now);
      a(pieces, given);
    }
  }
}

bool Ledger::load_limits(ArchiveIn& a, bool with_given) {
  std::uint64_t n = 0;
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::string name;
    a(name);
    a(limits[name]);
    if (limits[name].rule.rates.size() > rates_max) return false;
    for (const auto& rate : limits[name].rule.rates)
      if (rate.window_ms < rate_window_ms_min || rate.window_ms > rate_window_ms_max) return false;
  }
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::string name, value;
    a(name, value);
    auto at = limits.find(name);
    if (at == limits.end()) return false;
    auto& gate = limit_gate(name, at->second, value);
    for (auto& window : gate.windows) {
      std::vector<Window::Piece> pieces, given;
      a(pieces);
      if (with_given) a(given);
      const auto wrong = [](const Window::Piece& piece) { return piece.number < 0; };
      if (std::ranges::any_of(pieces, wrong) || std::ranges::any_of(given, wrong)) return false;
      window.restore(pieces, std::move(given));
    }
    gate.find_spare();
  }
  return a.ok();
}

}  // namespace hirehall::engine
