#include "broker/engine/ledger.h"

#include <algorithm>

#include "broker/engine/lifecycle.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t idle_lines_kept = 100000;
constexpr std::size_t spare_lines_max = 8192;

std::string lane_key(std::uint32_t queue, std::string_view tenant) {
  std::string key;
  Packer p(key);
  p.uint(queue);
  p.raw(tenant);
  return key;
}

}  // namespace

Ledger::Ledger() = default;
Ledger::~Ledger() = default;

// --- definitions ---

void Ledger::apply(TimeFact& fact) {
  now = fact.now;
}

void Ledger::apply(QueueSet& fact) {
  if (fact.queue == queues.size()) {
    queues.emplace_back();
    queues.back().name = fact.name;
    queue_by_name.emplace(fact.name, fact.queue);
  }
  auto& queue = queues.at(fact.queue);
  auto before = std::exchange(queue.settings, fact.settings);
  if (before.limits != queue.settings.limits) queue_limits_changed(fact.queue, before);
}

void Ledger::apply(LaneDefined& fact) {
  HH_CHECK(fact.lane == lanes.size(), "lanes are numbered in order");
  auto& lane = lanes.emplace_back();
  lane.queue = fact.queue;
  lane.tenant = fact.tenant;
  lane_by_key.emplace(lane_key(fact.queue, fact.tenant), fact.lane);
  recompute_pauses();
}

void Ledger::apply(ClassDefined& fact) {
  HH_CHECK(fact.class_ == classes.size(), "classes are numbered in order");
  auto& made = classes.emplace_back();
  made.type = fact.type;
  auto options = decode_options(fact.requirements);
  HH_CHECK(options.has_value(), "a class fact holds well-formed requirements");
  made.requirements = options->requirements;
  made.preferred_labels = options->preferred_labels;
  class_by_key.emplace(fact.requirements, fact.class_);
  recompute_pauses();
}

// --- lines ---

Shelf& Ledger::shelf_for(std::uint32_t lane, std::uint32_t class_) {
  auto& known = lanes[lane].shelves;
  for (auto& [c, shelf] : known)
    if (c == class_) return *shelf;
  auto& shelf = *shelves.emplace_back(std::make_unique<Shelf>());
  shelf.lane = lane;
  shelf.class_ = class_;
  known.emplace_back(class_, &shelf);
  return shelf;
}

Line& Ledger::line_for(Shelf& shelf, std::uint8_t priority, bool urgent, LimitSet* set) {
  auto*& plain = urgent ? shelf.urgent[priority] : shelf.plain[priority];
  const bool keyed = set != nullptr && !set->names.empty();
  if (!keyed && plain != nullptr) return *plain;
  if (keyed) {
    for (auto* line : set->lines)
      if (line->priority == priority && line->urgent == urgent) return *line;
  } else {
    set = limit_set(shelf.lane, shelf.class_, {});
  }
  std::uint32_t slot = 0;
  if (free_lines.empty()) {
    slot = static_cast<std::uint32_t>(lines.size());
    lines.emplace_back();
  } else {
    slot = free_lines.back();
    free_lines.pop_back();
  }
  if (spare_lines.empty()) {
    lines[slot] = std::make_unique<Line>();
  } else {
    lines[slot] = std::move(spare_lines.back());
    spare_lines.pop_back();
  }
  auto& line = *lines[slot];
  line.id = next_line++;
  line.slot = slot;
  line.shelf = &shelf;
  line.priority = priority;
  line.urgent = urgent;
  line.limits = set;
  line_slots.insert(line.id, slot);
  if (set != nullptr) hold(set);
  if (keyed)
    set->lines.push_back(&line);
  else
    plain = &line;
  return line;
}

Line& Ledger::line_for(const Place& place) {
  auto* set = place.limit_keys.empty() ? nullptr : limit_set(place.lane, place.class_, place.limit_keys);
  return line_for(shelf_for(place.lane, place.class_), place.priority, place.deadline != 0, set);
}

Line* Ledger::line_by_id(std::uint64_t id) {
  auto slot = line_slots.find(id);
  return slot == FlatMap::none ? nullptr : lines[slot].get();
}

