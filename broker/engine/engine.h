// The broker's core: decides what happens and records it as facts. Pure: time and chance come in as
// arguments, what shall be read or sent goes out as data. One thread owns it.
//
//   inputs (submit, finish, …)  →  facts, applied at once to the ledger  →  take(): one commit batch
//   after the batch is durable, what outputs() held when it was taken may leave.
//
// Reading order: facts.h (what can happen), ledger.h (what it adds up to), inputs.h (what is asked),
// outputs.h (what goes out), this file (who decides it).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/engine/auctions.h"
#include "broker/engine/bidding.h"
#include "broker/engine/breakers.h"
#include "broker/engine/costs.h"
#include "broker/engine/counts.h"
#include "broker/engine/inputs.h"
#include "broker/engine/ledger.h"
#include "broker/engine/outputs.h"
#include "broker/engine/recent.h"
#include "broker/engine/resolved.h"
#include "broker/engine/worker_session.h"
#include "scheduler/chooser.h"
#include "scheduler/dispatcher.h"
#include "scheduler/queue_policy.h"

namespace hirehall::engine {

class Engine {
 public:
  struct Settings {
    std::uint64_t seed = 1;
    Millis lease_ms = limits::lease_ms;
    std::uint64_t snapshot_bytes = 64u << 20;
    std::uint64_t window_bytes = limits::window_bytes;
    std::size_t producers_max = limits::producers_max;
    Millis producer_idle_ms = limits::producer_idle_ms;
    std::uint16_t incarnation = 1;                          // of the store
    Millis room_patience_ms = scheduler::room_patience_ms;  // 0: no room is kept for anybody
    enum class Tell : std::uint8_t { none, traced, all } tell_attempts = Tell::none;
  };
  explicit Engine(Settings settings);
  ~Engine();

  // --- recovery, in this order ---
  Status load_snapshot(std::uint64_t commit, std::string_view saved);
  // One part of the facts of `commit`; `next_body` gives bodies in order, from the ledger's next sequence on.
  using BodySource = std::function<Result<BodyRecord>(Sequence)>;
  Status replay(std::uint64_t commit, std::string_view part, const BodySource& next_body);
  // Leases whose options have to be given (load_options) before start.
  std::vector<Sequence> leases_without_options() const;
  void load_options(const FoundBody& body);
  void start(Millis now);

  // --- inputs ---
  // Call first in each turn of the owner's loop. A gap in the calls is a stall of the loop: it grants every
  // lease anew.
  void begin_turn(const Moment& moment);
  void begin_turn(Millis now) { begin_turn(Moment{now}); }
  // A point of wall time that a peer named, in engine time, and back. Zero means "none", so that a time of
  // the distant past never becomes it.
  Millis from_wall(Millis wall) const { return std::max<Millis>(1, wall + ahead_); }
  Millis to_wall(Millis engine) const { return engine - ahead_; }
  Result<SubmitAnswer> submit(const SubmitRequest& request);
  // The encoded idempotency keys of a request, to be looked up before it is submitted.
  std::vector<std::string> keys_of(const SubmitRequest& request);
  // What was found in a picture older than this has to be looked up again.
  std::uint64_t keys_forgotten() const { return keys_forgotten_; }
  std::uint64_t open_producer(std::string token, std::string principal);
  // Forgets the producer that was unused for longest when there are too many; false when none may go.
  bool room_for_producer();
  const Producer* producer(std::uint64_t number) const;
  std::optional<std::uint64_t> producer_by_token(std::string_view token) const;

  Result<Registered> register_worker(const Registration& registration);
  void disconnect_worker(std::uint32_t worker);
  // Connected workers that offer a definition.
  std::vector<std::uint32_t> offering(std::string_view agent, std::string_view version) const;
  // not_found; conflict while a connected worker offers it.
  Status forget_agent(std::string_view name, std::string_view version);
  Millis lease_ms() const { return settings_.lease_ms; }
  // Two lost heartbeats do not end a lease, however short it is.
  Millis worker_heartbeat_ms() const { return std::min(limits::heartbeat_ms, settings_.lease_ms / 3); }
  struct HeartbeatAnswer {
    bool known = true;
    bool list = false;
  };
  HeartbeatAnswer heartbeat(std::uint32_t worker, std::uint32_t held, std::uint64_t hash,
                            std::uint64_t last_award, std::uint32_t credit);
  // Tokens among `tokens` that are not leased to it; leases up to `last_award` not among them are lost.
  std::vector<std::uint64_t> holding(std::uint32_t worker, std::uint64_t last_award,
                                     std::span<const std::uint64_t> tokens);
  void drain_worker(std::uint32_t worker);
  void set_aside(std::uint32_t worker,
                 bool aside);  // an operator wants it to get nothing, until told otherwise
  // Its rights have changed.
  void bind_worker(std::uint32_t worker, const QueueScope& queues, const QueueScope& types = std::nullopt);
  // The answer: encoded array of [index, code] for refused items.
  Result<std::string> finish(std::uint32_t worker, std::uint64_t number, std::uint64_t acked,
                             std::uint32_t credit, std::span<const FinishItem> items);
  Code checkpoint(std::uint32_t worker, std::uint64_t token, std::string_view value);
  // A live bid, in cost units; nothing declines. What comes back is told by Bidding::bid.
  Code bid(std::uint32_t worker, std::uint64_t round, std::string_view agent, std::optional<double> price);

