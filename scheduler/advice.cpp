#include "scheduler/advice.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace hirehall::scheduler {

namespace {

constexpr std::int64_t wait_worth_telling_ms = 5000;
constexpr std::int64_t watched_long_enough_ms = 600'000;
constexpr double hardly_used = 0.2;
constexpr double clearly_better = 0.2;  // in chances, between intervals that do not meet
constexpr double outcomes_needed = 30;

std::string percent(double share) {
  return std::to_string(std::llround(share * 100)) + " %";
}

std::string seconds(double ms) {
  if (ms < 10'000) return std::to_string(std::llround(ms)) + " ms";
  return std::to_string(std::llround(ms / 1000)) + " s";
}

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

std::string tenths(double value) {
  const auto scaled = std::llround(std::abs(value) * 10);
  return (value < 0 ? "-" : "") + std::to_string(scaled / 10) + "." + std::to_string(scaled % 10);
}

void advise_supply(const FleetFigures& fleet, std::vector<Advice>& out) {
  for (const auto& t : fleet.types) {
    if (t.ready == 0 || t.workers > 0) continue;
    const auto waits = number(t.ready) + " tasks of type " + t.type + " wait, the first for " +
                       seconds(static_cast<double>(t.oldest_ms)) + ", and ";
    const bool kept_out = t.kept_out > 0;
    out.push_back({kept_out ? "breaker" : "no_supply",
                   waits + (kept_out ? "breakers keep all agents from it that could do it: look at their "
                                       "errors in `hirehall breaker list`, or give them fallbacks"
                                     : "no connected worker has an agent for it: start one"),
                   {{"type", t.type},
                    {"ready", static_cast<double>(t.ready)},
                    {"oldest_ms", static_cast<double>(t.oldest_ms)}}});
  }
}

void advise_bottleneck(const FleetFigures& fleet, std::vector<Advice>& out) {
  const auto* t = bottleneck(fleet);
  if (t == nullptr || t->workers == 0) return;
  const auto work = t->work_ms();
  if (std::max(t->oldest_ms, work) < wait_worth_telling_ms) return;
  out.push_back({"bottleneck",
                 "type " + t->type + " is the bottleneck: " + number(t->ready) + " tasks are ready on " +
                     number(t->slots) + " slots of " + number(t->workers) + " workers, the first waits for " +
                     seconds(static_cast<double>(t->oldest_ms)) +
                     (work < 0 ? std::string()
                               : "; at " + seconds(t->p50_ms) + " each that is work for " +
                                     seconds(static_cast<double>(work))) +
                     ": start workers that have an agent for it",
                 {{"type", t->type},
                  {"ready", static_cast<double>(t->ready)},
                  {"slots", static_cast<double>(t->slots)},
                  {"oldest_ms", static_cast<double>(t->oldest_ms)},
                  {"p50_ms", t->p50_ms},
                  {"work_ms", static_cast<double>(work)}}});
}

void advise_trends(const FleetFigures& fleet, std::vector<Advice>& out) {
  for (const auto& a : fleet.agents) {
    const auto& t = a.trend;
    if (t.trend != Trend::worsening) continue;
    const bool fails = t.success_z < -Track::far;
    const auto what =
        fails ? "succeeds less often: " + percent(t.success_after) + " after " + percent(t.success_before)
              : "takes longer: " + seconds(t.p50_after) + " after " + seconds(t.p50_before);
    out.push_back({"worsening",
                   "agent " + a.agent + " " + what + " at type " + a.type + ", in the later half of " +
                       number(t.ends) + " ends (z " + tenths(fails ? t.success_z : t.duration_z) +
                       "): look at the errors of its last attempts",
                   {{"agent", a.agent},
                    {"type", a.type},
                    {"ends", static_cast<double>(t.ends)},
                    {"success_before", t.success_before},
                    {"success_after", t.success_after},
                    {"success_z", t.success_z},
                    {"p50_before_ms", t.p50_before},
                    {"p50_after_ms", t.p50_after},
                    {"duration_z", t.duration_z}}});
  }
}

// Of each type the best and the worst known agent, when it is no chance that they differ.
void advise_routing(const FleetFigures& fleet, std::vector<Advice>& out) {
  for (const auto& worse : fleet.agents) {
    if (worse.outcomes < outcomes_needed) continue;
    const AgentFigures* best = nullptr;
    for (const auto& other : fleet.agents)
      if (other.type == worse.type && other.outcomes >= outcomes_needed &&
          (best == nullptr || other.success > best->success))
        best = &other;
    if (best == nullptr || best->success - worse.success < clearly_better ||
        best->success_low <= worse.success_high)
      continue;
    out.push_back({"route_elsewhere",
                   "at type " + worse.type + " agent " + worse.agent + " succeeds in " +
                       percent(worse.success) + ", " + best->agent + " in " + percent(best->success) +
                       ": the policy learned of a queue gives the work to the better one",
                   {{"type", worse.type},
                    {"agent", worse.agent},
                    {"success", worse.success},
                    {"success_high", worse.success_high},
                    {"better", best->agent},
                    {"better_success", best->success},
                    {"better_low", best->success_low}}});
  }
}

void advise_size(const FleetFigures& fleet, std::vector<Advice>& out) {
  const bool waiting = std::ranges::any_of(fleet.types, [](const auto& t) { return t.ready > 0; });
  if (waiting || fleet.slots < 2 || fleet.watched_ms < watched_long_enough_ms ||
      fleet.utilisation >= hardly_used)
    return;
  out.push_back({"fewer_workers",
                 "of " + number(fleet.slots) + " slots " + percent(fleet.utilisation) + " were busy in " +
                     seconds(static_cast<double>(fleet.watched_ms)) +
                     ", and nothing waits: fewer workers would do",
                 {{"slots", static_cast<double>(fleet.slots)},
                  {"utilisation", fleet.utilisation},
                  {"watched_ms", static_cast<double>(fleet.watched_ms)}}});
}

}  // namespace

std::int64_t TypeFigures::work_ms() const {
  if (p50_ms <= 0 || slots == 0) return -1;
  return std::llround(std::min(1e15, static_cast<double>(ready) * p50_ms / static_cast<double>(slots)));
}

const TypeFigures* bottleneck(const FleetFigures& fleet) {
  const auto rank = [](const TypeFigures& t) {
    return std::tuple(std::max(t.oldest_ms, t.work_ms()), t.ready);
  };
  const TypeFigures* worst = nullptr;
  for (const auto& t : fleet.types)
    if (t.ready > 0 && (worst == nullptr || rank(t) > rank(*worst))) worst = &t;
  return worst;
}

std::vector<Advice> advise(const FleetFigures& fleet) {
  std::vector<Advice> out;
  advise_supply(fleet, out);
  advise_bottleneck(fleet, out);
  advise_trends(fleet, out);
  advise_routing(fleet, out);
  advise_size(fleet, out);
  if (out.size() > advice_max) out.resize(advice_max);
  return out;
}

}  // namespace hirehall::scheduler