// Lines with limit keys come and go with their keys; plain ones stay unless there are very many. The
// condition uses durable facts only, so that a replay retires the same lines at the same moments.
void Ledger::retire(Line& line) {
  if (line.ready != 0 || line.has_pages()) return;
  if (!line.keyed() && lines.size() - free_lines.size() <= idle_lines_kept) return;
  auto& shelf = *line.shelf;
  touch(shelf);
  entries -= line.resident();
  if (line.offered) line.step_off(shelf.limited);
  unpark(line);
  const bool keyed = line.keyed();
  if (keyed)
    line.limits->lines.erase(&line);
  else
    (line.urgent ? shelf.urgent : shelf.plain)[line.priority] = nullptr;
  if (line.limits != nullptr) release(line.limits);
  line_slots.erase(line.id);
  auto slot = line.slot;
  free_lines.push_back(slot);
  auto gone = std::move(lines[slot]);
  if (!keyed || spare_lines.size() >= spare_lines_max) return;
  gone->renew();
  spare_lines.push_back(std::move(gone));
}

const Tries& Ledger::tries_of(const Entry& entry) const {
  static const Tries fresh;
  if (!entry.tried) return fresh;
  auto at = tries.find(entry.sequence);
  return at == tries.end() ? fresh : at->second;
}

// What comes last in a line without deadlines changes the choice only when the line may now be above the
// best.
void Ledger::touch_joined(Line& line) {
  mark(line);
  auto& shelf = *line.shelf;
  if (shelf.best == nullptr || line.urgent || line.priority > shelf.best->priority) return touch(shelf);
  if (&line != shelf.best) shelf.second_level = std::max<std::uint32_t>(shelf.second_level, line.priority);
  touch_order(shelf);
}

void Ledger::join(Line& line, Entry entry, const Tries& t, Millis deadline, bool early) {
  if (!t.fresh()) {
    entry.tried = true;
    tries.insert_or_assign(entry.sequence, t);
  }
  ++entries;
  ++line.ready;
  if (early) {
    line.push_returned(std::move(entry), deadline);
    return touch_line(line);
  }
  line.push_back(std::move(entry), deadline);
  touch_joined(line);
}

// --- counting ---

void Ledger::count(std::uint32_t lane, State from, State to) {
  auto& queue = queues[lanes[lane].queue];
  --queue.tasks[static_cast<std::size_t>(from)];
  ++queue.tasks[static_cast<std::size_t>(to)];
  --lanes[lane].tasks[static_cast<std::size_t>(from)];
  ++lanes[lane].tasks[static_cast<std::size_t>(to)];
  --books.tasks[static_cast<std::size_t>(from)];
  ++books.tasks[static_cast<std::size_t>(to)];
  if (to == State::failed) ++queue.dead;
}

// --- ends ---

void Ledger::finish_task(Sequence sequence, std::uint32_t lane, State from, State to) {
  count(lane, from, to);
  segments.end(sequence, commit, to, now);
  tries.erase(sequence);
  if (batch_of.size() != 0) leave_batch(sequence, to);
  if (!uniques.empty()) uniques.ended(sequence);
  if (to == State::failed && index != nullptr)
    index->push_back({Shelving::records, false, dead_key(lanes[lane].queue, sequence),
                      encode_record(DeadRecord{now, commit})});
}

void Ledger::apply(Dropped& fact) {
  if (index != nullptr && segments.stragglers().contains(fact.sequence))
    index->push_back({Shelving::records, false, straggler_end_key(fact.sequence), straggler_end(now, fact)});
  if (fact.from == State::ready) {
    auto& line = line_for(fact.place);
    HH_CHECK(line.ready > 0, "a ready task is counted in its line");
    --line.ready;
    finish_task(fact.sequence, fact.place.lane, fact.from, fact.to);
    touch_line(line);
    retire(line);
  } else {
    finish_task(fact.sequence, fact.place.lane, fact.from, fact.to);
    if (index != nullptr && fact.from == State::suspended)
      index->push_back({Shelving::records, true, question_key(fact.sequence), {}});
  }
  if (endings != nullptr)
    endings->push_back({fact.sequence,
                        fact.to,
                        fact.producer,
                        fact.place.lane,
                        {},
                        {},
                        fact.to == State::expired ? fact.reason : std::string_view{},
                        fact.reason});
}