  enum class Known : std::uint8_t { leased, ended, queued, never };
  Known look(Sequence sequence) const;
  // What a picture of `commit` says of it is no longer so; a lease or an end is not asked for here.
  bool moved_since(Sequence sequence, std::uint64_t commit) const;
  // ok: done, or the worker was told. busy: the task is queued and must be loaded first, as it is now.
  Code cancel(Sequence sequence, std::string_view reason, Millis grace_ms, const LoadedTask* loaded);
  // invalid: it waits for nothing, or for another kind of decision. What is answered is for the next attempt.
  Code decide(Sequence sequence, const Decision& decision, const LoadedTask* loaded);
  // --- batches (engine_batches.cpp) ---
  const Batch* batch(std::string_view tenant, std::string_view name) const;  // null: there is none
  // Takes no further tasks. The completion task, if there is one, is checked by the caller: its queue is
  // there. not_found; conflict: it is closed already.
  Code close_batch(std::string_view tenant, std::string_view name, const TaskOptions* completion,
                   std::optional<std::string_view> payload);

  // Submits a dead letter again; the new sequence, or 0 when it is none.
  Sequence replay_dead(Sequence sequence, const TaskOptions& options, std::string_view payload,
                       bool still_dead);

  // Bulk work (bulk.h); busy when too much is running. The owner does the slices, with the deeds above and
  // resubmit.
  Result<std::uint64_t> open_bulk(const BulkOrder& order);
  void move_bulk(std::uint64_t number, std::string cursor, std::uint64_t done, std::uint64_t passed);
  void close_bulk(std::uint64_t number, BulkState state, std::string_view message);
  Sequence resubmit(Sequence sequence, const TaskOptions& options, std::string_view payload,
                    std::string_view reason, const LoadedTask& loaded);

  Result<std::uint32_t> set_queue(std::string_view name, const QueueSettings& settings);
  // The caller has seen that they are dead letters of this queue, and that nothing has changed since.
  void purge_dead(std::uint32_t queue, const std::vector<Sequence>& sequences);
  // What a file says of queues, as desired state; gives what it changed, and what it left to whoever set it.
  Result<std::vector<QueueChange>> adopt_queues(const std::map<std::string, QueueValues>& file, bool force);
  void pause(std::string_view queue, std::string_view type, std::string_view tenant, std::string_view reason,
             bool on, std::string_view by = {});

  // --- schedules; their zones have to be known first ---
  void know_zone(const std::string& name, Zone zone);
  bool knows_zone(std::string_view name) const { return name.empty() || watch_.zones.contains(name); }
  // `fresh`: conflict when there is one of this name that says something else.
  Status set_schedule(const std::string& name, const ScheduleSpec& spec, std::string_view by, bool fresh);
  Status delete_schedule(const std::string& name);
  Status hold_schedule(const std::string& name, bool on, std::string_view reason);
  // Submits one of its tasks now, whatever the last one does; asked again with the same key: the same task.
  Result<Sequence> trigger_schedule(const std::string& name, std::string_view key);
  std::vector<Millis> upcoming(const Schedule& schedule, std::size_t count) const;  // in wall time
  Result<std::vector<ScheduleChange>> adopt_schedules(const std::map<std::string, ScheduleSpec>& file,
                                                      bool force);

  // --- limits ---
  Status set_limit(const std::string& name, const LimitRule& rule, std::string_view by);
  Status delete_limit(const std::string& name);
  Status hold_limit(const std::string& name, Millis until, std::string_view reason);  // 0: no more
  std::vector<const Gate*> gates_of(const Place& place) const;  // that such a task has to pass

