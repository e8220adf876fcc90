// The durable state of the broker: what a fold of all facts gives. Only apply() changes it,
// deterministically. Deciding what shall happen is the engine's (engine.h); nothing here looks at a clock,
// chance or the store.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/engine/audit.h"
#include "broker/engine/body.h"
#include "broker/engine/bulk.h"
#include "broker/engine/facts.h"
#include "broker/engine/facts_batches.h"
#include "broker/engine/facts_inbox.h"
#include "broker/engine/line.h"
#include "broker/engine/payments.h"
#include "broker/engine/records.h"
#include "broker/engine/schedule.h"
#include "broker/engine/segments.h"
#include "broker/engine/unique.h"
#include "broker/engine/usage.h"
#include "common/flat_map.h"

namespace hirehall::engine {

using StateCounts = std::array<std::uint64_t, state_count>;

struct Queue {
  std::string name;
  QueueSettings settings;
  std::map<std::string, std::int64_t, std::less<>> filed;  // what the file of queues says of it
  StateCounts tasks{};                                     // terminal ones: ever ended so
  std::uint64_t dead = 0;
  std::uint64_t submitted = 0;
  std::array<std::uint64_t, outcome_count> outcomes{};
  bool paused = false;

  std::uint64_t open() const { return tasks[1] + tasks[2] + tasks[3] + tasks[4]; }
};

struct Lane {
  std::uint32_t queue = 0;
  std::string tenant;
  std::vector<std::pair<std::uint32_t, Shelf*>> shelves;  // by class
  bool paused = false;                                    // its queue or tenant is
  StateCounts tasks{};                                    // terminal ones: ever ended so
};

struct TaskClass {
  std::string type;
  Requirements requirements;
  StringMap preferred_labels;
  bool paused = false;
};

struct Lease {
  Sequence sequence = 0;
  std::uint64_t token = 0;  // 0: the slot is free
  std::uint32_t worker = 0;
  std::uint32_t previous = no_number;  // of the same worker
  std::uint32_t next = no_number;
  std::uint16_t agent = 0;
  std::uint8_t priority = 0;
  State stop_to = State::leased;  // cancelled or expired: it was asked to end
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint32_t payload_bytes = 0;  // not durable
  std::uint32_t charged = 0;        // to its lane, in milliseconds of a slot; not durable
  LimitSet* limits = nullptr;
  Tries tries;
  std::uint64_t award = 0;
  std::uint64_t awarded_in = 0;  // commit
  Millis started = 0;
  Millis deadline = 0;
  Reasons reasons;
  TemplateRef options;  // none after a restart, until loaded; own options are merged in
};

struct Worker {
  std::string name;
  std::string token;
  std::string principal;
  std::uint32_t first = no_number;  // lease
  std::uint32_t held = 0;
  std::uint64_t last_award = 0;
  std::uint64_t last_finish = 0;
  std::deque<std::pair<std::uint64_t, std::string>> answers;  // finish number → refused, unacked ones
  std::uint64_t done = 0;
};

struct Producer {
  std::string token;
  std::string principal;
  std::uint64_t last_batch = 0;
  Millis last_used = 0;
  struct Answer {
    std::uint64_t batch;
    Sequence first;
    std::uint32_t count;
    std::vector<Exception> exceptions;
  };
  std::deque<Answer> answers;
};

// A registered agent definition; by name and version.
struct AgentRecord {
  std::string digest;
  std::vector<std::string> types;
  std::string by;
  Millis at = 0;
};
using AgentName = std::pair<std::string, std::string>;  // and version

// Sequences from `first` on, and commits from `commit` on, belong to it. The first incarnation has no record.
struct Incarnation {
  std::uint16_t number = 1;
  Sequence first = 1;
  std::uint64_t commit = 0;
  template <typename A>
  void archive(A& a) {
    a(number, first, commit);
  }
};

// Awards that a lost future may hold.
inline constexpr unsigned counters_per_incarnation_bits = 36;

struct Pause {
  std::string queue, type, tenant, reason;
  std::string by;  // principal; empty when it is not known
  Millis at = 0;

