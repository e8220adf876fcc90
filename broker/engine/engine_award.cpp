// Awarding: which shelf has work that can be awarded, and handing it out.
#include <algorithm>
#include <limits>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"
#include "scheduler/room_waits.h"

namespace hirehall::engine {
namespace {

constexpr std::uint32_t awards_per_turn = 8192;
constexpr std::uint32_t asides_per_turn = 64;
constexpr std::size_t item_overhead_bytes = 96;  // token, id, attempt, shape and lengths

// Soon an award counts in them.
void fetch_windows(const Line& line) {
  if (line.limits == nullptr) return;
  for (const auto* gate : line.limits->gates) {
    if (gate->windows.empty()) continue;
    const auto* from = reinterpret_cast<const char*>(gate->windows.data());
    const auto* to = reinterpret_cast<const char*>(gate->windows.data() + gate->windows.size());
    for (; from < to; from += 64) __builtin_prefetch(from, 1);
  }
}

// That the task prefers; empty: none.
std::string_view preferred_agent(const Chunk& chunk, const Body& body) {
  constexpr unsigned agent_option = 20;
  if (!body.own.empty()) {
    msgpack::Reader r(body.own);
    for (auto left = r.map(); left > 0 && r.ok(); --left) {
      if (r.uint() == agent_option) return r.str();
      r.skip();
    }
  }
  return chunk.templates.at(body.template_)->options.agent;
}

// One choice covers what is alike only. Preferred labels are the same on the whole shelf.
bool covers(const Chosen& chosen, Sequence next, const Chunk& chunk, const Body& body, Millis now) {
  if (chosen.handed_back.has(next, now)) return false;
  if (chosen.policy == scheduler::Policy::least_loaded) return true;
  if (preferred_agent(chunk, body) != chosen.agent) return false;
  return HH_MUTANT("one_choice_for_all_features") || chunk.features_of(body) == chosen.features;
}

}  // namespace

// Ready work gains one step of priority for each aging period it waits, so none waits for ever: a task of
// priority p overtakes newer ones of priority P after (P - p) periods.
std::uint32_t Engine::effective(const Line& line, Millis ready_at) const {
  const auto& settings = ledger_.queues[ledger_.lanes[line.shelf->lane].queue].settings;
  auto waited = std::max<Millis>(0, now_ - ready_at);
  auto steps = settings.aging_ms > 0 ? waited / settings.aging_ms : 0;
  return line.priority + static_cast<std::uint32_t>(std::min<Millis>(steps, 1000));
}

// So many pages of the line, at their average size, fill its share of the window again.
std::uint32_t Engine::pages_worth_reading(const Line& line) const {
  auto pages = line.next_page - line.first_page;
  auto tasks = line.ready - std::min<std::uint64_t>(line.ready, line.resident());
  auto per_page = std::max<std::uint64_t>(1, tasks / pages);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(2 * page_low_water_ / per_page, 1, pages));
}

// Asks for what the line lacks at its front; true when the front can be awarded now.
bool Engine::tend(Line& line) {
  auto before = line.resident();
  auto* front = line.front(ledger_.segments);
  ledger_.entries -= before - line.resident();
  if (line.has_pages() && !line.page_asked && line.head.size() + line.returned.size() < page_low_water_) {
    line.page_asked = true;
    outputs_.pages.push_back({line.id, line.first_page, pages_worth_reading(line)});
  }
  if (front == nullptr) return false;
  if (front->chunk) return true;
  if (!line.bodies_asked) {
    BodiesWanted wanted{line.id, {}};
    for (auto i = line.returned.size(); i-- > 0 && wanted.sequences.size() < 256;)
      if (!line.returned[i].chunk) wanted.sequences.push_back(line.returned[i].sequence);
    for (std::size_t i = 0; i < line.head.size() && wanted.sequences.size() < 1024; ++i)
      if (!line.head.at(i).chunk) wanted.sequences.push_back(line.head.at(i).sequence);
    for (auto& [key, entry] : line.by_deadline)
      if (!entry.chunk && wanted.sequences.size() < 1024) wanted.sequences.push_back(entry.sequence);
    line.bodies_asked = true;
    outputs_.bodies.push_back(std::move(wanted));
  }
  return false;
}

// The line of a shelf whose front goes next: highest effective priority, tasks with deadlines first, then the
// oldest.
Line* Engine::best_line(Shelf& shelf) {
  if (shelf.best != nullptr && now_ < shelf.best_until && !held_back(*shelf.best) && tend(*shelf.best) &&
      effective(*shelf.best, shelf.best->front(ledger_.segments)->ready_at) > shelf.second_level)
    return shelf.best;
  return find_best_line(shelf);
}

