// Schedules: when they tick, and what becomes of a tick.
#include <algorithm>
#include <limits>

#include "broker/engine/cron.h"
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr Millis never = std::numeric_limits<Millis>::max();
constexpr Millis day_ms = 24ll * 3600 * 1000;
constexpr Millis late_ms = 60 * 1000;         // a tick this late was missed
constexpr std::size_t ticks_per_turn = 1000;  // of one schedule that are left out in one turn
constexpr std::size_t fired_per_turn = 1024;  // of all schedules
constexpr Millis cancel_grace_ms = 10 * 1000;
constexpr Millis set_back_ms = 60 * 1000;  // the calendar went back: a step, no slewing

ScheduleTicked as_it_is(const std::string& name, const Schedule& s) {
  return {name, s.next, {}, s.waiting, s.missed, s.overlapped, s.refused, s.error};
}

tl::unexpected<Error> no_schedule(std::string_view name) {
  return fail(Code::not_found,
              "no schedule is called " + std::string(name) + "; `hirehall schedule list` shows them", "name");
}

}  // namespace

const Zone* Engine::zone_of(const ScheduleSpec& spec) const {
  static const Zone utc;
  if (spec.zone.empty()) return &utc;
  auto at = watch_.zones.find(spec.zone);
  return at == watch_.zones.end() ? nullptr : &at->second;
}

// 0: its zone is not known.
Millis Engine::tick_after(const Schedule& s, Millis after) const {
  if (!s.by_calendar())
    return after < s.anchor ? s.anchor + s.spec.every_ms
                            : s.anchor + ((after - s.anchor) / s.spec.every_ms + 1) * s.spec.every_ms;
  const auto* zone = zone_of(s.spec);
  if (zone == nullptr) return 0;
  auto cron = Cron::parse(s.spec.cron);
  HH_CHECK(cron.has_value(), "what a schedule says was checked when it was set");
  return cron->next(after, *zone).value_or(0);
}

Millis Engine::clock_of(const Schedule& s) const {
  return s.by_calendar() ? to_wall(now_) : now_;
}

// A schedule whose zone was missing goes on from now. Other rules for a zone that was known count from the
// tick after the next one on: that one is recorded already.
void Engine::know_zone(const std::string& name, Zone zone) {
  watch_.zones.insert_or_assign(name, std::move(zone));
  for (auto& [schedule_name, s] : ledger_.schedules) {
    if (s.spec.zone != name || s.next != 0) continue;
    auto fact = as_it_is(schedule_name, s);
    fact.next = tick_after(s, to_wall(now_));
    if (fact.next != 0) record(fact);
  }
  look_at_schedules();
}

// --- setting ---

Status Engine::check_schedule(std::string_view name, const ScheduleSpec& spec) const {
  auto wrong = [](std::string message, const char* key) {
    return fail(Code::invalid, std::move(message), key);
  };
  if (name.empty() || name.size() > limits::name_bytes_max)
    return wrong("a schedule's name has 1 to 255 bytes", "name");
  if (spec.cron.empty() == (spec.every_ms == 0)) return wrong("a schedule has either cron or every", "cron");
  if (spec.every_ms != 0) {
    if (spec.every_ms < limits::schedule_every_ms_min || spec.every_ms > 366 * day_ms)
      return wrong("every is " + std::to_string(spec.every_ms) + " ms; accepted: 1 s to 366 days",
                   "every_ms");
    if (!spec.zone.empty())
      return wrong("a time zone belongs to cron; every goes by time that passes", "zone");
  } else {
    if (auto cron = Cron::parse(spec.cron); !cron) return tl::unexpected(cron.error());
    if (zone_of(spec) == nullptr)
      return wrong(
          "no time zone is called '" + spec.zone + "'; give one of the tz database, like Europe/Berlin",
          "zone");
  }
  if (spec.catch_up_max < 1 || spec.catch_up_max > limits::schedule_catch_up_max)
    return wrong("catch_up_max is " + std::to_string(spec.catch_up_max) + "; accepted: 1 to " +
                     std::to_string(limits::schedule_catch_up_max),
                 "catch_up_max");
  if (spec.jitter_ms < 0 || spec.jitter_ms > 7 * day_ms)
    return wrong("jitter is " + std::to_string(spec.jitter_ms) + " ms; accepted: 0 to 7 days", "jitter_ms");
  if (spec.payload.size() > limits::schedule_payload_bytes_max)
    return fail(
        Code::too_large,
        "a schedule's payload has at most 64 KiB, this has " + std::to_string(spec.payload.size()) + " bytes",
        "payload");
  auto options = decode_options(spec.options);
  if (!options) return tl::unexpected(options.error());
  if (auto valid = validate(*options); !valid) return valid;
  if (!options->idempotency_key.empty() || !options->unique_key.empty())
    return wrong(
        "tasks of a schedule have no keys of their own: a tick fires once, and overlap says what "
        "two of them do",
        "options");
  if (options->not_before != 0 || options->delay_ms != 0 || options->deadline != 0)
    return wrong("a schedule says when its tasks begin; give ttl_ms instead of a deadline", "options");
  if (!options->batch.empty())
    return wrong("tasks of a schedule are in no batch: a batch is closed one day, a schedule ticks on",
                 "options");
  if (!ledger_.queue_by_name.contains(options->queue.empty() ? "default" : options->queue))
    return fail(Code::not_found,
                "no queue is named " + options->queue + "; make it with `hirehall queue set`", "queue");
  return {};
}