  bool whole_queue() const { return !queue.empty() && type.empty() && tenant.empty(); }
};

// Books of I20: accepted = scheduled + ready + leased + suspended + kept + removed. Terminal tasks count
// until they are removed.
struct Books {
  std::uint64_t accepted = 0;
  std::uint64_t removed = 0;
  StateCounts tasks{};
};

struct Ending {  // what apply() tells about a task that has just ended
  Sequence sequence = 0;
  State state = State::succeeded;
  std::uint64_t producer = 0;
  std::uint32_t lane = 0;
  std::string_view result, result_type, error_code, error;  // valid while the fact is
};

class Ledger {
 public:
  Ledger();
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // --- folding ---
  // Everything that is derived (records, timers, pages) is written here as well, when set.
  IndexWrites* index = nullptr;
  std::vector<Ending>* endings = nullptr;
  std::uint64_t commit = 0;  // the one being built or replayed

  void apply(TimeFact& fact);
  void apply(QueueSet& fact);
  void apply(KeptLonger& fact);
  void apply(LaneDefined& fact);
  void apply(ClassDefined& fact);
  void apply(ProducerOpened& fact);
  void apply(ProducerClosed& fact);
  // The tasks themselves come through apply_task, in order, before this.
  void apply(Submitted& fact);
  void apply_task(Sequence sequence, const ChunkRef& chunk, std::uint32_t offset, const Body& body);
  void apply(Awarded& fact);
  void apply(Ended& fact);
  void apply(WorkerOpened& fact);
  void apply(WorkerClosed& fact);
  void apply(BecameDue& fact);
  void apply(Dropped& fact);
  void apply(StopAsked& fact);
  void apply(Paused& fact);
  void apply(PauseSet& fact);
  void apply(QueueFiled& fact);
  void apply(AgentDefined& fact);
  void apply(AgentForgotten& fact);
  void apply(ScheduleSet& fact);
  void apply(ScheduleDeleted& fact);
  void apply(ScheduleTicked& fact);
  void apply(ScheduleHeld& fact);
  void apply(ScheduleFiled& fact);
  void apply(ScheduleTriggered& fact);
  void apply(LimitDefined& fact);
  void apply(LimitDeleted& fact);
  void apply(LimitHeld& fact);
  void apply(Spilled& fact);
  void apply(Paged& fact);
  void paged(Paged& fact, const std::vector<PageEntry>* bodies);  // with the bodies that came with the page
  void apply(Asked& fact);                                        // (ledger_inbox.cpp)
  void apply(Decided& fact);
  void apply(BatchDefined& fact);  // (ledger_batches.cpp)
  void apply(BatchClosed& fact);
  void apply(BatchCompleted& fact);
  void apply(BatchForgotten& fact);
  void apply(Superseded& fact);  // (ledger_unique.cpp)
  void apply(Coalesced& fact);
  void apply(BudgetSet& fact);  // (ledger_usage.cpp)
  void apply(BudgetDeleted& fact);
  void apply(Settled& fact);
  void apply(Paid& fact);  // (ledger_payments.cpp)
  void apply(Unbegun& fact);
  // What awards by auction cost, and how many at that price (at least one) begin before a hard budget is used
  // up; `most` when there is none.
  void pay(std::uint32_t lane, std::string_view agent, std::int64_t micros);
  void pay(const Paid::Payment& payment);
  bool gives_back(const Lease& lease) const;  // something, if it turns out not to have begun
  std::uint32_t affordable(std::uint32_t lane, std::int64_t micros, std::uint32_t most) const;
  void apply(Checkpointed& fact);
  void apply(Replayed& fact);
  void apply(DeadPurged& fact);
  void apply(BulkOpened& fact);
  void apply(BulkMoved& fact);
  void apply(BulkClosed& fact);
  void apply(Reclaimed& fact);
  void apply(Incarnated& fact);
  void apply(Audited& fact);
  // One award of a run, when it is decided; apply(Awarded) is a loop over it. Its body, when that was read.
  Lease& award(Line& line, std::uint32_t worker, std::uint64_t award, std::uint16_t agent,
               const Reasons& reasons, std::uint64_t counter, std::uint32_t slot, Entry& taken,
               const Body* known = nullptr);
  void end(Ended& fact, EndedItem& item);  // one item, when it is decided
  void note_finish(const Ended& fact);     // the worker's numbering; apply(Ended) is both

