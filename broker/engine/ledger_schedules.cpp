// Folding what is said of schedules.
#include "broker/engine/ledger.h"
#include "common/check.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t trigger_keys_kept = 16;

Schedule& known(Schedules& schedules, const std::string& name) {
  auto at = schedules.find(name);
  HH_CHECK(at != schedules.end(), "a fact names a schedule that is there");
  return at->second;
}

}  // namespace

void Ledger::apply(ScheduleSet& fact) {
  auto [at, fresh] = schedules.try_emplace(fact.name);
  auto& schedule = at->second;
  if (fresh) schedule.created = now;
  schedule.changed = now;
  schedule.spec = fact.spec;
  schedule.by = fact.by;
  schedule.anchor = fact.anchor;
  schedule.next = fact.next;
}

void Ledger::apply(ScheduleDeleted& fact) {
  schedules.erase(fact.name);
}

void Ledger::apply(ScheduleTicked& fact) {
  auto& schedule = known(schedules, fact.name);
  schedule.next = fact.next;
  schedule.waiting = fact.waiting;
  schedule.missed = fact.missed;
  schedule.overlapped = fact.overlapped;
  schedule.refused = fact.refused;
  schedule.error = fact.error;
  schedule.fired += fact.ticks.size();
  if (fact.ticks.empty()) return;
  schedule.last_tick = fact.ticks.back().tick;
  schedule.last_task = fact.ticks.back().sequence;
  schedule.fired_at = now;
}

void Ledger::apply(ScheduleHeld& fact) {
  auto& schedule = known(schedules, fact.name);
  schedule.paused = fact.on;
  schedule.pause_reason = fact.reason;
  schedule.next = fact.next;
}

void Ledger::apply(ScheduleFiled& fact) {
  known(schedules, fact.name).filed = fact.filed;
}

void Ledger::apply(ScheduleTriggered& fact) {
  auto& schedule = known(schedules, fact.name);
  schedule.last_task = fact.sequence;
  schedule.fired_at = now;
  ++schedule.fired;
  if (fact.key.empty()) return;
  schedule.triggers.push_back({fact.key, fact.sequence});
  if (schedule.triggers.size() > trigger_keys_kept) schedule.triggers.erase(schedule.triggers.begin());
}

}  // namespace hirehall::engine