Status Engine::set_schedule(const std::string& name, const ScheduleSpec& spec, std::string_view by,
                            bool fresh) {
  if (auto valid = check_schedule(name, spec); !valid) return valid;
  auto at = ledger_.schedules.find(name);
  const Schedule* old = at == ledger_.schedules.end() ? nullptr : &at->second;
  if (old != nullptr && old->spec == spec) return {};  // asked again
  if (old != nullptr && fresh)
    return fail(Code::conflict,
                "a schedule is called " + name + " already; change it with `hirehall schedule edit`", "name");
  std::size_t bytes = spec.payload.size() + spec.options.size();
  for (const auto& [other, s] : ledger_.schedules)
    if (other != name) bytes += s.spec.payload.size() + s.spec.options.size();
  if (bytes > limits::schedules_bytes_max ||
      (old == nullptr && ledger_.schedules.size() >= limits::schedules_max))
    return fail(
        Code::busy,
        "schedules are full: at most " + std::to_string(limits::schedules_max) + " with 64 MiB together",
        "name");
  ScheduleSet fact{name, spec, std::string(by), old == nullptr ? now_ : old->anchor, 0};
  const bool timing = old == nullptr || old->spec.cron != spec.cron || old->spec.every_ms != spec.every_ms ||
                      old->spec.zone != spec.zone;
  if (timing) {
    Schedule planned;
    planned.spec = spec;
    planned.anchor = fact.anchor = now_;
    fact.next = tick_after(planned, clock_of(planned));
  } else {
    fact.next = old->next;
  }
  record(fact);
  look_at_schedules();
  return {};
}

Status Engine::delete_schedule(const std::string& name) {
  if (!ledger_.schedules.contains(name)) return no_schedule(name);
  ScheduleDeleted fact{name};
  record(fact);
  watch_.waiting.erase(name);
  return {};
}

// What ticks while it is paused is passed over: resumed, it goes on with the next tick from then.
Status Engine::hold_schedule(const std::string& name, bool on, std::string_view reason) {
  auto at = ledger_.schedules.find(name);
  if (at == ledger_.schedules.end()) return no_schedule(name);
  const auto& s = at->second;
  if (s.paused == on && s.pause_reason == reason) return {};
  auto next = s.next;
  if (s.paused && !on) next = std::max(tick_after(s, clock_of(s)), s.next > clock_of(s) ? s.next : 0);
  ScheduleHeld fact{name, on, on ? std::string(reason) : std::string(), next};
  record(fact);
  look_at_schedules();
  return {};
}

Result<Sequence> Engine::trigger_schedule(const std::string& name, std::string_view key) {
  auto at = ledger_.schedules.find(name);
  if (at == ledger_.schedules.end()) return no_schedule(name);
  for (const auto& known : at->second.triggers)
    if (!key.empty() && known.key == key) return known.sequence;
  Error refusal;
  auto sequence = submit_scheduled(name, at->second, "triggered", refusal);
  if (sequence == 0) return tl::unexpected(refusal);
  ScheduleTriggered fact{name, std::string(key), sequence};
  record(fact);
  ++counts_.ticks[0];
  return sequence;
}

std::vector<Millis> Engine::upcoming(const Schedule& s, std::size_t count) const {
  std::vector<Millis> out;
  if (s.paused) return out;
  for (auto tick = s.next; tick != 0 && out.size() < count; tick = tick_after(s, tick))
    out.push_back(s.by_calendar() ? tick : to_wall(tick));
  return out;
}