Line* Engine::find_best_line(Shelf& shelf) {
  using Rank = std::tuple<std::uint32_t, bool, Sequence>;
  auto aging = ledger_.queues[ledger_.lanes[shelf.lane].queue].settings.aging_ms;
  Line* best = nullptr;
  Rank best_rank{};
  shelf.second_level = 0;
  shelf.best_until = std::numeric_limits<Millis>::max();
  auto consider = [&](Line* line) {
    if ((line->ready == 0 && !line->has_pages()) || !tend(*line)) return;
    const auto* front = line->front(ledger_.segments);
    Rank rank{effective(*line, front->ready_at), line->urgent, ~front->sequence};
    if (aging > 0) {
      auto ages_at = now_ + aging - std::max<Millis>(0, now_ - front->ready_at) % aging;
      shelf.best_until = std::min(shelf.best_until, ages_at);
    }
    bool better = best == nullptr || rank > best_rank;
    auto second = better ? best_rank : rank;
    shelf.second_level = std::max(shelf.second_level, std::get<0>(second));
    if (better) best = line, best_rank = rank;
  };
  for (std::size_t p = limits::priority_min; p <= limits::priority_max; ++p) {
    for (auto* line : {shelf.plain[p], shelf.urgent[p]})
      if (line != nullptr && line->limits == nullptr) consider(line);
  }
  // Lines with limits stand in an order of their own while they are open: only the first of each priority can
  // win. A limit that has filled up since is noticed here.
  for (auto at = shelf.limited.begin(); at != shelf.limited.end();) {
    auto level = at->first.first;
    if (held_back(*at->second)) {
      place_limited(*at->second);
      at = shelf.limited.lower_bound({level, 0});
      continue;
    }
    consider(at->second);
    if (shelf.limited.rbegin()->first.first == level) break;
    at = shelf.limited.lower_bound({level + 1, 0});
  }
  // Of several lines with limits the oldest goes, and an award changes which that is.
  const bool one_of_many = best != nullptr && best->limits != nullptr && shelf.limited.size() > 1;
  shelf.best = one_of_many ? nullptr : best;
  return best;
}

void Engine::refresh(Shelf& shelf) {
  shelf.touched = false;
  if (shelf.number == no_number) {
    shelf.number = dispatcher_.shelf(shelf.lane, shelf.class_);
    if (shelf.number >= shelf_by_number_.size()) shelf_by_number_.resize(shelf.number + 1);
    shelf_by_number_[shelf.number] = &shelf;
  }
  place_dirty(shelf);
  if (!bidding_.empty() && bidding_.holds(shelf.number)) return dispatcher_.hold(shelf.number);
  if (ledger_.line_paused(shelf) && !HH_MUTANT("pause_ignored"))
    return dispatcher_.set_ready(shelf.number, false);
  auto* best = best_line(shelf);
  if (best == nullptr) return dispatcher_.set_ready(shelf.number, false);
  dispatcher_.set_ready(shelf.number, true, order_of(*best, *best->front(ledger_.segments)));
}

void Engine::refresh_shelves() {
  for (; known_queues_ < ledger_.queues.size(); ++known_queues_) told_weights_.push_back(0);
  for (std::uint32_t q = 0; q < ledger_.queues.size(); ++q) {
    auto weight = ledger_.queues[q].settings.weight;
    if (told_weights_[q] == weight) continue;
    told_weights_[q] = weight;
    dispatcher_.define_queue(q, weight);
  }
  for (; known_lanes_ < ledger_.lanes.size(); ++known_lanes_) {
    const auto& lane = ledger_.lanes[known_lanes_];
    const auto& tenants = ledger_.queues[lane.queue].settings.tenants;
    auto at = tenants.find(lane.tenant);
    dispatcher_.define_lane(static_cast<std::uint32_t>(known_lanes_), lane.queue,
                            at == tenants.end() ? 1 : at->second);
  }
  tell_classes();
  open_gates();
  for (std::size_t i = 0; i < ledger_.touched.size(); ++i) refresh(*ledger_.touched[i]);
  ledger_.touched.clear();
}

void Engine::tell_classes() {
  for (; known_classes_ < ledger_.classes.size(); ++known_classes_)
    dispatcher_.define_class(static_cast<std::uint32_t>(known_classes_), ledger_.classes[known_classes_].type,
                             ledger_.classes[known_classes_].requirements,
                             ledger_.classes[known_classes_].preferred_labels);
}