  // --- budgets ---
  Status set_budget(const std::string& name, const BudgetRule& rule, std::string_view by);
  Status delete_budget(const std::string& name);

  // --- breakers (engine_breakers.cpp); not_found ---
  Status reset_breaker(BreakerOf of, const std::string& name);
  Status trip_breaker(BreakerOf of, const std::string& name, Millis for_ms, std::string_view reason);
  const Breakers& breakers() const { return breakers_; }
  std::vector<KeptOut> kept_out(std::uint32_t class_, std::uint32_t queue) const;  // that could do it

  // --- the audit log ---
  void audit(Audited act);

  // Answers to what was wanted.
  void page_read(std::uint64_t line, std::uint64_t page, const std::vector<PageEntry>& entries);
  void bodies_read(std::uint64_t line, std::vector<FoundBody> bodies);
  void timers_read(std::uint64_t view_commit, std::vector<std::pair<std::string, std::string>> timers,
                   bool all);
  void looked_up(Sequence sequence, const LoadedTask& loaded);
  void durable(std::uint64_t commit);  // batches up to here are synced

  // --- forgetting ended tasks, 1,024 at a time and in order of submission ---
  Millis longest_retention() const;
  // For each segment that may go next, in order (`most` of them): the commit in which the last task of it and
  // those before it ended. A segment beyond the snapshot stops it, or one with too many open tasks and dead
  // letters: these stay as stragglers, which outlive their neighbours.
  std::vector<std::uint64_t> reclaimable(std::size_t most) const;
  std::vector<Straggler> stragglers(std::size_t segments) const;  // of so many segments: to be copied
  std::vector<Sequence> stragglers_ended_before(Millis before) const;
  // So many segments go, and `gone`. False when a copy is missing: a task has ended or was purged meanwhile.
  bool reclaim(std::size_t segments, const std::vector<Straggler>& copies, std::vector<Sequence> gone);
  bool forgotten(Sequence s) const {
    return s < ledger_.reclaimed_sequence && !ledger_.segments.stragglers().contains(s);
  }
  void erase_records(const std::vector<std::string>& keys);  // of reclaimed tasks

  // Call last in each turn: fires timers, ends leases, awards, pages.
  void end_turn();

  Outputs& outputs() { return outputs_; }
  bool has_facts() const;
  std::size_t draft_bytes() const { return draft_bytes_; }
  Draft take();
  // When end_turn() has to be called again although nothing comes in.
  Millis next_deadline() const;

  // Tasks that have ended so far in the commit being built; in the one before it.
  std::uint64_t endings_in_commit(std::uint64_t commit) const {
    return commit == ledger_.commit ? endings_count_ : last_endings_;
  }
  const Ledger& ledger() const { return ledger_; }
  Ledger& ledger() { return ledger_; }
  const EngineCounts& counts() const { return counts_; }
  Millis now() const { return now_; }
  bool more_to_award() const { return more_to_award_; }  // end_turn() stopped at its bound
  std::uint64_t commit() const { return ledger_.commit; }
  std::uint64_t snapshot_commit() const { return snapshot_commit_; }
  const scheduler::Dispatcher& dispatcher() const { return dispatcher_; }

  using Times = QueueTimes;
  const Times* times_of(std::uint32_t queue) const {
    return queue < times_.size() ? &times_[queue] : nullptr;
  }
  // How many ready tasks of its lane and class go before a ready one: those of higher priority, and those
  // before it in its line. At least so many when its place is on a page, or beyond what one look walks.
  struct Ahead {
    std::uint64_t tasks = 0;
    bool exact = true;
  };
  Ahead ahead_of(const Place& place, Sequence sequence) const;
  Millis oldest_ready_ms(std::uint32_t queue) const;  // age of the oldest task at a line's front

  using Session = WorkerSession;
  const std::map<std::uint32_t, Session>& sessions() const { return sessions_; }
  const std::map<scheduler::ShelfNo, Unsold>& unsold() const { return unsold_; }
  const std::vector<PriceLevel>& prices() const { return prices_; }  // by class
  const Bidding& bidding() const { return bidding_; }
  const Costs& costs() const { return costs_; }

 private:
  Status replay_submitted(std::string_view fact, const BodySource& next_body);
  template <typename Fact>
  void record(Fact& fact);
  template <typename Fact>
  void write(Fact& fact);  // only the record: it is applied already
  void open_part();