// As for queues: a schedule follows the file unless somebody has changed it since by hand; one that leaves
// the file goes, under the same condition.
Result<std::vector<ScheduleChange>> Engine::adopt_schedules(const std::map<std::string, ScheduleSpec>& file,
                                                            bool force) {
  using What = ScheduleChange::What;
  std::vector<ScheduleChange> changes;
  auto filed = [&](const std::string& name, const std::string& now) {
    if (ledger_.schedules.at(name).filed == now) return;
    ScheduleFiled fact{name, now};
    record(fact);
  };
  for (const auto& [name, wanted] : file) {
    auto at = ledger_.schedules.find(name);
    auto encoded = encode_spec(wanted);
    if (at == ledger_.schedules.end()) {
      if (auto done = set_schedule(name, wanted, "file", true); !done)
        return fail(done.error().code, done.error().message, "schedule " + name);
      changes.push_back({name, What::made});
    } else if (at->second.spec != wanted) {
      const bool by_hand = encode_spec(at->second.spec) != at->second.filed;
      changes.push_back({name, by_hand && !force ? What::kept : What::changed});
      if (!by_hand || force)
        if (auto done = set_schedule(name, wanted, "file", false); !done)
          return fail(done.error().code, done.error().message, "schedule " + name);
    }
    filed(name, encoded);
  }
  std::vector<std::string> left_out;
  for (const auto& [name, s] : ledger_.schedules)
    if (!s.filed.empty() && !file.contains(name)) left_out.push_back(name);
  for (const auto& name : left_out) {
    const auto& s = ledger_.schedules.at(name);
    if (encode_spec(s.spec) == s.filed || force) {
      changes.push_back({name, What::deleted});
      if (auto done = delete_schedule(name); !done) return tl::unexpected(done.error());
    } else {
      changes.push_back({name, What::kept});
      filed(name, {});
    }
  }
  return changes;
}

// --- ticking ---

Sequence Engine::submit_scheduled(std::string_view name, const Schedule& s, std::string_view tick,
                                  Error& refusal) {
  auto options = decode_options(s.spec.options);
  HH_CHECK(options.has_value(), "what a schedule says was checked when it was set");
  options->trigger = "schedule/" + std::string(name) + "/" + std::string(tick);
  Resolved task;
  coming_.clear();
  auto code = resolve_names(*options, task);
  if (code == Code::ok) code = check_cap(ledger_.lanes[task.lane].queue, task);
  if (code != Code::ok) {
    ++counts_.refused;
    refusal = {code, task.message, "schedule " + std::string(name), 0};
    return 0;
  }
  if (options->retention_ms > ledger_.longest_retention) note_retention(options->retention_ms);
  return submit_own(*options, s.spec.payload, task);
}

bool Engine::runs_still(Sequence task) const {
  if (task == 0 || HH_MUTANT("overlap_ignored")) return false;
  auto known = look(task);
  return known == Known::leased || known == Known::queued;
}

void Engine::fire_tick(const std::string& name, const Schedule& s, Millis tick, ScheduleTicked& fact) {
  Error refusal;
  auto sequence = submit_scheduled(name, s, std::to_string(tick), refusal);
  if (sequence != 0) {
    fact.ticks.push_back({tick, sequence});
    fact.error.clear();
    return;
  }
  ++fact.refused;
  fact.error = describe(refusal);
}

// One tick that neither was missed nor is ahead.
void Engine::offer_tick(const std::string& name, const Schedule& s, Millis tick, ScheduleTicked& fact) {
  auto last = fact.ticks.empty() ? s.last_task : fact.ticks.back().sequence;
  const bool busy = !fact.waiting.empty() || runs_still(last);
  if (!busy || s.spec.overlap == Overlap::allow) return fire_tick(name, s, tick, fact);
  if (s.spec.overlap == Overlap::queue && fact.waiting.size() < limits::schedule_waiting_max) {
    fact.waiting.push_back(tick);
    return;
  }
  if (s.spec.overlap == Overlap::cancel) {
    fact.overlapped += fact.waiting.size();
    fact.waiting.assign(1, tick);
    return cancel_last(name, last);
  }
  ++fact.overlapped;
}

void Engine::cancel_last(const std::string& name, Sequence task) {
  if (look(task) == Known::leased) {
    cancel(task, "schedule " + name + " ticked again", cancel_grace_ms, nullptr);
  } else if (look(task) == Known::queued) {
    watch_.cancelling.insert(task);
    outputs_.lookups.push_back({task, TimerKind::expire});
  }
}

// Of a task that is queued, where it stands had to be looked up.
void Engine::cancel_looked_up(Sequence task, const LoadedTask& loaded) {
  if (watch_.cancelling.erase(task) == 0) return;
  auto code = cancel(task, "its schedule ticked again", cancel_grace_ms, &loaded);
  if (code == Code::busy) {
    watch_.cancelling.insert(task);
    outputs_.lookups.push_back({task, TimerKind::expire});
  }
}

