// Limits: what is held back, and when it may go on.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t shelves_woken = 8;  // at once, of those that wait at one gate

Status check_rule(std::string_view name, const LimitRule& rule) {
  auto wrong = [](std::string message, const char* key) {
    return fail(Code::invalid, std::move(message), key);
  };
  if (name.empty() || name.size() > limits::name_bytes_max)
    return wrong("a limit's name has 1 to 255 bytes", "name");
  for (const auto& [key, text] : {std::pair{"queue", &rule.queue},
                                  {"type", &rule.type},
                                  {"tenant", &rule.tenant},
                                  {"key", &rule.key}}) {
    if (text->size() > limits::key_bytes_max) return wrong("a name has at most 512 bytes", key);
    if (auto star = text->find('*'); star != std::string::npos && star + 1 != text->size())
      return wrong("'" + *text + "' has a * that is not its end; only an ending may be left open", key);
  }
  if (rule.per != "" && rule.per != "queue" && rule.per != "type" && rule.per != "tenant" &&
      rule.per != "key")
    return wrong("per is '" + rule.per + "'; accepted: queue, type, tenant, key", "per");
  if (rule.per == "key" && rule.key.empty())
    return wrong("a limit per key says which keys: key '*' for all of them", "key");
  if (rule.concurrency == 0 && rule.rates.empty())
    return wrong("a limit has a concurrency or a rate; to let nothing through, pause it", "concurrency");
  if (rule.rates.size() > rates_max)
    return wrong("a limit has at most 4 rates, this has " + std::to_string(rule.rates.size()), "rates");
  for (const auto& rate : rule.rates) {
    if (rate.units == 0 || rate.window_ms < rate_window_ms_min || rate.window_ms > rate_window_ms_max)
      return wrong("a rate is " + std::to_string(rate.units) + " in " + std::to_string(rate.window_ms) +
                       " ms; accepted: 1 or more in 100 ms to 31 days",
                   "rates");
    if (std::ranges::count(rule.rates, rate.window_ms, &Rate::window_ms) > 1)
      return wrong("two rates have the same window; keep the lower one", "rates");
  }
  return {};
}

tl::unexpected<Error> no_limit(std::string_view name) {
  return fail(Code::not_found,
              "no limit is called " + std::string(name) + "; `hirehall limit list` shows them", "name");
}

}  // namespace

Status Engine::set_limit(const std::string& name, const LimitRule& rule, std::string_view by) {
  if (auto valid = check_rule(name, rule); !valid) return valid;
  auto at = ledger_.limits.find(name);
  if (at != ledger_.limits.end() && at->second.rule == rule) return {};
  if (at == ledger_.limits.end() && ledger_.limits.size() >= limits_max)
    return fail(Code::busy,
                "there are " + std::to_string(limits_max) + " limits already; one with `per` stands for many",
                "name");
  LimitDefined fact{name, rule, std::string(by)};
  record(fact);
  return {};
}

Status Engine::delete_limit(const std::string& name) {
  if (!ledger_.limits.contains(name)) return no_limit(name);
  LimitDeleted fact{name};
  record(fact);
  return {};
}

Status Engine::hold_limit(const std::string& name, Millis until, std::string_view reason) {
  auto at = ledger_.limits.find(name);
  if (at == ledger_.limits.end()) return no_limit(name);
  if (at->second.paused_until == until && at->second.pause_reason == reason) return {};
  LimitHeld fact{name, until, std::string(reason)};
  record(fact);
  return {};
}

const Gate* Engine::gate_that_holds(const LimitSet& set) const {
  if (HH_MUTANT("limits_ignored")) return nullptr;
  for (const auto* gate : set.gates)
    if (gate->full(now_)) return gate;
  return nullptr;
}

