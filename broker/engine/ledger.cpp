#include "broker/engine/ledger.h"

#include <algorithm>

#include "broker/engine/lifecycle.h"
#include "common/check.h"
#include "common/digest.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t idle_lines_kept = 100000;

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
  queue.settings = fact.settings;
  for (auto& [at, key] : limit_keys) {
    if (key->queue != fact.queue) continue;
    auto found = queue.settings.limits.find(key->name);
    key->max = found == queue.settings.limits.end() ? 0 : found->second;
    for (auto* line : key->lines) touch(*line->shelf);
  }
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
  if (set == nullptr && plain != nullptr) return *plain;
  if (set != nullptr)
    for (auto* line : shelf.limited_lines)
      if (line->limits == set && line->priority == priority && line->urgent == urgent) return *line;
  std::uint32_t slot = 0;
  if (free_lines.empty()) {
    slot = static_cast<std::uint32_t>(lines.size());
    lines.emplace_back();
  } else {
    slot = free_lines.back();
    free_lines.pop_back();
  }
  lines[slot] = std::make_unique<Line>();
  auto& line = *lines[slot];
  line.id = next_line++;
  line.slot = slot;
  line.shelf = &shelf;
  line.priority = priority;
  line.urgent = urgent;
  line.limits = set;
  line_slots.insert(line.id, slot);
  if (set == nullptr) {
    plain = &line;
  } else {
    hold(set);
    shelf.limited_lines.push_back(&line);
    for (auto* key : set->keys) key->lines.push_back(&line);
  }
  return line;
}

Line& Ledger::line_for(const Place& place) {
  auto* set = place.limit_keys.empty() ? nullptr : limit_set(lanes[place.lane].queue, place.limit_keys);
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
  if (line.limits == nullptr && lines.size() - free_lines.size() <= idle_lines_kept) return;
  auto& shelf = *line.shelf;
  touch(shelf);
  entries -= line.resident();
  if (line.offered) shelf.limited.erase(line.offered_key);
  if (line.limits != nullptr) {
    std::erase(shelf.limited_lines, &line);
    for (auto* key : line.limits->keys) std::erase(key->lines, &line);
    release(line.limits);
  } else {
    (line.urgent ? shelf.urgent : shelf.plain)[line.priority] = nullptr;
  }
  line_slots.erase(line.id);
  auto slot = line.slot;
  lines[slot].reset();
  free_lines.push_back(slot);
}

LimitSet* Ledger::limit_set(std::uint32_t queue, const std::vector<std::string>& names) {
  auto& set = limit_sets[{queue, names}];
  if (set) return set.get();
  set = std::make_unique<LimitSet>();
  set->names = names;
  for (const auto& name : names) {
    auto& key = limit_keys[{queue, name}];
    if (!key) {
      key = std::make_unique<LimitKey>();
      key->queue = queue;
      key->name = name;
      auto& limits = queues[queue].settings.limits;
      if (auto at = limits.find(name); at != limits.end()) key->max = at->second;
    }
    if (std::find(set->keys.begin(), set->keys.end(), key.get()) == set->keys.end())
      set->keys.push_back(key.get());
  }
  return set.get();
}

void Ledger::hold(LimitSet* set) {
  ++set->references;
}

