#include "broker/server/why.h"

#include <algorithm>
#include <array>

#include "common/mutant.h"
#include "common/options.h"
#include "scheduler/room_waits.h"

namespace hirehall::server {
namespace {

using engine::Engine;
using Whys = std::vector<Why>;

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return number(n) + " " + std::string(n == 1 ? one : many);
}

std::string seconds(Millis ms) {
  ms = std::max<Millis>(ms, 0);
  if (ms < 10000) return number(static_cast<std::uint64_t>(ms)) + " ms";
  return number(static_cast<std::uint64_t>(ms / 1000)) + " s";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

const engine::AttemptRecord* last_attempt(const Held& held) {
  return held.task.attempts.empty() ? nullptr : &held.task.attempts.back().record;
}

// --- its time has not come ---

void ask_schedule(const Held& held, Whys& out) {
  if (held.loaded.state != State::scheduled) return;
  auto until = held.engine.to_wall(held.loaded.due);
  auto left = "in " + seconds(held.loaded.due - held.engine.now());
  const auto* last = last_attempt(held);
  if (last == nullptr) {
    out.push_back({"scheduled", "scheduled to begin " + left, {{"until", until}}});
  } else if (last->outcome == Outcome::snoozed) {
    out.push_back({"snoozed",
                   "attempt " + number(last->tries.attempts) + " asked to run again " + left,
                   {{"until", until}, {"attempt", static_cast<std::int64_t>(last->tries.attempts)}}});
  } else {
    auto most = held.task.options.retry.max_attempts;
    out.push_back({"backoff",
                   "attempt " + number(last->tries.attempts) + " " + std::string(name_of(last->outcome)) +
                       " (failure " + number(last->tries.failures) + " of " + std::to_string(most) +
                       "); the next one begins " + left,
                   {{"until", until},
                    {"failures", static_cast<std::int64_t>(last->tries.failures)},
                    {"max_attempts", most},
                    {"error", last->error.empty() ? last->error_code : last->error}}});
  }
}

void ask_suspension(const Held& held, Whys& out) {
  if (held.loaded.state != State::suspended || !held.loaded.question) return;
  const auto& question = *held.loaded.question;
  std::string on(name_of(question.on));
  std::string message = "attempt " + number(held.loaded.tries.attempts) + " waits for " + on +
                        "; `hirehall inbox answer` gives it";
  if (question.stage == engine::Stage::award)
    message = "it has to be approved before its award; `hirehall inbox approve` does";
  if (question.stage == engine::Stage::release)
    message = "its result has to be approved; `hirehall inbox approve` does";
  out.push_back({"suspended",
                 std::move(message),
                 {{"on", on},
                  {"since", held.engine.to_wall(question.asked)},
                  {"stage", std::string(engine::name_of(question.stage))}}});
}

// --- somebody or something holds it ---

void ask_pauses(const Held& held, Whys& out) {
  if (HH_MUTANT("pause_unexplained")) return;
  for (const auto& pause : held.ledger().pauses) {
    if (!held.ledger().holds(pause, held.loaded.place.lane, held.loaded.place.class_)) continue;
    Why why{"paused", {}};
    std::string what;
    for (auto [word, name] :
         {std::pair{"queue", &pause.queue}, {"type", &pause.type}, {"tenant", &pause.tenant}}) {
      if (name->empty()) continue;
      what += (what.empty() ? "" : ", ") + std::string(word) + " " + *name;
      why.details.emplace_back(word, *name);
    }
    why.message = what + " is paused" + (pause.by.empty() ? "" : " by " + pause.by) +
                  (pause.reason.empty() ? "" : ": " + pause.reason);
    why.details.emplace_back("reason", pause.reason);
    why.details.emplace_back("by", pause.by);
    why.details.emplace_back("since", held.engine.to_wall(pause.at));
    out.push_back(std::move(why));
  }
}

// The next period opens it, or somebody who raises it.
void ask_budget(const Held& held, const engine::Gate& gate, Whys& out) {
  auto at = held.ledger().budgets.find(gate.limit);
  const auto now = held.engine.now();
  if (at == held.ledger().budgets.end() || gate.paused_until <= now) return;
  const auto& rule = at->second.rule;
  const auto in_units = [](std::int64_t micros) {
    return number(static_cast<std::uint64_t>(micros) / 1'000'000);
  };
  const bool total = rule.period == engine::Period::total;
  auto& why = out.emplace_back(
      Why{"budget", "budget " + gate.limit + " is used up: " + in_units(at->second.used_at(now)) + " of " +
                        in_units(rule.hard) + " " + rule.unit +
                        (total ? "; raise it with `hirehall budget set`"
                               : "; it opens in " + seconds(gate.paused_until - now))});
  why.details.emplace_back("budget", gate.limit);
  why.details.emplace_back("unit", rule.unit);
  if (!total) why.details.emplace_back("until", held.engine.to_wall(gate.paused_until));
}

// Where it is used up or full, and when there is room again.
void ask_gate(const Held& held, const engine::Gate& gate, Whys& out) {
  if (gate.key[0] == engine::budget_gate_tag) return ask_budget(held, gate, out);
  const auto now = held.engine.now();
  const bool of_queue = gate.key[0] != engine::limit_gate_tag;
  const auto name = gate.limit + (gate.value.empty() ? "" : " of " + gate.value);
  auto why = [&](std::string_view message) -> Why& {
    auto& made =
        out.emplace_back(Why{"limit", "parked under limit " + name + ", which " + std::string(message)});
    made.details.emplace_back(of_queue ? "key" : "limit", gate.limit);
    if (!gate.value.empty()) made.details.emplace_back("of", gate.value);
    return made;
  };
  if (gate.paused_until > now) {
    const bool for_good = gate.paused_until == engine::until_resumed;
    auto at = held.ledger().limits.find(gate.limit);
    const auto reason = at == held.ledger().limits.end() ? std::string() : at->second.pause_reason;
    auto& made =
        why(std::string("is paused") +
            (for_good ? " until it is resumed" : " for another " + seconds(gate.paused_until - now)) +
            (reason.empty() ? "" : ": " + reason));
    if (!for_good) made.details.emplace_back("until", held.engine.to_wall(gate.paused_until));
    made.details.emplace_back("reason", reason);
  }
  if (gate.crowded()) {
    auto& made = why("is full: " + number(gate.running) + " of " + number(gate.max) + " running");
    made.details.emplace_back("running", static_cast<std::int64_t>(gate.running));
    made.details.emplace_back("max", static_cast<std::int64_t>(gate.max));
  }
  for (const auto& window : gate.windows) {
    if (!window.full(now)) continue;
    const auto opens = window.opens_at(now);
    auto& made =
        why("is used up: " + number(window.used(now)) + " of " + number(window.rate().units) + " in " +
            seconds(window.rate().window_ms) + "; the next may begin in " + seconds(opens - now));
    made.details.emplace_back("units", static_cast<std::int64_t>(window.rate().units));
    made.details.emplace_back("window_ms", window.rate().window_ms);
    made.details.emplace_back("until", held.engine.to_wall(opens));
  }
}

void ask_limits(const Held& held, Whys& out) {
  for (const auto* gate : held.engine.gates_of(held.loaded.place)) ask_gate(held, *gate, out);
}

// --- nobody can do it, or nobody has room ---

std::string worker_name(const Held& held, scheduler::WorkerNo worker) {
  auto at = held.ledger().workers.find(worker);
  return at == held.ledger().workers.end() ? number(worker) : at->second.name;
}

void nobody_can(const Held& held, const scheduler::Prospect& p, Whys& out) {
  auto missing = held.engine.dispatcher().missing(held.loaded.place.class_, held.queue);
  Why why{"not_capable",
          "no connected worker has " + joined(missing),
          {{"missing", missing}, {"connected", static_cast<std::int64_t>(p.connected)}}};
  if (p.nearest != scheduler::none) {
    auto name = worker_name(held, p.nearest);
    why.message += "; the nearest is " + name + ", which lacks " + joined(p.nearest_lacks);
    why.details.emplace_back("nearest", name);
    why.details.emplace_back("nearest_lacks", p.nearest_lacks);
  }
  out.push_back(std::move(why));
}

// Agents that could do it and get nothing now, when nobody else can.
bool ask_breakers(const Held& held, Whys& out) {
  const auto& engine = held.engine;
  const auto kept_out = engine.kept_out(held.loaded.place.class_, held.queue);
  for (const auto& one : kept_out) {
    auto until = one.until > engine.now() ? "for another " + seconds(one.until - engine.now())
                                          : std::string("until its probes have ended");
    const auto whose = one.service.empty() ? "agent " + one.agent
                                           : "service " + one.service + " (of agent " + one.agent + ")";
    auto& why =
        out.emplace_back(Why{"breaker", "the breaker of " + whose + " is " + one.state + " " + until, {}});
    if (!one.fallbacks.empty())
      why.message += "; no fallback is there and admitted: " + joined(one.fallbacks);
    why.details = {{"agent", one.agent}, {"state", one.state}, {"fallbacks", one.fallbacks}};
    if (!one.service.empty()) why.details.emplace_back("service", one.service);
    if (one.until > engine.now()) why.details.emplace_back("until", engine.to_wall(one.until));
  }
  return !kept_out.empty();
}

// Where room is kept for it, or for another that asks for more.
void ask_rooms(const Held& held, const scheduler::Prospect& p, Whys& out) {
  const auto& rooms = held.engine.dispatcher().rooms();
  const auto worker = worker_name(held, p.cramped_worker);
  auto& why = out.emplace_back(
      Why{"no_room",
          "no worker that can do it has the resources free: " + counted(p.cramped, "worker", "workers") +
              " with free slots" + (p.short_of.empty() ? "" : "; on " + worker + " " + joined(p.short_of)),
          {{"workers", static_cast<std::int64_t>(p.cramped)}, {"worker", worker}, {"short_of", p.short_of}}});
  if (p.kept_worker != scheduler::none) {
    const auto keeper = worker_name(held, p.kept_worker);
    why.message += "; what is free on " + keeper + " is kept for a task that asks for more";
    why.details.emplace_back("kept_on", keeper);
  }
  const auto* wait = rooms.of(held.loaded.place.lane, held.loaded.place.class_);
  if (wait == nullptr || wait->kept_on == scheduler::none) return;
  const auto keeper = worker_name(held, wait->kept_on);
  const auto short_of = held.engine.dispatcher().short_of(wait->kept_on, held.loaded.place.class_);
  out.push_back(
      {"room_kept",
       "room is kept for the first of its line on " + keeper + " for " +
           seconds(held.engine.now() - wait->kept_since) +
           (short_of.empty() ? "" : "; still short there: " + joined(short_of)),
       {{"worker", keeper}, {"since", held.engine.to_wall(wait->kept_since)}, {"short_of", short_of}}});
}

void ask_fleet(const Held& held, Whys& out) {
  if (held.task_class().type.empty())
    return out.push_back({"no_type", "it has no type: tasks are not yet found by their description", {}});
  auto p = held.engine.dispatcher().prospect(held.loaded.place.class_, held.queue);
  if (p.connected == 0) return out.push_back({"no_worker", "no worker is connected", {}});
  if (p.capable == 0) {
    if (!ask_breakers(held, out)) nobody_can(held, p, out);
    return;
  }
  if (held.loaded.state != State::ready) return;
  if (p.draining == p.capable)
    return out.push_back({"draining",
                          "all that can do it are draining: " + counted(p.draining, "worker", "workers"),
                          {{"workers", static_cast<std::int64_t>(p.draining)}}});
  if (p.cramped != 0 && p.draining + p.full + p.cramped + p.at_most == p.capable) ask_rooms(held, p, out);
  if (p.at_most != 0 && p.draining + p.full + p.cramped + p.at_most == p.capable)
    out.push_back({"no_instance",
                   "agents run as often as their max_instances allows: on " +
                       counted(p.at_most, "worker", "workers") + " with free slots, agent " +
                       p.at_most_agent + " for one",
                   {{"workers", static_cast<std::int64_t>(p.at_most)}, {"agent", p.at_most_agent}}});
  if (p.draining + p.full == p.capable)
    out.push_back({"no_slot",
                   "no free slot: the " + counted(p.full, "worker", "workers") +
                       " that can do it and do not drain " + (p.full == 1 ? "holds " : "hold ") +
                       number(p.held) + " of " + number(p.credit) + " tasks",
                   {{"workers", static_cast<std::int64_t>(p.full)},
                    {"held", static_cast<std::int64_t>(p.held)},
                    {"credit", static_cast<std::int64_t>(p.credit)}}});
}

// --- bids are awaited, or nobody bids for it ---

void no_bid(const Held& held, const engine::Unsold& unsold, Whys& out) {
  out.push_back({"no_bid",
                 counted(unsold.bids, "bid is", "bids are") + " above the reserve of " +
                     render_cost(unsold.reserve) + " cost units; the lowest is " +
                     render_cost(unsold.lowest) + ", of " + unsold.agent +
                     "; it is offered again and again, and `hirehall queue set " +
                     held.ledger().queues[held.queue].name + " --reserve` moves the reserve",
                 {{"bids", static_cast<std::int64_t>(unsold.bids)},
                  {"lowest", unsold.lowest},
                  {"reserve", unsold.reserve},
                  {"agent", unsold.agent}}});
}

// What the others bid is told when the round is over, and to nobody before.
void ask_round(const Held& held, const engine::Round& round, Whys& out) {
  using Said = scheduler::Bidder::Said;
  if (round.phase == engine::Round::Phase::closed) return;
  if (round.phase == engine::Round::Phase::resting && round.unsold.bids > 0)
    return no_bid(held, round.unsold, out);
  std::int64_t asked = 0, answered = 0;
  for (const auto& bidder : round.bidders) {
    if (!bidder.live) continue;
    ++asked;
    if (bidder.said != Said::nothing) ++answered;
  }
  const auto until = held.engine.to_wall(round.until);
  if (round.phase == engine::Round::Phase::resting)
    return out.push_back({"no_bid",
                          "all that were asked declined (" +
                              counted(static_cast<std::uint64_t>(asked), "agent", "agents") +
                              "); they are asked again and again",
                          {{"bids", 0}, {"asked", asked}, {"until", until}}});
  out.push_back({"bidding",
                 number(static_cast<std::uint64_t>(answered)) + " of " +
                     counted(static_cast<std::uint64_t>(asked), "agent", "agents") +
                     " asked for a bid answered; the round ends in " +
                     seconds(round.until - held.engine.now()) + " at the latest",
                 {{"round", static_cast<std::int64_t>(round.number)},
                  {"asked", asked},
                  {"answered", answered},
                  {"until", until}}});
}

void ask_auction(const Held& held, Whys& out) {
  if (held.loaded.state != State::ready) return;
  const auto& place = held.loaded.place;
  for (const auto& [shelf, round] : held.engine.bidding().rounds())
    if (round.lane == place.lane && round.class_ == place.class_) ask_round(held, round, out);
  for (const auto& [shelf, unsold] : held.engine.unsold()) {
    if (unsold.lane == place.lane && unsold.class_ == place.class_) no_bid(held, unsold, out);
  }
}

// --- others go first ---

void ask_line(const Held& held, Whys& out) {
  if (held.loaded.state != State::ready) return;
  auto ahead = held.engine.ahead_of(held.loaded.place, held.sequence);
  if (ahead.tasks == 0) return;
  out.push_back({"behind",
                 std::string(ahead.exact ? "" : "at least ") + counted(ahead.tasks, "task", "tasks") +
                     " of its queue, tenant and type " + (ahead.tasks == 1 ? "goes" : "go") + " before it",
                 {{"tasks", static_cast<std::int64_t>(ahead.tasks)}, {"exact", ahead.exact ? 1 : 0}}});
}

// In the order in which they are told. A task may be held by several at once.
using Ask = void (*)(const Held&, Whys&);
constexpr std::array<Ask, 7> asks{ask_schedule, ask_suspension, ask_pauses, ask_limits,
                                  ask_fleet,    ask_auction,    ask_line};

}  // namespace

std::vector<Why> why_not_running(const Engine& engine, Sequence sequence, const StoredTask& task,
                                 const engine::LoadedTask& loaded) {
  Held held{engine, sequence, task, loaded, engine.ledger().lanes.at(loaded.place.lane).queue};
  Whys out;
  for (auto ask : asks) ask(held, out);
  if (out.empty()) out.push_back({"next", "it is its turn as soon as a worker has a free slot", {}});
  return out;
}

std::vector<Why> how_it_runs(const Engine& engine, const engine::Lease& lease) {
  const auto& worker = engine.ledger().workers.at(lease.worker);
  Whys out{{"running",
            "leased to worker " + worker.name,
            {{"worker", worker.name},
             {"attempt", static_cast<std::int64_t>(lease.tries.attempts)},
             {"since", engine.to_wall(lease.started)}}}};
  auto session = engine.sessions().find(lease.worker);
  bool connected = session != engine.sessions().end() && session->second.connected;
  if (!connected)
    out.push_back({"away",
                   "the worker has no connection; its lease ends " + seconds(engine.lease_ms()) +
                       " after its last sign of life",
                   {{"worker", worker.name}}});
  else if (lease.award > session->second.confirmed)
    out.push_back({"unconfirmed", "the worker has not confirmed the award yet", {{"worker", worker.name}}});
  if (lease.stop_to != State::leased)
    out.push_back({"stopping", "it was told to stop and will be " + std::string(name_of(lease.stop_to)), {}});
  return out;
}

void write_whys(msgpack::Writer& w, const std::vector<Why>& whys) {
  w.array(whys.size());
  for (const auto& why : whys) {
    w.map(2 + why.details.size());
    w.entry("what", why.what);
    w.entry("message", why.message);
    for (const auto& [key, value] : why.details) {
      w.str(key);
      if (const auto* n = std::get_if<std::int64_t>(&value)) {
        w.sint(*n);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        w.str(*text);
      } else {
        const auto& words = std::get<std::vector<std::string>>(value);
        w.array(words.size());
        for (const auto& word : words) w.str(word);
      }
    }
  }
}

}  // namespace hirehall::server