// Puts a line where it belongs: in its shelf's order of open lines, or to the gate that holds it.
void Engine::place_limited(Line& line) {
  ledger_.unpark(line);
  auto& shelf = *line.shelf;
  bool ready = line.ready != 0 || line.has_pages();
  auto* gate = ready ? const_cast<Gate*>(gate_that_holds(*line.limits)) : nullptr;
  std::pair<std::uint32_t, Sequence> key{limits::priority_max - line.priority, 0};
  if (gate != nullptr) {
    auto before = line.resident();
    const auto* front = line.front(ledger_.segments);
    key.second = front != nullptr ? front->sequence : ~line.id;  // on pages: behind the others, and alone
    ledger_.entries -= before - line.resident();
  } else if (ready && tend(line)) {
    key.second = line.front(ledger_.segments)->sequence;
  } else {
    ready = false;
  }
  if (line.offered && (!ready || gate != nullptr || key != line.place->first)) {
    line.step_off(shelf.limited);
    line.offered = false;
  }
  if (!ready) return;
  if (gate != nullptr) return park(line, *gate, key);
  if (line.offered) return;
  line.stand(shelf.limited, key);
  line.offered = true;
  if (shelf.best != &line) shelf.best = nullptr;
}

void Engine::park(Line& line, Gate& gate, const std::pair<std::uint32_t, Sequence>& order) {
  ++counts_.limit_delays;
  line.stand(gate.waiting[{line.shelf->lane, line.shelf->class_}], order);
  line.waits_on = &gate;
  ++gate.held;
  look_later(gate);
}

// A gate that time opens is looked at again then.
void Engine::look_later(Gate& gate) {
  const auto at = gate.opens_at(now_);
  if (at == now_ || at == until_resumed || (gate.look_at > now_ && gate.look_at <= at)) return;
  gate.look_at = at;
  gate_times_.emplace(at, gate.key);
}

void Engine::place_dirty(Shelf& shelf) {
  // What is far from the processor is on its way while those before are placed.
  auto fetch = [&](std::size_t i) {
    if (i + 8 < shelf.dirty.size())
      if (const auto* line = ledger_.lines[shelf.dirty[i + 8].first].get()) __builtin_prefetch(&line->limits);
    if (i + 4 >= shelf.dirty.size()) return;
    const auto* line = ledger_.lines[shelf.dirty[i + 4].first].get();
    if (line == nullptr || line->limits == nullptr) return;
    for (const auto* gate : line->limits->gates) __builtin_prefetch(gate);
  };
  for (std::size_t i = 0; i < shelf.dirty.size(); ++i) {
    fetch(i);
    const auto& [slot, id] = shelf.dirty[i];
    auto* line = ledger_.lines[slot].get();
    if (line == nullptr || line->id != id) continue;
    line->dirty = false;
    if (line->limits != nullptr) place_limited(*line);
  }
  shelf.dirty.clear();
}

// Lines that wait at a gate with room are looked at again: a few of each shelf and a few shelves at a time,
// taking turns, for whoever is held elsewhere makes way for the others. Whose turn it is to be awarded the
// scheduler decides among them.
void Engine::wake(Gate& gate) {
  const auto lines = std::min(gate.room(now_), scheduler::run_max);
  auto shelf = gate.waiting.upper_bound(gate.cursor);
  for (auto left = std::min(shelves_woken, gate.waiting.size()); left > 0; --left, ++shelf) {
    if (shelf == gate.waiting.end()) shelf = gate.waiting.begin();
    gate.cursor = shelf->first;
    auto some = lines;
    for (auto& [order, line] : shelf->second) {
      if (some-- == 0) break;
      ledger_.touch_line(*line);
    }
  }
}

void Engine::open_gates() {
  ledger_.settle_limits();
  while (!gate_times_.empty() && gate_times_.begin()->first <= now_) {
    auto at = ledger_.gates.find(gate_times_.begin()->second);
    gate_times_.erase(gate_times_.begin());
    if (at == ledger_.gates.end()) continue;
    at->second->look_at = 0;
    if (!HH_MUTANT("rates_never_open")) ledger_.note_open(*at->second);
  }
  std::erase_if(ledger_.opened, [&](Gate* gate) {
    if (gate->waiting.empty() || gate->full(now_)) {
      gate->opening = false;
      if (!gate->waiting.empty()) look_later(*gate);
      return true;
    }
    wake(*gate);
    return false;
  });
}

Millis Engine::next_gate() const {
  if (!ledger_.opened.empty()) return now_;  // some wait still that may go on
  return gate_times_.empty() ? until_resumed : gate_times_.begin()->first;
}

std::vector<const Gate*> Engine::gates_of(const Place& place) const {
  const auto* set = ledger_.known_limit_set(place.lane, place.class_, place.limit_keys);
  if (set == nullptr) return {};
  return {set->gates.begin(), set->gates.end()};
}

}  // namespace hirehall::engine
