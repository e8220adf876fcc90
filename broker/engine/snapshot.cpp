// The whole ledger as bytes, in canonical form: equal ledgers give equal bytes, whatever is resident.
#include "broker/engine/ledger.h"
#include "common/check.h"

namespace hirehall::engine {
namespace {

// 2 has behind the pauses the agents, and what the file of queues says; 3 the commit of each lease's award, 4
// stragglers, 5 who paused and when, 6 bulk work, 7 schedules, 8 incarnations, 9 what queues want approved,
// 10 limits, 11 counts of lanes, 12 batches, 13 the audit log, 14 unique keys, usage and budgets, 15 what
// leases were paid for and what was given back of rates. Of earlier ones 14 is read.
constexpr std::uint8_t snapshot_version = 15;
constexpr std::uint8_t oldest_version = 14;

struct SavedLine {
  std::uint64_t id = 0;
  std::uint32_t lane = 0, class_ = 0;
  std::uint8_t priority = 0;
  bool urgent = false;
  std::vector<std::string> limits;
  std::uint64_t first_page = 0, next_page = 0, ready = 0;
  Paged head, tail, returned, by_deadline;
  std::vector<Millis> deadlines;
  template <typename A>
  void archive(A& a) {
    a(id, lane, class_, priority, urgent, limits, first_page, next_page, ready, head, tail, returned,
      by_deadline, deadlines);
  }
};

struct SavedLease {
  std::uint32_t slot = 0;
  Sequence sequence = 0;
  std::uint64_t token = 0;
  std::uint32_t worker = 0;
  std::uint16_t agent = 0;
  std::uint8_t priority = 0;
  State stop_to = State::leased;
  std::uint32_t lane = 0, class_ = 0;
  std::vector<std::string> limits;
  Tries tries;
  std::uint64_t award = 0;
  std::uint64_t awarded_in = 0;
  Millis started = 0, deadline = 0;
  Reasons reasons;
  template <typename A>
  void archive(A& a) {
    a(slot, sequence, token, worker, agent, priority, stop_to, lane, class_, limits, tries, award, awarded_in,
      started, deadline, reasons);
  }
};

template <typename A>
void archive_counts(A& a, StateCounts& counts) {
  for (auto& n : counts) a(n);
}

template <typename A>
void archive_queue(A& a, Queue& q) {
  a(q.name, q.settings, q.dead, q.submitted);
  archive_counts(a, q.tasks);
  for (auto& n : q.outcomes) a(n);
}

template <typename A>
void archive_worker(A& a, Worker& w) {
  a(w.name, w.token, w.principal, w.last_award, w.last_finish, w.done);
  std::uint64_t n = w.answers.size();
  a(n);
  if constexpr (A::reading) w.answers.resize(std::min<std::uint64_t>(n, 4096));
  for (auto& [number, refused] : w.answers) a(number, refused);
}

template <typename A>
void archive_producer(A& a, Producer& p) {
  a(p.token, p.principal, p.last_batch, p.last_used);
  std::uint64_t n = p.answers.size();
  a(n);
  if constexpr (A::reading) p.answers.resize(std::min<std::uint64_t>(n, 4096));
  for (auto& answer : p.answers) a(answer.batch, answer.first, answer.count, answer.exceptions);
}

template <typename A>
void archive_agent(A& a, AgentName& name, AgentRecord& agent) {
  a(name.first, name.second, agent.digest, agent.types, agent.by, agent.at);
}

}  // namespace

void Ledger::save(std::string& out) const {
  auto& self = const_cast<Ledger&>(*this);
  out.push_back(static_cast<char>(snapshot_version));
  ArchiveOut a(out);
  a(self.now, self.next_sequence, self.counter, self.books.accepted, self.books.removed);
  archive_counts(a, self.books.tasks);
  std::uint64_t n = queues.size();
  a(n);
  for (auto& q : self.queues) archive_queue(a, q);
  n = lanes.size();
  a(n);
  for (auto& lane : self.lanes) {
    a(lane.queue, lane.tenant);
    archive_counts(a, lane.tasks);
  }
  n = classes.size();
  a(n);
  for (auto& cls : self.classes) {
    TaskOptions options;
    options.type = cls.type;
    options.requirements = cls.requirements;
    options.preferred_labels = cls.preferred_labels;
    auto encoded = encode_options(options);
    a(cls.type, encoded);
  }
  n = workers.size();
  a(n);
  for (auto& [number, worker] : self.workers) {
    auto no = number;
    a(no);
    archive_worker(a, worker);
  }
  n = producers.size();
  a(n);
  for (auto& [number, producer] : self.producers) {
    auto no = number;
    a(no);
    archive_producer(a, producer);
  }
  a(self.next_worker, self.next_producer, self.next_line);
  n = pauses.size();
  a(n);
  for (auto& p : self.pauses) a(p.queue, p.type, p.tenant, p.reason, p.by, p.at);
  n = agents.size();
  a(n);
  for (const auto& [name, agent] : agents) {
    auto named = name;
    auto record = agent;
    archive_agent(a, named, record);
  }
  for (auto& queue : self.queues) a(queue.filed);
  n = schedules.size();
  a(n);
  for (auto& [name, schedule] : self.schedules) {
    auto named = name;
    a(named, schedule);
  }
  save_limits(out);
  save_budgets(a);
  a(self.longest_retention, self.reclaimed_sequence, self.reclaimed_commit, self.incarnations, self.audit,
    self.audit_marks);
  n = bulks.size();
  a(n, self.next_bulk);
  for (auto& [number, bulk] : self.bulks) {
    auto no = number;
    a(no, bulk);
  }

  auto save_entry = [&](const Entry& e, Paged& to) {
    if (!segments.ended(e.sequence)) to.items.push_back({e.sequence, e.ready_at, tries_of(e)});
  };
  // Lines in the order of their ids, those without work left out where that changes nothing.
  std::map<std::uint64_t, const Line*> by_id;
  for (const auto& line : lines)
    if (line) by_id.emplace(line->id, line.get());
  n = by_id.size();
  a(n);
  for (auto& [id, line] : by_id) {
    SavedLine saved;
    saved.id = id;
    saved.lane = line->shelf->lane;
    saved.class_ = line->shelf->class_;
    saved.priority = line->priority;
    saved.urgent = line->urgent;
    if (line->limits != nullptr) saved.limits = line->limits->names;
    saved.first_page = line->first_page;
    saved.next_page = line->next_page;
    saved.ready = line->ready;
    for (std::size_t i = 0; i < line->head.size(); ++i) save_entry(line->head.at(i), saved.head);
    for (std::size_t i = 0; i < line->tail.size(); ++i) save_entry(line->tail.at(i), saved.tail);
    for (const auto& e : line->returned) save_entry(e, saved.returned);
    for (const auto& [key, e] : line->by_deadline) {
      if (segments.ended(e.sequence)) continue;
      save_entry(e, saved.by_deadline);
      saved.deadlines.push_back(key.first);
    }
    a(saved);
  }
  n = lease_slots.size();
  a(n);
  for (std::uint32_t slot = 0; slot < leases.size(); ++slot) {
    const auto& l = leases[slot];
    if (l.token == 0) continue;
    SavedLease saved{slot,         l.sequence, l.token,    l.worker, l.agent, l.priority,
                     l.stop_to,    l.lane,     l.class_,   {},       l.tries, l.award,
                     l.awarded_in, l.started,  l.deadline, l.reasons};
    if (l.limits != nullptr) saved.limits = l.limits->names;
    a(saved);
  }
  save_payments(a);
  save_batches(a);
  save_books(a);
  segments.save(out);
}

Status Ledger::load(std::string_view saved) {
  auto bad = [](const char* what) { return fail(Code::corrupt, std::string("snapshot: ") + what); };
  const auto version = saved.empty() ? 0 : static_cast<std::uint8_t>(saved[0]);
  if (version < oldest_version || version > snapshot_version) return bad("unknown version");
  ArchiveIn a(saved.substr(1));
  a(now, next_sequence, counter, books.accepted, books.removed);
  archive_counts(a, books.tasks);
  std::uint64_t n = 0;
  auto each = [&](auto&& one) {
    a(n);
    for (std::uint64_t i = 0; i < n && a.ok(); ++i) one(static_cast<std::uint32_t>(i));
  };
  bool sound = true;
  each([&](std::uint32_t number) {
    archive_queue(a, queues.emplace_back());
    queue_by_name.emplace(queues.back().name, number);
  });
  each([&](std::uint32_t number) {
    LaneDefined lane;
    lane.lane = number;
    a(lane.queue, lane.tenant);
    sound = sound && a.ok() && lane.queue < queues.size();
    StateCounts tasks{};
    archive_counts(a, tasks);
    if (!sound) return;
    apply(lane);
    lanes.back().tasks = tasks;
  });
  each([&](std::uint32_t number) {
    ClassDefined cls;
    cls.class_ = number;
    a(cls.type, cls.requirements);
    auto options = decode_options(cls.requirements);
    sound = sound && a.ok() && options && options->type == cls.type;
    if (sound) apply(cls);
  });
  each([&](std::uint32_t) {
    std::uint32_t number = 0;
    a(number);
    archive_worker(a, workers[number]);
  });
  each([&](std::uint32_t) {
    std::uint64_t number = 0;
    a(number);
    archive_producer(a, producers[number]);
  });
  a(next_worker, next_producer, next_line);
  each([&](std::uint32_t) {
    auto& p = pauses.emplace_back();
    a(p.queue, p.type, p.tenant, p.reason, p.by, p.at);
  });
  each([&](std::uint32_t) {
    AgentName name;
    AgentRecord agent;
    archive_agent(a, name, agent);
    agents.insert_or_assign(std::move(name), std::move(agent));
  });
  for (auto& queue : queues) a(queue.filed);
  each([&](std::uint32_t) {
    std::string name;
    a(name);
    a(schedules[name]);
    sound = sound && a.ok() && decode_options(schedules[name].spec.options).has_value();
  });
  sound = load_limits(a, version > 14) && load_budgets(a) && sound;
  a(longest_retention, reclaimed_sequence, reclaimed_commit, incarnations, audit, audit_marks);
  sound = audit_is_sound() && sound;
  a(n, next_bulk);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::uint64_t number = 0;
    Bulk bulk;
    a(number, bulk);
    sound = sound && a.ok() && known(bulk.order.verb) && known(bulk.state);
    bulks.insert_or_assign(number, std::move(bulk));
  }
  if (!sound || !a.ok()) return bad("malformed tables");
  recompute_pauses();