// --- leases ---

Lease* Ledger::lease_of(Sequence sequence) {
  auto slot = lease_slots.find(sequence);
  return slot == FlatMap::none ? nullptr : &leases[slot];
}

Lease* Ledger::lease_by_token(std::uint64_t token) {
  auto slot = slot_of(token);
  bool given = slot < leases.size() && leases[slot].token != 0;
  return given && (leases[slot].token == token || HH_MUTANT("token_not_checked")) ? &leases[slot] : nullptr;
}

const Lease* Ledger::lease_by_token(std::uint64_t token) const {
  auto slot = slot_of(token);
  return slot < leases.size() && leases[slot].token == token && token != 0 ? &leases[slot] : nullptr;
}

Place Ledger::place_of(const Lease& lease) const {
  Place place{lease.lane, lease.class_, lease.priority, lease.deadline, {}};
  if (lease.limits != nullptr) place.limit_keys = lease.limits->names;
  return place;
}

Lease& Ledger::award(Line& line, std::uint32_t worker_no, std::uint64_t award, std::uint16_t agent,
                     const Reasons& reasons, std::uint64_t counter_value, std::uint32_t slot, Entry& taken,
                     const Body* known) {
  settle_limits();
  auto before = line.resident();
  auto* front = line.front(segments);
  HH_CHECK(front != nullptr, "an award takes the front of a line");
  auto deadline = line.urgent ? line.by_deadline.begin()->first.first : 0;
  taken = line.pop_front();
  entries -= before - line.resident();

  while (slot >= leases.size()) {
    leases.emplace_back();
    if (leases.size() - 1 != slot) free_leases.push_back(static_cast<std::uint32_t>(leases.size() - 1));
  }
  if (!free_leases.empty() && free_leases.back() == slot)
    free_leases.pop_back();
  else
    std::erase(free_leases, slot);  // only in a replay
  auto& lease = leases[slot];
  auto& worker = workers[worker_no];
  lease.sequence = taken.sequence;
  lease.token = token_of(counter_value, slot);
  lease.worker = worker_no;
  lease.previous = no_number;
  lease.next = worker.first;
  if (worker.first != no_number) leases[worker.first].previous = slot;
  worker.first = slot;
  ++worker.held;
  worker.last_award = award;
  lease.agent = agent;
  lease.priority = line.priority;
  lease.stop_to = State::leased;
  lease.lane = line.shelf->lane;
  lease.class_ = line.shelf->class_;
  lease.limits = nullptr;
  lease.award = award;
  lease.awarded_in = commit;
  lease.started = now;
  lease.deadline = deadline;
  lease.charged = 0;
  lease.reasons = reasons;
  lease.tries = {};
  if (taken.tried) {
    auto at = tries.find(taken.sequence);
    lease.tries = at->second;
    tries.erase(at);
  }
  ++lease.tries.attempts;
  if (taken.chunk) {
    const auto body = known != nullptr ? *known : taken.chunk->body_at(taken.offset);
    lease.payload_bytes = static_cast<std::uint32_t>(body.payload.size());
    lease.options = body.own.empty() ? taken.chunk->templates[body.template_]
                                     : make_template(taken.chunk->options_of(body));
  }
  lease_slots.insert(lease.sequence, slot);
  if (!uniques.empty()) uniques.started(lease.sequence);
  count(lease.lane, State::ready, State::leased);
  counter = counter_value + 1;
  if (line.limits != nullptr) enter_gates(lease, line.limits, true);
  mark(line);
  touch_order(*line.shelf);
  retire(line);
  return lease;
}

void Ledger::apply(Awarded& fact) {
  auto at = fact.counter;
  for (auto& run : fact.runs) {
    for (auto& item : run.items) {
      auto* line = line_by_id(run.line);
      HH_CHECK(line != nullptr, "an award names a line that has work");
      Entry taken;
      award(*line, run.worker, run.award, run.agent, run.reasons, at++, item.slot, taken);
      HH_CHECK(taken.sequence == item.sequence, "a replay awards what was awarded");
    }
  }
}