std::uint32_t Engine::award_run(const scheduler::Pick& pick, std::vector<AwardRun>& runs,
                                std::uint32_t left) {
  auto& shelf = *shelf_by_number_[pick.shelf];
  auto most = std::min(pick.run, left);
  const auto weight = dispatcher_.weight_of(pick.cls);
  const auto cost = cost_of(pick, weight);
  std::uint32_t taken = 0;
  while (taken < most) {
    auto* line = best_line(shelf);
    if (line == nullptr) break;
    if (held_back(*line)) break;
    fetch_windows(*line);
    const auto& front = *line->front(ledger_.segments);
    const auto body = front.chunk->body_at(front.offset);
    if (taken > 0 && chosen_.choice && !covers(chosen_, front.sequence, *front.chunk, body, now_)) break;
    auto award = award_number(pick.worker, front, body);
    bool continues = !runs.empty() && runs.back().line == line->id && runs.back().worker == pick.worker &&
                     runs.back().agent == pick.agent && runs.back().award == award &&
                     (taken > 0 || (!chosen_.choice && !runs.back().reasons.chosen));
    if (!continues) {
      auto& run = runs.emplace_back();
      run.worker = pick.worker;
      run.award = award;
      run.agent = pick.agent;
      run.line = line->id;
      run.items.reserve(std::min<std::uint64_t>(most - taken, line->ready));
      run.reasons = {pick.load,
                     pick.candidates,
                     pick.runner_up == scheduler::none ? 0 : pick.runner_up,
                     pick.runner_up_load,
                     static_cast<std::uint8_t>(chosen_.policy),
                     chosen_.choice};
    }
    auto& run = runs.back();
    auto slot = ledger_.lease_slot();
    bool limited = line->limits != nullptr;
    Entry entry;
    auto counter = ledger_.counter;
    auto& lease =
        ledger_.award(*line, pick.worker, award, pick.agent, run.reasons, counter, slot, entry, &body);
    run.items.push_back({lease.sequence, slot});
    lease.charged = static_cast<std::uint32_t>(cost);
    costs_.keep_weight(slot, weight);
    note_times(lease.lane, now_ - entry.ready_at, false);
    auto timeout = lease.options->plain ? 0 : lease.options->options.timeout_ms;
    if (timeout == 0) timeout = ledger_.queues[ledger_.lanes[lease.lane].queue].settings.timeout_ms;
    if (timeout != 0) timeouts_.emplace(now_ + timeout, lease.token);
    auto& out = outputs_.awards.emplace_back();
    out.worker = pick.worker;
    out.agent = pick.agent;
    out.award = award;
    out.token = lease.token;
    out.sequence = lease.sequence;
    out.attempt = lease.tries.attempts;
    out.offset = HH_MUTANT("payload_of_a_neighbour") && lease.tries.attempts == 2 ? 0 : entry.offset;
    out.chunk = std::move(entry.chunk);
    out.options = lease.options.get();
    if (!body.own.empty()) out.own_options = lease.options;
    out.lane = lease.lane;
    out.class_ = lease.class_;
    if (lease.tries.checkpoint || lease.tries.answer) {
      if (auto at = extras_.find(lease.sequence); at != extras_.end()) {
        if (!HH_MUTANT("checkpoint_left_behind")) out.extras = std::move(at->second);
        extras_.erase(at);
      }
    }
    if (chosen_.choice) note_choice(lease, taken == 0);
    ++taken;
    if (limited) place_dirty(shelf);
  }
  if (taken != 0) {
    if (chosen_.choice) keep_terms();
    if (chosen_.choice && chosen_.went_to != scheduler::WentTo::anew) note_passed_on();
    dispatcher_.take(pick, taken, static_cast<std::uint64_t>(cost));
    costs_.charge(now_, pick.lane, taken, cost, weight);
  }
  return taken;
}

// What an award rests on that a policy chose for.
void Engine::note_choice(const Lease& lease, bool first_of_run) {
  const auto attempt = lease.tries.attempts;
  if (first_of_run) outputs_.choices.begin(chosen_.packed);
  outputs_.choices.add({lease.sequence, attempt});
  if (attempt > limits::history_max)
    index_.push_back({Shelving::records,
                      true,
                      choice_key(lease.sequence, attempt - static_cast<std::uint32_t>(limits::history_max)),
                      {}});
}

// Once: the next time it is handed back counts anew, so that a lone worker gets it again.
void Engine::note_passed_on() {
  ++counts_.passed_on[static_cast<std::size_t>(chosen_.went_to)];
  chosen_.handed_back.forget(outputs_.choices.latest().front().sequence);
}