  Code resolve(const SubmitRequest& request, const SubmitItem& item, Resolved& out);
  void note_retention(Millis retention_ms);
  Code check_cap(std::uint32_t queue, Resolved& out);
  Code check_batch(Resolved& out) const;
  void define_batch(std::uint32_t lane, const std::string& name);
  bool forget_batch(Millis kept);
  void start_batches();
  void complete_batches();
  Sequence submit_completion(const Batch& batch);
  Code resolve_names(const TaskOptions& options, Resolved& out);
  Code lane_of(std::string_view queue, std::string_view tenant, std::uint32_t& lane, std::string& message);
  Code class_of(const TaskOptions& options, std::uint32_t& class_, std::string& message);
  void check_keys(const SubmitRequest& request, const TaskOptions& options, std::string_view payload,
                  Resolved& out);
  bool check_unique(const SubmitRequest& request, const TaskOptions& options, Resolved& out);
  Code meet_holder(const TaskOptions& options, const UniqueHolder& holder, bool waits, Resolved& out) const;
  void note_unique(const Resolved& task, std::string_view payload, Sequence next);
  void take_unique_steps();
  void forget_body(Sequence sequence, const Place& place);
  const KeyRecord* known_key(const SubmitRequest& request, const std::string& key) const;
  void note_key(const std::string& key, const KeyRecord& record);
  void append(const Resolved& task, const TemplateRef& base, std::string_view payload);
  void close_chunk();

  void decide_end(Lease& lease, const FinishItem& item, EndedItem& out);
  void tell_attempt(const Lease& lease, const EndedItem& ended);
  void tell_breakers(const Lease& lease, const FinishItem& item);
  void guard_agents(const scheduler::WorkerSpec& spec);
  void fit_agents();
  void cap_probes(scheduler::Pick& pick) const;
  void note_probes(const scheduler::Pick& pick, std::uint32_t taken);
  void tell_dropped(const Dropped& fact, const LoadedTask* loaded);
  void tell_unattempted(UnattemptedOut told, const LoadedTask& loaded);
  std::string_view usage_of(const Lease& lease, std::string_view reported);
  bool needs_consent(const Lease& lease, std::uint8_t point) const;  // (engine_inbox.cpp)
  void ask(const Lease& lease, const FinishItem& item, std::vector<Asked>& asked) const;
  void settle(Sequence sequence, const Decision& decision, const LoadedTask& loaded);
  void lapse(Sequence sequence, const LoadedTask& loaded);
  bool question_looked_up(Sequence sequence, const LoadedTask& loaded);
  Code check_finish(const Lease& lease, const FinishItem& item) const;
  bool checkpoint_fits(const Lease& lease, std::string_view checkpoint) const;
  Millis timeout_of(const Lease& lease) const;
  void end_leases(std::uint32_t worker, const std::vector<std::uint64_t>& tokens, const FinishItem& how,
                  bool tell);
  void expire_lease(Lease& lease);
  void take_back_unconfirmed();
  void connect(std::uint32_t worker, Session& session);
  Status register_agents(const Registration& registration);
  bool forget_idle_agent();
  void tell_weights(std::uint32_t queue);
  Status adopt_queue(std::string_view name, const QueueValues& wanted, bool force,
                     std::vector<QueueChange>& changes);
  void repeat_stops(const Worker& worker);
  template <typename Visit>
  void each_lease(const Worker& worker, Visit&& visit) {
    for (auto slot = worker.first; slot != no_number; slot = ledger_.leases[slot].next)
      visit(ledger_.leases[slot]);
  }
  void note_endings();
  void note_index_writes(std::size_t from);
  void move(Sequence sequence) { moves_.emplace_back(ledger_.commit, sequence); }

  Sequence submit_own(const TaskOptions& options, std::string_view payload, Resolved& task);
  const Zone* zone_of(const ScheduleSpec& spec) const;
  Millis tick_after(const Schedule& schedule, Millis after) const;
  Millis clock_of(const Schedule& schedule) const;
  Status check_schedule(std::string_view name, const ScheduleSpec& spec) const;
  Sequence submit_scheduled(std::string_view name, const Schedule& schedule, std::string_view tick,
                            Error& refusal);
  bool runs_still(Sequence task) const;
  void fire_tick(const std::string& name, const Schedule& schedule, Millis tick, ScheduleTicked& fact);
  void offer_tick(const std::string& name, const Schedule& schedule, Millis tick, ScheduleTicked& fact);
  void cancel_last(const std::string& name, Sequence task);
  void cancel_looked_up(Sequence task, const LoadedTask& loaded);
  void tick_schedule(const std::string& name, const Schedule& schedule);
  void record_ticks(const Schedule& schedule, ScheduleTicked& fact);
  void release_waiting();
  void fire_schedules();
  void set_back(Millis calendar);
  void look_at_schedules();
  void start_schedules();
  Millis next_tick() const;

