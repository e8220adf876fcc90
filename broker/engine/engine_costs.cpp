// What lanes are charged for their attempts, and how that is set right (costs.h).
#include <algorithm>

#include "broker/engine/engine.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr Millis look_every_ms = 100;
constexpr Millis surprise_ms = 10;
constexpr std::size_t looked_at_max = 1024;  // leases, each time

}  // namespace

// What the tasks of a pick cost their lane each, before their dominant share.
Millis Engine::cost_of(const scheduler::Pick& pick, std::uint64_t weight) const {
  const auto cost = costs_.expected(pick.lane, pick.cls);
  if (weight <= 1) return cost;
  return std::min(cost, std::max<Millis>(1, Costs::most / static_cast<Millis>(weight)));
}

Millis Engine::leased_for(const Lease& lease) const {
  return std::max<Millis>(0, now_ - std::max(lease.started, costs_.since));
}

// Of a worker that holds more than its slots can run, each task had its part of them.
Millis Engine::occupied(const Lease& lease, std::uint32_t held) const {
  const auto whole = leased_for(lease);
  const auto session = sessions_.find(lease.worker);
  if (session == sessions_.end() || session->second.spec.agents.empty()) return whole;
  const auto slots = session->second.spec.slots;
  return slots == 0 || held <= slots ? whole : whole * slots / held;
}

// At the end of an attempt, whatever it came to. `ran` is what its worker has measured; less than nothing: it
// has not. `held` is what the worker held when the first of a message ended. What never began costs nothing,
// and tells nothing of its kind.
void Engine::settle_cost(const Lease& lease, Millis ran, std::uint32_t held, bool began) {
  const auto took = ran < 0 ? occupied(lease, held) : std::min(ran, leased_for(lease));
  // What is learned of its kind is not cut at a restart.
  if (began)
    costs_.ended(lease.lane, lease.class_,
                 ran < 0 ? took : std::min(ran, std::max<Millis>(0, now_ - lease.started)));
  if (HH_MUTANT("costs_not_corrected")) return;
  const auto charged = static_cast<Millis>(lease.charged);
  const auto difference = std::clamp<Millis>(took, 1, Costs::most) - charged;
  // Others of its kind run as long unnoticed: they are looked at before the next award.
  if (difference > std::max(charged, surprise_ms)) costs_.look_at = now_;
  if (difference != 0) costs_.correct(now_, lease.lane, Ledger::slot_of(lease.token), difference);
}

// What runs for longer than it was charged is charged on, so that a lane whose tasks were thought short does
// not fill the fleet before the first of them has ended.
void Engine::charge_running() {
  if (now_ < costs_.look_at || ledger_.leases.empty()) return;
  costs_.look_at = now_ + look_every_ms;
  const auto count = std::min(looked_at_max, ledger_.leases.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (++costs_.hand >= ledger_.leases.size()) costs_.hand = 0;
    auto& lease = ledger_.leases[costs_.hand];
    if (lease.token == 0 || leased_for(lease) <= static_cast<Millis>(lease.charged)) continue;
    const auto so_far = std::min(occupied(lease, ledger_.workers.at(lease.worker).held), Costs::most);
    const auto beyond = so_far - static_cast<Millis>(lease.charged);
    if (beyond <= 0) continue;
    costs_.correct(now_, lease.lane, static_cast<std::uint32_t>(costs_.hand), beyond);
    costs_.running(lease.lane, lease.class_, so_far);
    lease.charged = static_cast<std::uint32_t>(so_far);
  }
}

void Engine::settle_lanes() {
  charge_running();
  costs_.settle([this](std::uint32_t lane, std::int64_t owed) { dispatcher_.correct(lane, owed); });
}

}  // namespace hirehall::engine