void Ledger::release(LimitSet* set) {
  if (--set->references != 0) return;
  auto keys = set->keys;
  auto queue = keys.front()->queue;
  auto names = set->names;
  limit_sets.erase({queue, names});
  for (auto* key : keys) {
    bool used = key->running != 0 || !key->lines.empty();
    for (auto& [at, other] : limit_sets)
      if (!used && at.first == queue)
        used = std::find(other->keys.begin(), other->keys.end(), key) != other->keys.end();
    if (!used) limit_keys.erase({queue, key->name});
  }
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
    return touch(*line.shelf);
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

// --- tasks ---

void Ledger::apply_task(Sequence sequence, const ChunkRef& chunk, std::uint32_t offset, const Body& body) {
  auto& queue = queues[lanes[body.lane].queue];
  ++queue.submitted;
  ++books.accepted;
  next_sequence = sequence + 1;
  Entry entry{sequence, now, chunk, offset, false};
  constexpr unsigned special = body_delayed | body_timed | body_limited | body_keyed | body_urgent;
  if ((body.flags & special) == 0) {
    ++queue.tasks[static_cast<std::size_t>(State::ready)];
    ++lanes[body.lane].tasks[static_cast<std::size_t>(State::ready)];
    ++books.tasks[static_cast<std::size_t>(State::ready)];
    auto& line = line_for(shelf_for(body.lane, body.class_), body.priority, false, nullptr);
    ++entries;
    ++line.ready;
    line.push_back(std::move(entry), 0);
    return touch_joined(line);
  }
  auto options = chunk->options_of(body);
  Place place{body.lane, body.class_, body.priority, options.deadline, options.limit_keys};
  if (index != nullptr) {
    if ((body.flags & body_keyed) != 0) {
      KeyRecord record{sequence, digest_of(options.type, body.payload), now + limits::idempotency_window_ms};
      auto write = [&](Millis due, TimerKind kind, std::string key) {
        index->push_back({Shelving::timers, false, timer_key(due, kind, sequence), key});
        index->push_back({Shelving::records, false, std::move(key), encode_record(record)});
      };
      const auto& lane = lanes[body.lane];
      if (!options.idempotency_key.empty())
        write(record.expires, TimerKind::key, idempotency_key(lane.tenant, options.idempotency_key));
      if (!options.unique_key.empty())
        write(now + unique_look_ms, TimerKind::unique,
              unique_record_key(unique_key(lane.queue, lane.tenant, options.unique_key), sequence));
    }
    if ((body.flags & body_timed) != 0) {
      auto expire = [&](Millis at) {
        index->push_back({Shelving::timers, false, timer_key(at, TimerKind::expire, sequence), {}});
      };
      if (options.deadline != 0) expire(options.deadline);
      if (options.ttl_ms != 0) expire(std::max(now, options.not_before) + options.ttl_ms);
    }
  }
  auto state = options.not_before > now ? State::scheduled : State::ready;
  ++queue.tasks[static_cast<std::size_t>(state)];
  ++lanes[body.lane].tasks[static_cast<std::size_t>(state)];
  ++books.tasks[static_cast<std::size_t>(state)];
  if (state == State::scheduled) return write_due(sequence, options.not_before, place, {});
  join(line_for(place), std::move(entry), {}, options.deadline, false);
}

void Ledger::write_due(Sequence sequence, Millis due, const Place& place, const Tries& t) {
  if (index == nullptr) return;
  DueItem item{sequence, place, t};
  index->push_back(
      {Shelving::timers, false, timer_key(due, TimerKind::start, sequence), encode_record(item)});
}

void Ledger::apply(Submitted& fact) {
  if (fact.producer == 0) return;
  auto& producer = producers[fact.producer];
  producer.last_used = now;
  producer.last_batch = fact.batch;
  while (!producer.answers.empty() && (producer.answers.front().batch <= fact.acked ||
                                       producer.answers.size() >= limits::batches_in_flight_max))
    producer.answers.pop_front();
  producer.answers.push_back({fact.batch, fact.first, fact.count, fact.exceptions});
}

void Ledger::apply(BecameDue& fact) {
  for (auto& item : fact.items) {
    count(item.place.lane, State::scheduled, State::ready);
    join(line_for(item.place), Entry{item.sequence, now, {}, 0, false}, item.tries, item.place.deadline,
         false);
  }
}

void Ledger::apply(Answered& fact) {
  count(fact.place.lane, State::suspended, State::ready);
  join(line_for(fact.place), Entry{fact.sequence, now, {}, 0, false}, fact.tries, fact.place.deadline, true);
}

void Ledger::finish_task(Sequence sequence, std::uint32_t lane, State from, State to) {
  count(lane, from, to);
  segments.end(sequence, commit, to, now);
  tries.erase(sequence);
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
    touch(*line.shelf);
    retire(line);
  } else {
    finish_task(fact.sequence, fact.place.lane, fact.from, fact.to);
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

Place Ledger::place_of(const Lease& lease) const {
  Place place{lease.lane, lease.class_, lease.priority, lease.deadline, {}};
  if (lease.limits != nullptr) place.limit_keys = lease.limits->names;
  return place;
}

Lease& Ledger::award(Line& line, std::uint32_t worker_no, std::uint64_t award, std::uint16_t agent,
                     const Reasons& reasons, std::uint64_t counter_value, std::uint32_t slot, Entry& taken) {
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
  lease.limits = line.limits;
  lease.award = award;
  lease.awarded_in = commit;
  lease.started = now;
  lease.deadline = deadline;
  lease.reasons = reasons;
  lease.tries = {};
  if (taken.tried) {
    auto at = tries.find(taken.sequence);
    lease.tries = at->second;
    tries.erase(at);
  }
  ++lease.tries.attempts;
  if (taken.chunk) {
    auto body = taken.chunk->body_at(taken.offset);
    lease.payload_bytes = static_cast<std::uint32_t>(body.payload.size());
    lease.options = body.own.empty() ? taken.chunk->templates[body.template_]
                                     : make_template(taken.chunk->options_of(body));
  }
  lease_slots.insert(lease.sequence, slot);
  count(lease.lane, State::ready, State::leased);
  counter = counter_value + 1;
  if (lease.limits != nullptr) {
    hold(lease.limits);
    for (auto* key : lease.limits->keys) {
      ++key->running;
      if (key->full())
        for (auto* other : key->lines) touch(*other->shelf);
    }
  }
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
  if (lease.limits != nullptr) {
    for (auto* key : lease.limits->keys) {
      if (key->full())
        for (auto* line : key->lines) touch(*line->shelf);
      key->running -= HH_MUTANT("limits_leak") ? 0u : 1u;
    }
    release(lease.limits);
    lease.limits = nullptr;
  }
  lease.token = 0;
  lease.options.reset();
  free_leases.push_back(slot);
}

void Ledger::apply(StopAsked& fact) {
  auto* lease = lease_of(fact.sequence);
  HH_CHECK(lease != nullptr, "a leased task is asked to stop");
  lease->stop_to = fact.to;
}

void Ledger::apply(Checkpointed& fact) {
  auto* lease = lease_of(fact.sequence);
  HH_CHECK(lease != nullptr, "a leased task is checkpointed");
  lease->tries.checkpoint = true;
  if (index != nullptr)
    index->push_back({Shelving::records, false, checkpoint_key(fact.sequence), std::string(fact.value)});
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
                         lease->reasons};
    index->push_back(
        {Shelving::records, false, attempt_key(item.sequence, item.tries.attempts), encode_record(record)});
    if (!item.checkpoint.empty())
      index->push_back(
          {Shelving::records, false, checkpoint_key(item.sequence), std::string(item.checkpoint)});
  }
  count(lease->lane, State::leased, item.next);
  if (item.next == State::scheduled) write_due(item.sequence, item.due, place, item.tries);
  if (item.next == State::ready)
    join(line_for(place), Entry{item.sequence, now, {}, 0, false}, item.tries, place.deadline, true);
  free_lease(*lease);
}

