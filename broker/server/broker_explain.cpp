// explain: why a task does not run, and why its attempts went where they went.
#include <cmath>
#include <functional>

#include "broker/server/broker.h"
#include "broker/server/deadline_outlook.h"
#include "broker/server/why.h"
#include "common/msgpack.h"
#include "scheduler/chance.h"

namespace hirehall::server {
namespace {

constexpr std::size_t awards_shown_max = 100;  // the last ones

// Tasks held per slot, before the award.
double load_of(std::uint64_t load) {
  return static_cast<double>(load) / scheduler::load_one;
}

std::string_view policy_name(const engine::Reasons* why) {
  constexpr auto last = static_cast<std::uint8_t>(scheduler::Policy::auction);
  const std::uint8_t policy = why == nullptr ? 0 : why->policy;
  return policy > last ? "unknown" : scheduler::name_of(static_cast<scheduler::Policy>(policy));
}

std::uint64_t per_mille(double chance) {
  return static_cast<std::uint64_t>(std::llround(chance * 1000));
}

// The terms that the score is made of first; whoever adds them up finds the winner: greatest score, then the
// lesser load, then the lesser numbers.
void write_terms(msgpack::Writer& w, const scheduler::Choice& choice, std::size_t i, std::string_view name) {
  const auto& t = choice.award.terms[i];
  const auto& c = choice.candidates[i];
  const bool auction = choice.award.policy == scheduler::Policy::auction;
  const bool learned = auction || choice.award.policy == scheduler::Policy::learned;
  const bool live = auction && choice.quotes[i].live;
  const bool featured = !choice.bare.empty();
  const bool run_known = featured && choice.bare[i].run_ms > 0;
  const bool cost_shifted = run_known && !auction;
  const bool labelled = choice.wanted_labels != 0;
  const bool matched = choice.matched.with != scheduler::none;
  w.map((live      ? 16
         : auction ? 20
         : learned ? 15
                   : 10) +
        (featured ? 1 : 0) + (run_known ? 2 : 0) + (cost_shifted ? 1 : 0) + (labelled ? 1 : 0) +
        (matched ? 1 : 0));
  w.entry("worker", name);
  w.entry("agent", choice.agents[i]);
  w.entry_sint("score", t.score());
  w.entry_sint("value", t.value);
  w.entry_sint("preferred", t.preferred);
  if (labelled) w.entry_uint("preferred_labels", c.labels);
  w.entry_sint("cost", t.cost);
  w.entry_sint("wait", t.wait);
  if (matched) w.entry_sint("slot_price", t.slot_price);
  w.str("load"), w.real(load_of(t.load));
  w.entry_uint("worker_number", t.worker);
  w.entry_uint("agent_number", t.agent);
  if (!learned) return;
  w.entry_sint("chance_ppm", t.chance_ppm);
  w.entry_uint("success_per_mille", per_mille(scheduler::logistic(c.log_odds)));
  w.entry_uint("success_low", per_mille(scheduler::logistic(c.log_odds - 1.96 * c.log_odds_sd)));
  w.entry_uint("success_high", per_mille(scheduler::logistic(c.log_odds + 1.96 * c.log_odds_sd)));
  if (featured)
    w.entry_uint("success_without_features", per_mille(scheduler::logistic(choice.bare[i].log_odds)));
  if (run_known) {
    w.entry_sint("run_ms", choice.bare[i].run_ms_with);
    w.entry_sint("run_without_features_ms", choice.bare[i].run_ms);
  }
  if (cost_shifted) w.entry_sint("cost_without_features", choice.bare[i].cost);
  w.entry_sint("expected_ms", c.finish_ms);
  if (!auction) return;
  w.entry("bid", live ? "live" : "proxy");
  if (live) return;
  const auto& quote = choice.quotes[i];
  w.entry_sint("price_base", quote.base);
  w.entry_sint("price_load_slope", quote.load_slope);
  w.entry_sint("price_multiplier_milli", quote.multiplier);
  w.entry_sint("price_cap", quote.cap);
}

// What an auction came to, behind the terms that it is made of.
constexpr std::size_t settlement_fields = 6;
void write_settlement(msgpack::Writer& w, const scheduler::Choice& choice) {
  const auto& award = choice.award;
  w.entry("settlement", scheduler::name_of(choice.settings.settlement));
  w.entry_sint("paid", award.paid);
  w.entry_sint("first_price", award.first_price);
  w.entry_sint("second_price", award.second_price);
  w.entry_sint("reserve", choice.settings.reserve);
  w.entry_uint("over_reserve", choice.over_reserve);
}

// The round of tasks in which it was matched, and what it gained by that.
constexpr std::size_t matching_fields = 7;
void write_matching(msgpack::Writer& w, const scheduler::Matched& matched, std::string_view with) {
  const auto& round = matched.round;
  w.entry("matched_with", with);
  w.entry_uint("matched_with_number", matched.with);
  w.entry_uint("matched_tasks", round.tasks);
  w.entry_uint("matched_places", round.places);
  w.entry_sint("matched_total", round.total);
  w.entry_uint("one_by_one_tasks", round.one_by_one_tasks);
  w.entry_sint("one_by_one_total", round.one_by_one);
}

// Who was asked for a live bid and takes no part, and why.
void write_round(msgpack::Writer& w, const scheduler::Choice& choice,
                 const std::function<std::string(std::uint32_t)>& name_of) {
  w.entry_uint("round", choice.round);
  w.str("absent");
  w.array(choice.absent.size());
  for (const auto& absent : choice.absent) {
    w.map(3);
    w.entry("worker", name_of(absent.worker));
    w.entry("agent", absent.agent);
    w.entry("why", absent.why);
  }
}

std::string how_it_ended(const StoredEnd& end) {
  if (!end.attempted) return "it has ended in its queue: " + end.reason;
  auto out = "it has ended, in attempt " + std::to_string(end.tries.attempts);
  for (const auto* more : {&end.error_code, &end.error, &end.reason})
    if (!more->empty()) out += ": " + *more;
  return out;
}

}  // namespace

void Broker::explain(Peer& peer, const Frame& frame) {
  std::string_view id;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "id")
      id = r.bin();
    else
      r.skip();
  }
  auto request = frame.header.request;
  if (!r.finished() || id.size() != 16)
    return refuse(peer, request, {Code::bad_message, "explain takes a map with an id of 16 bytes", "id", 0});
  auto sequence = sequence_of(id);
  if (!sequence) return refuse(peer, request, unknown_task(id));
  load_task(
      *sequence,
      [this, routing = peer.routing, serial = peer.serial, request,
       sequence = *sequence](Result<std::optional<StoredTask>> task) {
        auto* peer = peer_at(routing, serial);
        if (peer == nullptr) return;
        if (!task) return refuse(*peer, request, task.error());
        if (!*task && engine_.forgotten(sequence)) return refuse_expired(*peer, request, sequence);
        if (!*task || !visible(*peer, (*task)->lane))
          return refuse(*peer, request, {Code::not_found, "no such task", {}, 0});
        write_explanation(*peer, request, sequence, **task);
      },
      true);
}

