#include "broker/engine/breakers.h"

#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/mutant.h"
#include "common/text.h"

namespace hirehall::engine {
namespace {

using scheduler::Breaker;
using scheduler::BreakerState;

constexpr Millis pause_ms_max = Millis{24} * 3600 * 1000;  // whatever a service asks for

// What the end of an attempt says of somebody.
enum class Verdict : std::uint8_t { good, bad, nothing };

Verdict verdict_of(const AttemptEnd& end) {
  if (end.outcome == Outcome::succeeded) return Verdict::good;
  const bool bad = end.outcome == Outcome::failed || end.outcome == Outcome::timed_out;
  return bad && !end.stopped ? Verdict::bad : Verdict::nothing;
}

}  // namespace

std::string_view name_of(BreakerOf of) {
  return of == BreakerOf::agent ? "agent" : "service";
}

tl::unexpected<Error> no_breaker(BreakerOf of, const std::string& name) {
  return fail(Code::not_found,
              "no " + std::string(name_of(of)) + " with a breaker is called " + name +
                  "; `hirehall breaker list` shows them",
              "name");
}

// --- who is guarded ---

void Breakers::guard(const std::string& agent, const scheduler::Guard& guard) {
  auto& guarded = guarded_[agent];
  guarded.fallbacks = guard.fallbacks;
  if (guard.breaker) {
    auto& row = agents_[agent];
    row.breaker.adjust(*guard.breaker);
    guarded.own = &row;
  } else if (guarded.own != nullptr) {
    guarded.own = nullptr;
    forget_row(agents_, agent);
  }
  const auto former = std::exchange(guarded.services, {});
  for (const auto& service : guard.services) guarded.services.emplace_back(service, &services_[service]);
  const auto is_listed = [&](const auto& service) {
    return std::ranges::find(guard.services, service.first) != guard.services.end();
  };
  if (!std::ranges::all_of(former, is_listed)) drop_idle_services();
  stale_ = stale_ || disturbed_;
}

void Breakers::forget(const std::string& agent) {
  if (guarded_.erase(agent) == 0) return;
  forget_row(agents_, agent);
  drop_idle_services();
  stale_ = true;
}

// Looks at all that is listed, so with very many agents it is done when there is much to drop only.
void Breakers::drop_idle_services() {
  constexpr std::size_t agents_looked_at = 1000, services_kept = 20'000;
  if (guarded_.size() > agents_looked_at && services_.size() < services_kept) return;
  std::set<std::string_view> listed;
  for (const auto& [agent, guarded] : guarded_)
    for (const auto& [service, row] : guarded.services) listed.insert(service);
  std::vector<std::string> idle;
  for (const auto& [service, row] : services_)
    if (!listed.contains(service)) idle.push_back(service);
  for (const auto& service : idle) forget_row(services_, service);
}

void Breakers::forget_row(BreakerRows& rows, const std::string& name) {
  auto at = rows.find(name);
  if (at == rows.end()) return;
  for (auto& [token, probes] : probes_)
    std::erase_if(probes, [&](const Probe& probe) { return probe.row == &at->second; });
  rows.erase(at);
}

const GuardedAgent* Breakers::guarded(std::string_view agent) const {
  auto at = guarded_.find(agent);
  return at == guarded_.end() ? nullptr : &at->second;
}

// --- attempts ---

std::uint32_t Breakers::room(std::string_view agent, Millis now) const {
  auto room = Breaker::without_end;
  if (const auto* guarded_agent = guarded(agent))
    guarded_agent->each_row([&](const BreakerRow& row) { room = std::min(room, row.breaker.room(now)); });
  return room;
}

void Breakers::began(std::string_view agent, std::uint64_t token, Millis now) {
  const auto* guarded_agent = guarded(agent);
  if (guarded_agent == nullptr) return;
  guarded_agent->each_row([&](BreakerRow& row) {
    if (row.state(now) != BreakerState::half_open) return;
    row.breaker.began(now);
    probes_[token].push_back({&row, row.round});
    stale_ = stale_ || row.breaker.room(now) == 0;
  });
}

void Breakers::ended(const AttemptEnd& end, Millis now) {
  std::vector<Probe> probes;
  if (!probes_.empty()) {
    if (auto at = probes_.find(end.token); at != probes_.end()) {
      probes = std::move(at->second);
      probes_.erase(at);
    }
  }
  const auto* guarded_agent = guarded(end.agent);
  // Of breakers that the agent has no more, or that are of another agent: the worker came back with others.
  for (const auto& probe : probes) {
    bool its_own = false;
    if (guarded_agent != nullptr)
      guarded_agent->each_row([&](const BreakerRow& row) { its_own = its_own || &row == probe.row; });
    if (its_own || probe.round != probe.row->round) continue;
    probe.row->breaker.gave_back(now);
    stale_ = true;
  }
  if (guarded_agent == nullptr) return;
  const auto is_probe = [&](const BreakerRow& row) {
    return std::ranges::any_of(
        probes, [&](const Probe& probe) { return probe.row == &row && probe.round == row.round; });
  };
  // A failure that names a service is the fault of nobody else.
  const bool names = !end.service.empty() && std::ranges::any_of(guarded_agent->services, [&](const auto& s) {
    return s.first == end.service;
  });
  if (auto* own = guarded_agent->own) feed(*own, end, is_probe(*own), !names, now);
  for (const auto& [service, row] : guarded_agent->services) {
    const bool speaks = end.outcome == Outcome::succeeded || (names && service == end.service);
    if (speaks && verdict_of(end) == Verdict::bad && end.delay_ms > 0) {
      row->breaker.pause_until(now + std::min(end.delay_ms, pause_ms_max));
      row->error = clip(end.error.empty() ? end.error_code : end.error, limits::error_bytes_max);
      disturbed_ = stale_ = true;
      feed(*row, end, is_probe(*row), false, now);
    } else {
      feed(*row, end, is_probe(*row), speaks, now);
    }
  }
}

void Breakers::feed(BreakerRow& row, const AttemptEnd& end, bool probe, bool speaks, Millis now) {
  const auto verdict = speaks ? verdict_of(end) : Verdict::nothing;
  const auto before = row.state(now);
  if (before == BreakerState::open || (before == BreakerState::half_open && !probe)) return;
  if (before == BreakerState::half_open) stale_ = true;
  switch (verdict) {
    case Verdict::good:
      row.failed.clear();
      row.breaker.succeeded(now);
      break;
    case Verdict::bad:
      count_failure(row, end, now);
      break;
    case Verdict::nothing:
      row.breaker.gave_back(now);
  }
  if (row.state(now) != before) changed(row, now);
}

// A task that fails again and again says no more than once that the agent is at fault.
void Breakers::count_failure(BreakerRow& row, const AttemptEnd& end, Millis now) {
  row.error = clip(end.error.empty() ? end.error_code : end.error, limits::error_bytes_max);
  if (row.state(now) == BreakerState::closed) {
    if (std::ranges::find(row.failed, end.sequence) != row.failed.end()) return;
    row.failed.push_back(end.sequence);
  }
  row.breaker.failed(now);
}

void Breakers::changed(BreakerRow& row, Millis now) {
  ++row.round;
  row.since = now;
  row.failed.clear();
  disturbed_ = stale_ = true;
  if (row.state(now) == BreakerState::open) ++row.opened;
}

// --- by hand ---

bool Breakers::reset(BreakerOf of, const std::string& name, Millis now) {
  auto& rows = of == BreakerOf::agent ? agents_ : services_;
  auto at = rows.find(name);
  if (at == rows.end()) return false;
  at->second.breaker.reset();
  at->second.error.clear();
  changed(at->second, now);
  return true;
}

bool Breakers::trip(BreakerOf of, const std::string& name, Millis for_ms, std::string_view reason,
                    Millis now) {
  auto& rows = of == BreakerOf::agent ? agents_ : services_;
  auto at = rows.find(name);
  if (at == rows.end()) return false;
  auto& breaker = at->second.breaker;
  breaker.trip(now, for_ms > 0 ? for_ms : breaker.settings().open_ms);
  at->second.error = reason;
  changed(at->second, now);
  return true;
}

// --- what the dispatcher is told ---

const std::string* Breakers::stand_in(const GuardedAgent& guarded, const AgentOffers& offers,
                                      Millis now) const {
  for (const auto& name : guarded.fallbacks) {
    auto at = offers.find(name);
    if (at != offers.end() && at->second.takes_work && room(name, now) > 0) return &name;
  }
  return nullptr;
}

std::set<std::string> Breakers::fit(const AgentOffers& offers, Millis now) {
  stale_ = disturbed_ = false;
  look_at_ = never;
  for (const auto* rows : {&agents_, &services_})
    for (const auto& [name, row] : *rows) {
      if (row.state(now) == BreakerState::closed && row.breaker.admits(now)) continue;
      disturbed_ = true;
      if (const auto at = row.breaker.admits_at(now); at > now) look_at_ = std::min(look_at_, at);
    }
  AgentFits fits;
  if (disturbed_ && !HH_MUTANT("breakers_ignored")) {
    for (const auto& [name, guarded] : guarded_) {
      if (room(name, now) > 0) continue;
      fits[name].out = true;
      const auto* other = stand_in(guarded, offers, now);
      if (auto own = offers.find(name); other != nullptr && own != offers.end())
        fits[*other].types.insert(own->second.types.begin(), own->second.types.end());
    }
  }
  std::set<std::string> others;
  const auto compare = [&](const AgentFits& some, const AgentFits& rest) {
    for (const auto& [name, fit] : some)
      if (auto at = rest.find(name); at == rest.end() || at->second != fit) others.insert(name);
  };
  compare(fits, fits_);
  compare(fits_, fits);
  fits_ = std::move(fits);
  return others;
}

KeptOut Breakers::why_out(std::string_view agent, Millis now) const {
  KeptOut out;
  out.agent = agent;
  const auto* guarded_agent = guarded(agent);
  if (guarded_agent == nullptr) return out;
  out.fallbacks = guarded_agent->fallbacks;
  const auto look = [&](const BreakerRow* row, const std::string& service) {
    if (row == nullptr || row->breaker.admits(now) || !out.state.empty()) return;
    const auto state = row->state(now);
    out.service = service;
    out.state = state == BreakerState::closed ? "paused" : name_of(state);
    out.error = row->error;
    out.until = row->breaker.admits_at(now);
  };
  look(guarded_agent->own, {});
  for (const auto& [service, row] : guarded_agent->services) look(row, service);
  return out;
}

scheduler::WorkerSpec Breakers::fitted(const scheduler::WorkerSpec& spec,
                                       const std::optional<std::vector<std::string>>& types) const {
  auto out = spec;
  for (auto& agent : out.agents) {
    auto at = fits_.find(agent.name);
    if (at == fits_.end()) continue;
    if (at->second.out) {
      agent.types.clear();
      continue;
    }
    for (const auto& type : at->second.types)
      if (!types || std::ranges::find(*types, type) != types->end()) agent.types.push_back(type);
  }
  return out;
}

}  // namespace hirehall::engine