void Engine::record_ticks(const Schedule& s, ScheduleTicked& fact) {
  counts_.ticks[0] += fact.ticks.size();
  counts_.ticks[1] += fact.missed - s.missed;
  counts_.ticks[2] += fact.overlapped - s.overlapped;
  counts_.ticks[3] += fact.refused - s.refused;
  record(fact);
}

// All that is due of one schedule. A tick is superseded by so many later ones that are due as well.
void Engine::tick_schedule(const std::string& name, const Schedule& s) {
  const auto clock = clock_of(s);
  auto due_at = [&](Millis tick) { return tick + jitter_of(name, tick, s.spec.jitter_ms); };
  const std::size_t keep = s.spec.catch_up == CatchUp::all ? s.spec.catch_up_max : 1;
  std::vector<Millis> due;
  auto next = s.next;
  while (next != 0 && due_at(next) <= clock && due.size() < ticks_per_turn + keep) {
    due.push_back(next);
    next = tick_after(s, next);
  }
  if (due.empty()) return;
  auto fact = as_it_is(name, s);
  if (due.size() == ticks_per_turn + keep) {
    fact.missed += ticks_per_turn;
    fact.next = due[ticks_per_turn];
  } else {
    auto first = due.size() - std::min(keep, due.size());
    if (s.spec.catch_up == CatchUp::skip && clock - due_at(due.back()) > late_ms) first = due.size();
    fact.missed += first;
    fact.next = next;
    for (auto i = first; i < due.size(); ++i) offer_tick(name, s, due[i], fact);
  }
  record_ticks(s, fact);
  if (!fact.waiting.empty()) watch_.waiting.insert(name);
}

// The first tick that waits fires as soon as the task before it has ended.
void Engine::release_waiting() {
  for (auto at = watch_.waiting.begin(); at != watch_.waiting.end();) {
    auto name = *at++;
    const auto& s = ledger_.schedules.at(name);
    if (s.waiting.empty()) {
      watch_.waiting.erase(name);
      continue;
    }
    if (s.paused || runs_still(s.last_task)) continue;
    auto fact = as_it_is(name, s);
    auto tick = fact.waiting.front();
    fact.waiting.erase(fact.waiting.begin());
    fire_tick(name, s, tick, fact);
    record_ticks(s, fact);
  }
}

void Engine::fire_schedules() {
  if (full_ || ledger_.schedules.empty()) return;
  if (!watch_.waiting.empty()) release_waiting();
  const auto calendar = to_wall(now_);
  if (calendar + set_back_ms < watch_.latest_calendar) set_back(calendar);
  watch_.latest_calendar = calendar;
  if (calendar < watch_.calendar_due && now_ < watch_.engine_due) return;
  const auto until = ledger_.next_sequence + fired_per_turn;
  for (const auto& [name, s] : ledger_.schedules) {
    if (ledger_.next_sequence >= until) break;
    if (!s.paused) tick_schedule(name, s);
  }
  look_at_schedules();
}

// The calendar went back behind ticks that have fired. None of them fires again: a schedule waits until the
// calendar has reached its next tick. One that would wait for more than a day begins anew.
void Engine::set_back(Millis calendar) {
  for (auto& [name, s] : ledger_.schedules) {
    if (s.paused || s.next == 0 || !s.by_calendar()) continue;
    auto next = tick_after(s, calendar);
    if (next == 0 || s.next - next <= day_ms) continue;
    auto fact = as_it_is(name, s);
    fact.next = next;
    record(fact);
  }
  look_at_schedules();
}

// When either clock has to be looked at again.
void Engine::look_at_schedules() {
  watch_.calendar_due = watch_.engine_due = never;
  for (const auto& [name, s] : ledger_.schedules) {
    if (s.paused || s.next == 0) continue;
    auto& due = s.by_calendar() ? watch_.calendar_due : watch_.engine_due;
    due = std::min(due, s.next + jitter_of(name, s.next, s.spec.jitter_ms));
  }
}

void Engine::start_schedules() {
  watch_.latest_calendar = 0;
  for (const auto& [name, s] : ledger_.schedules) {
    watch_.latest_calendar = std::max(watch_.latest_calendar, s.by_calendar() ? s.next + day_ms : 0);
    if (s.waiting.empty()) continue;
    watch_.waiting.insert(name);
    if (s.spec.overlap == Overlap::cancel) cancel_last(name, s.last_task);
  }
  look_at_schedules();
}

Millis Engine::next_tick() const {
  if (full_ || ledger_.schedules.empty()) return never;
  return std::min(watch_.engine_due, watch_.calendar_due == never ? never : watch_.calendar_due + ahead_);
}

}  // namespace hirehall::engine