  void begin_incarnation();
  void fire_timers();
  void fire_expiry(const Timer& timer, const std::string& key);
  void fire_question(const Timer& timer, const std::string& key);
  void fire_unique(const Timer& timer, const std::string& value);
  void want_timers();
  void read_timers_again();
  void erase_timer(const std::string& key);
  void park(Sequence sequence, const std::string& key);
  void unpark(Sequence sequence);
  void grant_anew(Millis jumped);
  void expire_leases();
  void close_idle_workers();
  void refresh_shelves();
  void refresh(Shelf& shelf);
  const Gate* gate_that_holds(const LimitSet& set) const;
  bool held_back(const Line& line) const {
    return line.limits != nullptr && gate_that_holds(*line.limits) != nullptr;
  }
  void place_limited(Line& line);
  void place_dirty(Shelf& shelf);
  void park(Line& line, Gate& gate, const std::pair<std::uint32_t, Sequence>& order);
  void look_later(Gate& gate);
  void wake(Gate& gate);
  void open_gates();
  Millis next_gate() const;
  std::uint64_t award_number(std::uint32_t worker, const Entry& next, const Body& body);
  Line* best_line(Shelf& shelf);
  Line* find_best_line(Shelf& shelf);
  std::uint32_t pages_worth_reading(const Line& line) const;
  bool tend(Line& line);  // true when its front can be awarded
  std::uint32_t effective(const Line& line, Millis ready_at) const;
  void award_all();
  // What the policy of its queue makes of a pick; its grounds go to chosen_ (engine_policy.cpp).
  bool choose(scheduler::Pick& pick);  // false: nobody bids for it, and its shelf waits
  void look_at(const scheduler::Pick& pick, const Entry& entry, TaskInView& out) const;
  std::uint64_t order_of(const Line& line, const Entry& entry) const;
  // Rounds of tasks (engine_matching.cpp).
  void make_round(const scheduler::QueuePolicy& policy, const TaskInView& front, const scheduler::Pick& at);
  bool offer_in_round(const scheduler::QueuePolicy& policy, const scheduler::Pick& pick, const Entry& entry);
  scheduler::Chose choose_in_round(const scheduler::QueuePolicy& policy, const TaskInView& view,
                                   const Line& line, Sequence sequence, scheduler::Pick& pick);
  void watch(const scheduler::PolicySettings& shadow, const scheduler::TaskAtHand& task, std::uint64_t seed,
             scheduler::Pick before, const scheduler::Pick& pick);
  void tell_policy(std::uint32_t queue);
  void leave_unsold(const scheduler::Pick& pick);
  void offer_unsold();
  void tend_rooms();
  void tell_classes();
  void settle(const scheduler::Pick& pick, std::uint32_t awards);
  // What lanes are charged (engine_costs.cpp).
  Millis cost_of(const scheduler::Pick& pick, std::uint64_t weight) const;
  Millis leased_for(const Lease& lease) const;
  Millis occupied(const Lease& lease, std::uint32_t held) const;
  void settle_cost(const Lease& lease, Millis ran, std::uint32_t held, bool began);
  void charge_running();
  void settle_lanes();
  // Live bids (engine_bids.cpp).
  void close_rounds();
  void drop_rounds(std::uint32_t queue);
  scheduler::Chose choose_live(const scheduler::QueuePolicy& policy, const TaskInView& view,
                               const Entry& front, scheduler::Pick& pick);
  bool call_for_bids(const scheduler::QueuePolicy& policy, const TaskInView& view, const Entry& front,
                     const scheduler::Pick& pick, std::uint32_t tries);
  std::uint32_t award_run(const scheduler::Pick& pick, std::vector<AwardRun>& runs, std::uint32_t left);
  void note_choice(const Lease& lease, bool first_of_run);
  void keep_terms();
  void note_passed_on();
  void spill();
  bool spill_line(Line& line, std::size_t keep);
  void take_snapshot(Draft& draft);
  std::uint64_t random();