// Beside the first of the tasks that the choice was made for.
void Engine::keep_terms() {
  auto left = outputs_.choices.latest();
  while (!left.empty()) {
    const auto first = left.front();
    std::size_t near = 1;
    while (near < left.size() && left[near].sequence - first.sequence < terms_reach) ++near;
    auto terms = pack_terms(chosen_.packed, left.first(near));
    left = left.subspan(near);
    if (chosen_.kept.admit(now_, terms.size()) && !HH_MUTANT("terms_not_kept"))
      index_.push_back(
          {Shelving::records, false, choice_key(first.sequence, first.attempt), std::move(terms)});
  }
}

// The award message that takes the next task to the worker: a new one when the frame would grow too large.
// Each message has a number of its own, so that the worker can say which have arrived.
std::uint64_t Engine::award_number(std::uint32_t worker, const Entry& next, const Body& body) {
  auto size = body.payload.size() + next.chunk->templates[body.template_]->encoded.size() + body.own.size() +
              item_overhead_bytes;
  if (auto at = extras_.find(next.sequence); at != extras_.end())
    size += at->second->checkpoint.size() + at->second->answer.size();
  auto& message = turn_awards_[worker];
  if (message.number == 0) message.number = ledger_.workers.at(worker).last_award + 1;
  if (message.bytes != 0 && message.bytes + size > limits::batch_bytes_max) {
    ++message.number;
    message.bytes = 0;
  }
  message.bytes += size;
  return message.number;
}

// What had no room anywhere is looked at again once some worker has more.
void Engine::tend_rooms() {
  auto& rooms = dispatcher_.rooms();
  rooms.keep(now_, settings_.room_patience_ms);
  std::vector<scheduler::ShelfNo> roomy;
  rooms.offer(roomy);
  for (const auto shelf : roomy) ledger_.touch(*shelf_by_number_[shelf]);
}

void Engine::award_all() {
  if (!dispatcher_.rooms().empty()) tend_rooms();
  if (!unsold_.empty()) offer_unsold();
  if (breakers_.due(now_)) fit_agents();
  if (!bidding_.empty()) close_rounds();
  refresh_shelves();
  settle_lanes();
  Awarded fact;
  fact.counter = ledger_.counter;
  turn_awards_.clear();
  chosen_.matched.begin_turn();
  std::uint32_t left = awards_per_turn, set_aside = 0;
  while (left > 0) {
    auto pick = dispatcher_.next();
    if (!pick) break;
    if (pick->worker == scheduler::none) {
      dispatcher_.set_aside(*pick, now_);
      // They had room before others of this turn took it.
      if (++set_aside >= asides_per_turn && left < awards_per_turn) dispatcher_.rooms().put_back();
      continue;
    }
    if (!policies_.empty() || pick->wanted_labels != 0) {
      if (!choose(*pick)) continue;
      pick->run = std::clamp(dispatcher_.room(*pick), 1u, pick->run);
      if (chosen_.choice && chosen_.paid > 0 && !ledger_.budgets.empty())
        pick->run = ledger_.affordable(pick->lane, chosen_.paid, pick->run);
    } else {
      chosen_.choice = false;
    }
    if (breakers_.disturbed()) cap_probes(*pick);
    if (fact.runs.empty()) {
      open_part();
      fact.counter = ledger_.counter;
    }
    auto taken = award_run(*pick, fact.runs, left);
    if (chosen_.choice && chosen_.policy == scheduler::Policy::auction) settle(*pick, taken);
    if (chosen_.choice && chosen_.labels != Chosen::not_wanted)
      counts_.labels_preferred[chosen_.labels] += taken;
    if (chosen_.choice && taken != 0) chosen_.matched.awarded(counts_.matching);
    if (taken != 0 && breakers_.disturbed()) note_probes(*pick, taken);
    left -= taken;
    refresh_shelves();
    if (taken == 0) {
      // The shelf looked ready and was not: refresh said so now, or a limit filled up in this very run.
      dispatcher_.set_ready(pick->shelf, false);
      ledger_.touch(*shelf_by_number_[pick->shelf]);
    }
  }
  more_to_award_ = left == 0 || dispatcher_.rooms().to_offer();
  if (!fact.runs.empty()) write(fact);
  if (chosen_.settled.payments.empty()) return;
  write(chosen_.settled);
  chosen_.settled.payments.clear();
}

}  // namespace hirehall::engine