// --- pages ---

std::string Ledger::page_value(const EntryRing& ring, std::size_t from, std::size_t to) {
  std::vector<PageEntry> page;
  page.reserve(to - from);
  for (std::size_t i = from; i < to; ++i) {
    const auto& e = ring.at(i);
    if (segments.ended(e.sequence)) continue;
    page.push_back({{e.sequence, e.ready_at, tries_of(e)}, e.chunk, e.offset});
  }
  return encode_page(page);
}

void Ledger::apply(Spilled& fact) {
  auto* line = line_by_id(fact.line);
  HH_CHECK(line != nullptr && fact.page == line->next_page, "pages of a line are written in order");
  auto& ring = fact.tail ? line->tail : line->head;
  // Only entries of open tasks count: those of ended ones may be there or not.
  auto first = ring.size();
  for (auto left = fact.count(); left > 0; --first) {
    HH_CHECK(first > 0, "a page is cut from resident entries");
    if (!segments.ended(ring.at(first - 1).sequence)) --left;
  }
  auto from = first;
  for (auto size : fact.sizes) {
    auto to = from;
    for (auto left = size; left > 0; ++to)
      if (!segments.ended(ring.at(to).sequence)) --left;
    if (index != nullptr)
      index->push_back(
          {Shelving::pages, false, page_key(line->id, line->next_page), page_value(ring, from, to)});
    from = to;
    ++line->next_page;
  }
  for (auto i = first; i < ring.size(); ++i)
    if (ring.at(i).tried) tries.erase(ring.at(i).sequence);
  entries -= ring.size() - first;
  ring.drop_back(ring.size() - first);
}

void Ledger::apply(Paged& fact) {
  paged(fact, nullptr);
}

void Ledger::paged(Paged& fact, const std::vector<PageEntry>* bodies) {
  auto* line = line_by_id(fact.line);
  HH_CHECK(line != nullptr && fact.page == line->first_page && line->has_pages(), "pages are read in order");
  for (std::size_t i = 0; i < fact.items.size(); ++i) {
    const auto& item = fact.items[i];
    if (segments.ended(item.sequence)) continue;
    Entry entry{item.sequence, item.ready_at, {}, 0, false};
    if (bodies != nullptr) {
      entry.chunk = (*bodies)[i].chunk;
      entry.offset = (*bodies)[i].offset;
    }
    if (!item.tries.fresh()) {
      entry.tried = true;
      entry.chunk = {};  // what it may have beside its body is fetched with it
      tries.insert_or_assign(item.sequence, item.tries);
    }
    ++entries;
    line->head.push_back(std::move(entry));
  }
  if (index != nullptr) index->push_back({Shelving::pages, true, page_key(line->id, fact.page), {}});
  ++line->first_page;
  line->join_tail();
  touch(*line->shelf);
  retire(*line);
}

}  // namespace hirehall::engine