void Ledger::free_lease(Lease& lease) {
  auto slot = slot_of(lease.token);
  auto& worker = workers[lease.worker];
  if (lease.previous != no_number)
    leases[lease.previous].next = lease.next;
  else
    worker.first = lease.next;
  if (lease.next != no_number) leases[lease.next].previous = lease.previous;
  --worker.held;
  lease_slots.erase(lease.sequence);
  settle_limits();
  if (lease.limits != nullptr) leave_gates(lease);
  payments.forget(slot);
  lease.token = 0;
  lease.options.reset();
  free_leases.push_back(slot);
}

void Ledger::apply(StopAsked& fact) {
  auto* lease = lease_of(fact.sequence);
  HH_CHECK(lease != nullptr, "a leased task is asked to stop");
  lease->stop_to = fact.to;
}

void Ledger::apply(Ended& fact) {
  for (auto& item : fact.items) end(fact, item);
  note_finish(fact);
}

void Ledger::note_finish(const Ended& fact) {
  if (fact.number == 0) return;
  auto& worker = workers[fact.worker];
  worker.last_finish = fact.number;
  while (!worker.answers.empty() && worker.answers.front().first <= fact.acked) worker.answers.pop_front();
  worker.answers.emplace_back(fact.number, fact.refused);
  while (worker.answers.size() > limits::finishes_in_flight_max) worker.answers.pop_front();
}

void Ledger::end(Ended& fact, EndedItem& item) {
  auto* lease = lease_of(item.sequence);
  HH_CHECK(lease != nullptr, "an attempt ends once");
  auto& queue = queues[lanes[lease->lane].queue];
  ++queue.outcomes[static_cast<std::size_t>(item.outcome)];
  ++workers[lease->worker].done;
  if (!unbegun.empty() && unbegun.front() == item.sequence) refund(*lease);
  if (!item.usage.empty()) spend(lease->lane, item.usage);
  if (terminal(item.next)) {
    if (index != nullptr && segments.stragglers().contains(item.sequence)) {
      Ended alone{fact.worker, 0, 0, {}, {item}};
      index->push_back(
          {Shelving::records, false, straggler_end_key(item.sequence), straggler_end(now, alone)});
    }
    finish_task(item.sequence, lease->lane, State::leased, item.next);
    if (index != nullptr && item.tries.checkpoint)
      index->push_back({Shelving::records, true, checkpoint_key(item.sequence), {}});
    if (endings != nullptr)
      endings->push_back({item.sequence, item.next, item.producer, lease->lane, item.result, item.result_type,
                          item.error_code, item.error});
    return free_lease(*lease);
  }
  auto place = place_of(*lease);
  if (index != nullptr) {
    AttemptRecord record{lease->worker,
                         {},
                         lease->started,
                         now,
                         item.outcome,
                         item.next,
                         item.due,
                         item.on,
                         item.tries,
                         place,
                         std::string(item.error_code),
                         std::string(item.error),
                         lease->reasons,
                         std::string(item.usage)};
    index->push_back(
        {Shelving::records, false, attempt_key(item.sequence, item.tries.attempts), encode_record(record)});
    if (!item.checkpoint.empty())
      index->push_back(
          {Shelving::records, false, checkpoint_key(item.sequence), std::string(item.checkpoint)});
  }
  if (item.next == State::suspended && item.outcome == Outcome::succeeded)
    ask_consent(item.sequence, lease->lane, lease->options ? lease->options->options.policies : std::string(),
                Stage::release, item.tries.attempts, item.result, item.result_type);
  count(lease->lane, State::leased, item.next);
  if (item.next == State::scheduled) write_due(item.sequence, item.due, place, item.tries);
  if (item.next == State::ready)
    join(line_for(place), Entry{item.sequence, now, {}, 0, false}, item.tries, place.deadline, true);
  free_lease(*lease);
}

}  // namespace hirehall::engine