  Settings settings_;
  Ledger ledger_;
  scheduler::Dispatcher dispatcher_;
  std::size_t known_queues_ = 0, known_lanes_ = 0, known_classes_ = 0;  // told to the dispatcher
  std::vector<Shelf*> shelf_by_number_;
  std::vector<std::uint32_t> told_weights_;
  scheduler::Chooser chooser_;
  std::vector<scheduler::QueuePolicy> policies_;  // by queue; empty while all are least_loaded
  Chosen chosen_;                                 // for the pick at hand
  std::map<scheduler::ShelfNo, Unsold> unsold_;
  Breakers breakers_;
  Millis unsold_again_ = 0;         // when they are offered again, all at once
  std::vector<PriceLevel> prices_;  // by class; empty until an auction was held
  Bidding bidding_;
  Costs costs_;
  std::vector<Times> times_;
  void note_times(std::uint32_t lane, Millis waited, bool run);
  std::map<std::uint32_t, AwardMessage> turn_awards_;  // being filled in this turn, by worker
  std::size_t page_low_water_ = 2048;
  bool more_to_award_ = false;
  Outputs outputs_;
  EngineCounts counts_;
  Millis now_ = 0;
  Millis last_turn_ = 0;
  Millis ahead_ = 0;  // engine time - wall clock
  bool held_ = false;
  bool full_ = false;
  ScheduleWatch watch_;
  Millis told_time_ = -1;  // the time that the draft has recorded
  std::uint64_t random_state_ = 0;

  // The draft.
  std::vector<std::pair<Sequence, std::string>> bodies_;
  std::vector<std::string> parts_;
  std::string part_;
  IndexWrites index_;
  std::vector<Ending> endings_;
  std::uint32_t endings_count_ = 0;
  std::uint32_t last_endings_ = 0;  // of the batch taken last
  std::size_t draft_bytes_ = 0;
  ChunkRef open_;
  Sequence open_first_ = 0;
  std::uint32_t open_count_ = 0;
  std::vector<std::uint32_t> replay_offsets_;
  std::vector<Resolved> resolved_;
  std::map<std::uint32_t, std::uint64_t> coming_;  // tasks of the batch at hand, by queue that has a cap
  std::map<std::string, UniqueHolder, std::less<>> coming_unique_;  // of the batch at hand
  std::vector<UniqueStep> unique_steps_;
  std::set<Sequence> stale_bodies_;  // being read, and changed since

  // Soft knowledge.
  std::map<std::uint32_t, Session> sessions_;
  std::map<std::string, std::uint64_t, std::less<>> producer_tokens_;
  std::map<std::string, std::uint32_t, std::less<>> worker_tokens_;
  std::map<std::string, std::string> timers_;  // resident: key → value
  std::string timers_until_;                   // all stored timers up to this key are resident
  bool timers_complete_ = false;               // there are none beyond
  bool timers_asked_ = false;
  std::deque<TimerChange> timer_changes_;  // not yet durable, or while a read is under way
  bool timers_stale_ = false;              // what is being read was asked for before a fresh start
  // Fired, but still in the store: until the task is looked up, comes back from its lease, or is answered.
  std::set<std::string> parked_;
  std::map<Sequence, std::set<std::string>> parked_by_task_;
  std::map<Sequence, std::string> stop_reasons_;  // of leases that were asked to end
  std::deque<std::string> texts_;                 // that this turn's endings point to
  Millis granted_ = 0;                            // since then leases count anew
  Millis looked_for_unconfirmed_ = 0;
  std::deque<std::pair<std::uint64_t, Sequence>> moves_;  // (commit, task that came to be queued elsewhere)
  std::uint64_t moves_forgotten_ = 0;
  std::unordered_map<std::string, RecentKey> recent_keys_;  // of the last commits; never iterated
  std::deque<std::pair<std::uint64_t, std::string>> recent_key_order_;
  std::uint64_t keys_forgotten_ = 0;  // recent keys of commits up to this are in the store only
  std::uint64_t durable_ = 0;
  std::set<std::pair<Millis, std::string>> gate_times_;  // when gates by key are looked at again
  std::set<std::pair<Millis, std::uint64_t>> timeouts_;  // (when, token) of attempts with a timeout
  std::uint64_t bytes_since_snapshot_ = 0;
  std::uint64_t snapshot_size_ = 0;
  std::uint64_t snapshot_commit_ = 0;
  Sequence snapshot_sequence_ =
      0;                  // the next one at that commit: bodies from here on are needed for a restart
  std::size_t hand_ = 0;  // of the clock that chooses the next line to spill
  std::unordered_map<Sequence, std::shared_ptr<const Extras>> extras_;  // never iterated
};

}  // namespace hirehall::engine