  auto load_entry = [&](const PagedItem& item) {
    Entry entry{item.sequence, item.ready_at, {}, 0, !item.tries.fresh()};
    if (entry.tried) tries.insert_or_assign(item.sequence, item.tries);
    ++entries;
    return entry;
  };
  auto following = next_line;
  each([&](std::uint32_t) {
    SavedLine s;
    a(s);
    sound = sound && a.ok() && s.lane < lanes.size() && s.class_ < classes.size() && s.priority >= 1 &&
            s.priority <= limits::priority_max && s.deadlines.size() == s.by_deadline.items.size() &&
            s.id < following && line_by_id(s.id) == nullptr;
    if (!sound) return;
    next_line = s.id;
    auto* set = s.limits.empty() ? nullptr : limit_set(s.lane, s.class_, s.limits);
    auto& line = line_for(shelf_for(s.lane, s.class_), s.priority, s.urgent, set);
    line.first_page = s.first_page;
    line.next_page = s.next_page;
    line.ready = s.ready;
    for (const auto& item : s.head.items) line.head.push_back(load_entry(item));
    for (const auto& item : s.tail.items) line.tail.push_back(load_entry(item));
    for (const auto& item : s.returned.items) line.returned.push_back(load_entry(item));
    for (std::size_t i = 0; i < s.deadlines.size(); ++i)
      line.by_deadline.emplace(std::pair{s.deadlines[i], s.by_deadline.items[i].sequence},
                               load_entry(s.by_deadline.items[i]));
    touch_line(line);
  });
  next_line = following;
  if (!sound) return bad("malformed lines");
  each([&](std::uint32_t) {
    SavedLease s;
    a(s);
    sound = sound && a.ok() && s.slot < (1u << 20) && s.lane < lanes.size() && s.class_ < classes.size() &&
            s.token != 0 && workers.contains(s.worker) && lease_of(s.sequence) == nullptr &&
            (s.slot >= leases.size() || leases[s.slot].token == 0);
    if (!sound) return;
    load_lease(s.slot, s.sequence, s.token, s.worker);
    auto& lease = leases[s.slot];
    lease.agent = s.agent;
    lease.priority = s.priority;
    lease.stop_to = s.stop_to;
    lease.lane = s.lane;
    lease.class_ = s.class_;
    lease.tries = s.tries;
    lease.award = s.award;
    lease.awarded_in = s.awarded_in;
    lease.started = s.started;
    lease.deadline = s.deadline;
    lease.reasons = s.reasons;
    if (auto* set = limit_set(s.lane, s.class_, s.limits)) enter_gates(lease, set, false);
  });
  if (!sound || !a.ok()) return bad("malformed leases");
  for (std::uint32_t slot = static_cast<std::uint32_t>(leases.size()); slot-- > 0;)
    if (leases[slot].token == 0) free_leases.push_back(slot);
  if (version > 14 && !load_payments(a)) return bad("malformed payments");
  if (!load_batches(a)) return bad("malformed batches");
  if (!load_books(a)) return bad("malformed unique keys or usage");
  const char* at = a.unpacker().position();
  if (!segments.load(at, saved.data() + saved.size())) return bad("malformed segments");
  return {};
}

// The chain of a worker's leases is rebuilt in any order: nothing depends on it.
void Ledger::load_lease(std::uint32_t slot, Sequence sequence, std::uint64_t token, std::uint32_t worker_no) {
  while (slot >= leases.size()) leases.emplace_back();
  auto& lease = leases[slot];
  auto& worker = workers[worker_no];
  lease.sequence = sequence;
  lease.token = token;
  lease.worker = worker_no;
  lease.next = worker.first;
  if (worker.first != no_number) leases[worker.first].previous = slot;
  worker.first = slot;
  ++worker.held;
  lease_slots.insert(sequence, slot);
}

}  // namespace hirehall::engine