  // --- looking ---
  Line& line_for(const Place& place);
  Line& line_for(Shelf& shelf, std::uint8_t priority, bool urgent, LimitSet* limits);
  Shelf& shelf_for(std::uint32_t lane, std::uint32_t class_);
  Line* line_by_id(std::uint64_t id);
  LimitSet* limit_set(std::uint32_t lane, std::uint32_t class_, const std::vector<std::string>& names);
  LimitSet* limit_set_of(const Template& keyed, std::uint32_t lane, std::uint32_t class_);
  const LimitSet* known_limit_set(std::uint32_t lane, std::uint32_t class_,
                                  const std::vector<std::string>& names) const;
  void settle_limits() {
    if (limits_stale) rebuild_limits();
  }
  void unpark(Line& line);
  void note_open(Gate& gate);
  std::uint32_t lease_slot() const {
    return free_leases.empty() ? static_cast<std::uint32_t>(leases.size()) : free_leases.back();
  }
  Lease* lease_of(Sequence sequence);
  Lease* lease_by_token(std::uint64_t token);
  const Lease* lease_by_token(std::uint64_t token) const;
  const Tries& tries_of(const Entry& entry) const;
  Place place_of(const Lease& lease) const;
  static std::uint64_t token_of(std::uint64_t counter, std::uint32_t slot) { return (counter << 20) | slot; }
  static std::uint32_t slot_of(std::uint64_t token) { return static_cast<std::uint32_t>(token & 0xfffff); }
  std::uint16_t incarnation() const { return incarnations.empty() ? 1 : incarnations.back().number; }
  bool line_paused(const Shelf& shelf) const {
    return lanes[shelf.lane].paused || classes[shelf.class_].paused ||
           (mixed_pauses && paused_together(shelf));
  }
  bool holds(const Pause& pause, std::uint32_t lane, std::uint32_t class_) const;
  const Pause* pause_of(const Queue& queue) const;  // of the whole queue
  void touch(Shelf& shelf) {
    shelf.best = nullptr;
    touch_order(shelf);
  }
  // Of a change that leaves the choice among the shelf's lines as it was: behind a front, or to the best
  // itself.
  void touch_order(Shelf& shelf) {
    if (!shelf.touched) {
      shelf.touched = true;
      touched.push_back(&shelf);
    }
  }
  void touch_line(Line& line);  // it has changed itself
  std::uint64_t window_bytes() const { return chunk_bytes + entries * sizeof(Entry); }

  // The whole state in canonical form; load() of it gives an equal state (bodies are fetched later).
  void save(std::string& out) const;
  Status load(std::string_view saved);

  // --- what it is made of ---
  Millis now = 0;
  Sequence next_sequence = 1;
  std::uint64_t counter = 1;  // of tokens
  Books books;
  std::vector<Queue> queues;
  std::map<std::string, std::uint32_t, std::less<>> queue_by_name;
  std::vector<Lane> lanes;
  std::unordered_map<std::string, std::uint32_t> lane_by_key;  // never iterated
  std::vector<TaskClass> classes;
  std::unordered_map<std::string, std::uint32_t> class_by_key;  // never iterated
  std::vector<std::unique_ptr<Shelf>> shelves;
  std::vector<std::unique_ptr<Line>> lines;
  std::vector<std::uint32_t> free_lines;
  std::vector<std::unique_ptr<Line>> spare_lines;  // for those that come next
  FlatMap line_slots;
  std::uint64_t next_line = 1;
  Limits limits;
  std::map<std::string, std::unique_ptr<Gate>, std::less<>> gates;
  std::unordered_map<std::string, std::unique_ptr<LimitSet>> limit_sets;  // never iterated
  std::vector<LimitSet*> limit_set_list;
  std::uint64_t limit_sets_forgotten = 0;
  bool limits_stale = false;  // which gates are whose has to be found anew
  std::vector<Gate*> opened;  // with lines that wait and perhaps may go on
  std::deque<Lease> leases;   // by slot; addresses stay
  std::vector<std::uint32_t> free_leases;
  FlatMap lease_slots;  // by sequence
  std::map<std::uint32_t, Worker> workers;
  std::uint32_t next_worker = 1;
  std::map<std::uint64_t, Producer> producers;
  std::uint64_t next_producer = 1;
  std::vector<Pause> pauses;
  bool mixed_pauses = false;  // some name a type together with a queue or tenant
  std::map<AgentName, AgentRecord> agents;
  std::map<std::uint32_t, Batch> batches;
  std::map<BatchName, std::uint32_t, BatchNameLess> batch_by_name;
  std::set<std::pair<Millis, std::uint32_t>>
      batches_over;  // may be forgotten, those at rest for longest first
  std::uint32_t next_batch = 1;
  FlatMap batch_of;                            // by sequence, of tasks that have not ended
  std::vector<std::uint32_t> batches_at_rest;  // closed, without open tasks, since the owner looked
  std::uint64_t batch_rests = 0;               // how often one came to rest or went; not durable
  std::map<std::uint64_t, Bulk> bulks;         // running ones, and the last that have ended
  std::uint64_t next_bulk = 1;
  Schedules schedules;
  Uniques uniques;
  UsageBook usage;
  Budgets budgets;
  Payments payments;
  std::deque<Sequence> unbegun;              // of the ends that come now
  std::vector<std::string> budgets_crossed;  // soft or hard, since the owner looked; not durable
  std::vector<Incarnation> incarnations;
  AuditTrail audit;
  std::vector<AuditMark> audit_marks;
  Segments segments;
  std::unordered_map<Sequence, Tries> tries;  // of resident ready tasks that were tried; never iterated
  Millis longest_retention = 0;               // that a task has asked for
  Sequence reclaimed_sequence = 0;            // bodies below are gone or going
  std::uint64_t reclaimed_commit = 0;         // facts below too
  std::uint64_t entries = 0;                  // resident ones
  std::uint64_t chunk_bytes = 0;              // of resident chunks
  std::vector<Shelf*> touched;                // since the owner looked