void Broker::write_explanation(Peer& peer, std::uint64_t request, Sequence sequence, const StoredTask& task) {
  const auto& ledger = engine_.ledger();
  auto loaded = loaded_task(task, 0);
  std::vector<Why> whys;
  auto slot = ledger.lease_slots.find(sequence);
  const auto* lease = slot == FlatMap::none ? nullptr : &ledger.leases[slot];
  auto state = loaded.state;
  if (task.end) {
    state = task.end->state;
    whys.push_back({"ended", how_it_ended(*task.end), {}});
  } else if (lease != nullptr) {
    state = State::leased;
    whys = how_it_runs(engine_, *lease);
  } else {
    whys = why_not_running(engine_, sequence, task, loaded);
  }
  msgpack::Writer w(answer(peer, request));
  const bool dated = !task.end && loaded.place.deadline != 0;
  const auto& preferred = task.options.preferred_labels;
  w.map(4 + (dated ? 1 : 0) + (task.end ? 0 : 1) + (preferred.empty() ? 0 : 1));
  w.entry("state", hirehall::name_of(state));
  if (!preferred.empty()) {
    w.str("preferred_labels"), w.map(preferred.size());
    for (const auto& [key, value] : preferred) w.entry(key, value);
  }
  if (dated) {
    const auto queue = ledger.lanes.at(loaded.place.lane).queue;
    Dated known{{}, loaded.place.deadline, engine_.now(), 0};
    if (lease != nullptr)
      known.begins = lease->started;
    else if (state == State::scheduled)
      known.begins = loaded.due;
    else if (state == State::ready)
      known.ahead = engine_.ahead_of(loaded.place, sequence).tasks;
    // Whom it waits for, and how long, nobody knows of what is suspended, nor of what nobody can do.
    if (lease != nullptr ||
        (state != State::suspended && engine_.dispatcher().prospect(loaded.place.class_, queue).capable != 0))
      known.type = ledger.classes[loaded.place.class_].type;
    known.features = task.options.features;
    w.str("deadline");
    write_outlook(w, outlook_of(engine_, learning_.prediction(), known),
                  engine_.to_wall(loaded.place.deadline));
  }
  if (!task.end) write_cost(w, loaded.place, lease);
  w.str("reasons");
  w.array(whys.size());
  for (const auto& why : whys) w.str(why.message);
  w.str("why");
  write_whys(w, whys);
  auto award = [&](std::uint32_t attempt, std::uint32_t worker, const engine::Reasons* why) {
    const bool chosen = why != nullptr && why->chosen;
    write_award(w, attempt, worker, why, chosen ? choice_of(task, sequence, attempt) : std::nullopt);
  };
  bool ended = task.end && task.end->attempted;
  const auto shown = std::min(task.attempts.size(), awards_shown_max);
  w.str("awards");
  w.array(shown + (ended || lease != nullptr ? 1 : 0));
  for (auto a = task.attempts.end() - static_cast<std::ptrdiff_t>(shown); a != task.attempts.end(); ++a)
    award(a->attempt, a->record.worker, &a->record.reasons);
  if (ended)
    award(task.end->tries.attempts, task.end->worker, task.award ? &task.award->reasons : nullptr);
  else if (lease != nullptr)
    award(lease->tries.attempts, lease->worker, &lease->reasons);
}

// The latest are in memory, also those that were too many to be kept.
std::optional<scheduler::Choice> Broker::choice_of(const StoredTask& task, Sequence sequence,
                                                   std::uint32_t attempt) const {
  if (const auto kept = task.choices.find(attempt); kept != task.choices.end())
    if (auto choice = scheduler::unpack_choice(kept->second)) return choice;
  return choices_.find(sequence, attempt);
}

// How an attempt came to its worker; without reasons when they are no longer on record.
void Broker::write_award(msgpack::Writer& w, std::uint32_t attempt, std::uint32_t worker,
                         const engine::Reasons* why, const std::optional<scheduler::Choice>& choice) const {
  const auto& workers = engine_.ledger().workers;
  auto name_of = [&](std::uint32_t number) {
    auto at = workers.find(number);
    return at == workers.end() ? std::to_string(number) : at->second.name;
  };
  const bool runner_up = why != nullptr && why->runner_up != 0;
  const bool chosen = why != nullptr && why->chosen;
  const bool auction = choice && choice->award.policy == scheduler::Policy::auction;
  const bool live = auction && choice->round != 0;
  const bool featured = choice && !choice->features.empty();
  const bool drawn = auction || (choice && choice->award.policy == scheduler::Policy::learned);
  const bool passed_on = choice && choice->went_to != scheduler::WentTo::anew;
  const bool matched = choice && choice->matched.with != scheduler::none;
  w.map(3 + (passed_on ? 3 : 0) + (matched ? matching_fields : 0) + (why != nullptr ? 2 : 0) +
        (runner_up ? 2 : 0) + (chosen ? 1 : 0) + (drawn ? (matched ? 5 : 6) : 0) +
        (auction ? settlement_fields : 0) + (live ? 2 : 0) + (featured ? 1 : 0));
  w.entry_uint("attempt", attempt);
  w.entry("policy", policy_name(why));
  w.entry("worker", name_of(worker));
  if (why == nullptr) return;
  w.entry_uint("candidates", why->candidates);
  w.str("load"), w.real(load_of(why->load));
  if (runner_up) {
    w.entry("runner_up", name_of(why->runner_up));
    w.str("runner_up_load"), w.real(load_of(why->runner_up_load));
  }
  if (!chosen) return;
  if (!choice) return w.entry("terms", "expired");
  if (drawn) {
    // Prices of places come from the same draws.
    if (!matched) {
      w.str("propensity");
      w.real(scheduler::propensity(choice->settings, choice->candidates, choice->award.winner));
    }
    w.entry("seed", std::to_string(choice->award.seed));
    w.entry_uint("outcomes", choice->outcomes);
    w.entry_sint("success_value", choice->settings.value);
    w.entry_sint("wait_price", choice->settings.wait_price);
    w.entry_sint("preference", choice->settings.preference);
  }
  if (featured) w.str("features"), w.raw(choice->features);
  if (passed_on) {
    w.entry("handed_back_by", name_of(choice->handed_back_by));
    w.entry_uint("handed_back_by_number", choice->handed_back_by);
    w.entry("went_to", scheduler::name_of(choice->went_to));
  }
  if (matched) write_matching(w, choice->matched, name_of(choice->matched.with));
  if (auction) write_settlement(w, *choice);
  if (live) write_round(w, *choice, name_of);
  w.str("terms");
  w.array(choice->award.terms.size());
  for (std::size_t i = 0; i < choice->award.terms.size(); ++i)
    write_terms(w, *choice, i, name_of(choice->award.terms[i].worker));
}

}  // namespace hirehall::server