 private:
  void count(std::uint32_t lane, State from, State to);
  void touch_joined(Line& line);
  void join(Line& line, Entry entry, const Tries& t, Millis deadline, bool early);
  void free_lease(Lease& lease);
  void retire(Line& line);
  void release(LimitSet* set);
  void hold(LimitSet* set);
  Gate& gate_for(const std::string& key);
  Gate& limit_gate(const std::string& name, const Limit& limit, std::string_view value);
  void find_gates(LimitSet& set);
  void sweep_limits();
  void rebuild_limits();
  void mark(Line& line);
  void enter_gates(Lease& lease, LimitSet* set, bool counted);
  void leave_gates(Lease& lease);
  void queue_limits_changed(std::uint32_t queue, const QueueSettings& before);
  template <typename Visit>
  void each_gate(const std::string& limit, Visit&& visit);
  void save_limits(std::string& out) const;
  bool load_limits(ArchiveIn& a, bool with_given);
  std::size_t sweep_limits_at = 16384;
  void finish_task(Sequence sequence, std::uint32_t lane, State from, State to);
  void recompute_pauses();
  void forget_audit();
  bool audit_is_sound() const;
  void set_pause(bool on, Pause pause);
  bool paused_together(const Shelf& shelf) const;
  void ask_consent(Sequence sequence, std::uint32_t lane, std::string_view policies, Stage stage,
                   std::uint32_t attempt, std::string_view result, std::string_view result_type);
  void write_question(Sequence sequence, QuestionRecord& question);
  void enter_unique(Sequence sequence, const Body& body, const TaskOptions& options, State state);
  void spend(std::uint32_t lane, std::string_view reported);
  void spend(std::uint32_t lane, const UsageReport& report, std::uint64_t attempts);
  Gate& budget_gate(const std::string& name, const Budget& budget);
  void shut_budget(const std::string& name, const Budget& budget);
  void save_books(ArchiveOut& a) const;
  bool load_books(ArchiveIn& a);
  void refund(const Lease& lease);
  void pay_back(std::uint32_t lane, const Payments::One& paid, Millis at);
  void save_payments(ArchiveOut& a) const;
  bool load_payments(ArchiveIn& a);
  void save_budgets(ArchiveOut& a) const;
  bool load_budgets(ArchiveIn& a);
  void enter_batch(Sequence sequence, std::uint32_t lane, const std::string& name);
  void leave_batch(Sequence sequence, State to);
  void rest_batch(std::uint32_t number, Batch& batch);
  void save_batches(ArchiveOut& a) const;
  bool load_batches(ArchiveIn& a);
  void load_lease(std::uint32_t slot, Sequence sequence, std::uint64_t token, std::uint32_t worker_no);
  void write_due(Sequence sequence, Millis due, const Place& place, const Tries& t);
  std::string page_value(const EntryRing& ring, std::size_t from, std::size_t to);
};

}  // namespace hirehall::engine
