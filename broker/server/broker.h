// The broker process: one loop that joins sockets, engine and store.
//   drain sockets → decode → engine → stage a batch → commit → send what the batch held back
// The command thread owns everything here; it never waits for the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/engine/engine.h"
#include "broker/server/attempt_details.h"
#include "broker/server/audit.h"
#include "broker/server/backups.h"
#include "broker/server/choices.h"
#include "broker/server/committer.h"
#include "broker/server/engine_time.h"
#include "broker/server/fleet_watch.h"
#include "broker/server/learning.h"
#include "broker/server/metrics.h"
#include "broker/server/notify.h"
#include "broker/server/peers.h"
#include "broker/server/principals.h"
#include "broker/server/probe.h"
#include "broker/server/reader.h"
#include "broker/server/spans.h"
#include "broker/server/surroundings.h"
#include "broker/server/task_reading.h"
#include "broker/server/task_walk.h"
#include "broker/server/template_cache.h"
#include "broker/server/wakeup.h"
#include "common/ids.h"
#include "common/wire.h"
#include "scheduler/advice.h"

namespace hirehall::server {

class SpanExporter;

// A message that may leave once its batch is durable.
struct Outgoing {
  std::string routing;
  std::string frame;
};

struct BrokerParts {
  store::Store* store = nullptr;
  engine::Engine* engine = nullptr;
  PrincipalBook* principals = nullptr;
  MetricsServer* metrics = nullptr;  // may be absent
  Notifier* notifier = nullptr;
  std::function<std::pair<std::uint64_t, std::uint64_t>()> zap_counts;  // accepted, refused
  BackupKeeper* backups = nullptr;                                      // may be absent
  std::string principals_path;
  std::string queues_path;    // what queues should be; may be empty
  bool queues_force = false;  // also against what was set by hand
  std::string schedules_path = {};
  bool schedules_force = false;
  SpanExporter* spans = nullptr;  // may be absent
  unsigned traces_share = 100;    // percent of tasks without a trace of their own
};

// Somebody ends the question of a task: a person, or another task.
struct Answering {
  Sequence sequence = 0;
  engine::Deed deed = engine::Deed::answered;
  std::string decision, value, by, reason;
  bool has_value = false;
  std::function<Status(const engine::LoadedTask&, const TaskOptions&)> may;
  std::function<void(const Status&)> then;
};

class Broker {
 public:
  // `surroundings` are used by this thread only.
  Broker(BrokerParts parts, Surroundings& surroundings, EngineClock clock);
  ~Broker();

  // Until stop(); the error that ended it, if one did.
  Status run();
  void stop() {
    stop_.store(true);
    wakeup_.signal();
  }  // any thread, also a signal handler's
  void reload() {
    reload_.store(true);
    wakeup_.signal();
  }

  // run() in pieces, for surroundings without threads: one turn, true when there is more to do at once …
  bool turn(Millis wait_ms);
  Millis idle_ms() const;  // … else after this time, or when something comes in
  Committer& committer() { return *committer_; }
  Reader& reader() { return *reader_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  using Frame = wire::Frame;

  // --- the loop (broker.cpp) ---
  void drain_socket();
  void receive(std::string_view routing, std::string_view bytes, const char* user, bool whole);
  void dispatch(Peer& peer, const Frame& frame, std::string_view bytes);
  Status after_commits();
  void stage();
  void encode_outputs();
  void read_wanted();  // (broker_reads.cpp)
  void send_now(const std::string& routing, const std::string& frame);
  void send_later(const std::string& routing, std::string frame);
  void after_commit(std::function<void()> act);
  void read_later(Reader::Job job);
  void drop_peer(const std::string& routing);
  void forget_silent_peers();
  void fill_metrics();
  void reload_principals();  // (broker_config.cpp)
  void adopt_queues();
  void load_zones();  // (broker_schedules.cpp)
  void adopt_schedules();
  void failed(const Error& error);
  std::string& answer(Peer& peer, std::uint64_t request);  // an ok message to be filled
  void refuse(const std::string& routing, std::uint64_t request, const Error& error);
  void refuse(Peer& peer, std::uint64_t request, const Error& error);

  // --- the audit log (broker_audit.cpp) ---
  void begin_audit(const Peer& peer, const Frame& frame, wire::Kind kind);
  void write_audit();
  void audit_own(std::string act, std::string target, std::string result);
  void audit_bulk(std::uint64_t number, std::string result);  // its end
  void audit_list(Peer& peer, const Frame& frame);
  struct AuditJob;
  void answer_audit(const AuditJob& job);

  // --- requests ---
  void heartbeat(Peer& peer, const Frame& frame);
  void hello(const std::string& routing, const char* user, const Frame& frame);
  void submit(Peer& peer, const Frame& frame, std::string_view bytes);
  void submit_found(Peer& peer, std::string_view bytes, const engine::FoundKeys* found);
  void answer_submit(Peer& peer, std::uint64_t request, std::uint64_t batch,
                     const engine::SubmitAnswer& answer);
  Status read_templates(Peer& peer, std::string_view encoded);
  void resume_submits(const std::string& routing, std::uint64_t serial);
  Status may_submit(const Peer& peer, const engine::SubmitRequest& input) const;
  void find_keys(Peer& peer, std::string_view bytes, const std::vector<std::string>& keys);
  void flush_submitted();
  void get(Peer& peer, const Frame& frame);
  void wait(Peer& peer, const Frame& frame);
  void cancel(Peer& peer, const Frame& frame);
  void list(Peer& peer, const Frame& frame, bool dead);
  void answer_task(Peer& peer, const Frame& frame);  // (broker_inbox.cpp)
  void inbox(Peer& peer, const Frame& frame);
  struct BatchWait {
    Millis until;
    std::string routing;
    std::uint64_t serial, request;
    std::string tenant, batch;
  };
  void batch_list(Peer& peer, const Frame& frame);  // (broker_batches.cpp)
  void batch_show(Peer& peer, const Frame& frame);
  void batch_close(Peer& peer, const Frame& frame);
  void batch_wait(Peer& peer, const Frame& frame);
  void look_at_batch_waits();
  bool answer_batch_wait(const BatchWait& wait);
  Status settle_completion(const Peer& peer, const std::string& tenant, TaskOptions& o) const;
  void count_batches();
  void fill_prices();
  scheduler::FleetFigures fleet_figures() const;
  void write_fleet(msgpack::Writer& w) const;
  static bool asks_for_fleet(std::string_view body);
  void write_batch(msgpack::Writer& w, const engine::Batch& batch) const;
  void explain(Peer& peer, const Frame& frame);
  void dead_again(Peer& peer, const Frame& frame, bool purge);
  void subscribe(Peer& peer, const Frame& frame);
  void unsubscribe(Peer& peer, const Frame& frame);
  void seen(Peer& peer, const Frame& frame);
  void queue_list(Peer& peer, const Frame& frame);
  void queue_show(Peer& peer, const Frame& frame);
  void queue_set(Peer& peer, const Frame& frame);
  void pause(Peer& peer, const Frame& frame, bool on);
  void worker_list(Peer& peer, const Frame& frame);
  void tenant_list(Peer& peer, const Frame& frame);
  void stats(Peer& peer, const Frame& frame);
  void worker_drain(Peer& peer, const Frame& frame);
  void agent_list(Peer& peer, const Frame& frame);  // (broker_agents.cpp)
  void agent_show(Peer& peer, const Frame& frame);
  void agent_forget(Peer& peer, const Frame& frame);
  void schedule_set(Peer& peer, const Frame& frame);  // (broker_schedules.cpp)
  void schedule_list(Peer& peer, const Frame& frame);
  void schedule_show(Peer& peer, const Frame& frame);
  void schedule_steer(Peer& peer, const Frame& frame);
  struct ScheduleRequest;
  Status read_schedule(std::string_view body, ScheduleRequest& out) const;
  bool sees_schedule(const Peer& peer, const engine::Schedule& schedule) const;
  const engine::Schedule* schedule_of(Peer& peer, std::uint64_t request, const std::string& name);
  void set_schedule(Peer& peer, std::uint64_t request, const ScheduleRequest& asked);
  void write_schedule(msgpack::Writer& w, const std::string& name, const engine::Schedule& schedule,
                      std::uint64_t next) const;
  void backup_begin(Peer& peer, const Frame& frame, BackupJob::What what);  // (broker_backups.cpp)
  void backup_status(Peer& peer, const Frame& frame);
  void backup_list(Peer& peer, const Frame& frame);
  void breaker(Peer& peer, const Frame& frame);  // (broker_breakers.cpp)
  void fill_breakers();
  void limit_set(Peer& peer, const Frame& frame);  // (broker_limits.cpp)
  void limit_list(Peer& peer, const Frame& frame);
  void limit_steer(Peer& peer, const Frame& frame);
  void write_limit(msgpack::Writer& w, const std::string& name, const engine::Limit& limit,
                   std::size_t gates) const;
  void usage(Peer& peer, const Frame& frame);  // (broker_usage.cpp)
  void budget_set(Peer& peer, const Frame& frame);
  void budget_list(Peer& peer, const Frame& frame);
  void budget_delete(Peer& peer, const Frame& frame);
  void write_budget(msgpack::Writer& w, const std::string& name, const engine::Budget& budget) const;
  void tell_budgets();
  void count_usage();
  void lane_list(Peer& peer, const Frame& frame);  // (broker_lanes.cpp)
  void count_lanes();
  void write_cost(msgpack::Writer& w, const engine::Place& place, const engine::Lease* lease) const;
  void agent_stats(Peer& peer, const Frame& frame);  // (broker_learning.cpp)
  void agent_unlearn(Peer& peer, const Frame& frame);
  void note_finishing(std::uint32_t worker);
  Millis time_taken(const engine::Lease& lease, const engine::FinishItem& item) const;
  void learn_finished();
  void register_worker(Peer& peer, const Frame& frame);
  void finish(Peer& peer, const Frame& frame);
  void worker_heartbeat(Peer& peer, const Frame& frame);
  void holding(Peer& peer, const Frame& frame);
  void report(Peer& peer, const Frame& frame);
  void drain(Peer& peer, const Frame& frame);
  void take_bids(Peer& peer, const Frame& frame);  // (broker_bids.cpp)
  void send_calls();

  // --- tasks ---
  std::optional<Sequence> sequence_of(std::string_view raw_id) const;  // nothing: not genuine, or never given
  Error unknown_task(std::string_view raw) const;                      // that sequence_of gives nothing for
  bool visible(const Peer& peer, std::uint32_t lane) const;
  bool past_retention(const StoredTask& task) const;
  void refuse_expired(Peer& peer, std::uint64_t request, Sequence sequence);
  using TaskThen = std::function<void(Result<std::optional<StoredTask>>)>;
  void load_task(Sequence sequence, TaskThen then, bool with_award = false, bool ended = false,
                 std::uint64_t ended_in = 0);
  void end_waits(Sequence sequence);
  void time_out_waits();
  void wait_for(Peer& peer, std::uint64_t request, Sequence sequence, Millis limit, unsigned parts);
  void answer_get(const std::string& routing, std::uint64_t serial, std::uint64_t request, Sequence sequence,
                  unsigned parts);
  void write_task(std::string& out, Sequence sequence, const StoredTask& task, unsigned parts) const;
  void write_queue(msgpack::Writer& w, std::uint32_t number) const;
  void answer_task_map(Peer& peer, std::uint64_t request, Sequence sequence, const StoredTask& task,
                       unsigned parts);
  void write_explanation(Peer& peer, std::uint64_t request, Sequence sequence, const StoredTask& task);
  std::optional<scheduler::Choice> choice_of(const StoredTask& task, Sequence sequence,
                                             std::uint32_t attempt) const;
  void write_award(msgpack::Writer& w, std::uint32_t attempt, std::uint32_t worker,
                   const engine::Reasons* why, const std::optional<scheduler::Choice>& choice) const;
  void answer_suspended(const std::shared_ptr<Answering>& answering, std::size_t tries);
  void answer_from_attempt(std::uint32_t lane, Sequence by, std::string_view encoded,
                           std::function<void(Code)> then);
  struct InboxJob;
  void walk_inbox(const std::shared_ptr<InboxJob>& job);
  void end_inbox(const InboxJob& job);
  void write_question(msgpack::Writer& w, const engine::QuestionRecord& question) const;
  void write_decisions(msgpack::Writer& w, const StoredTask& task) const;
  struct ReportJob;
  void end_report(const std::shared_ptr<ReportJob>& job);
  struct CancelJob;
  void cancel_queued(const std::shared_ptr<CancelJob>& job, std::size_t i, std::size_t tries);
  void end_cancel(const std::shared_ptr<CancelJob>& job);

  // --- walks over tasks (task_walk.h): lists, counts, groups, bulk work ---
  void walk_tasks(const std::shared_ptr<TaskWalk>& walk);
  void walk_all(const std::shared_ptr<TaskWalk>& walk);
  void walk_dead(const std::shared_ptr<TaskWalk>& walk);
  void sift_rows(const std::shared_ptr<TaskWalk>& walk);
  void read_rows(const std::shared_ptr<TaskWalk>& walk);
  bool still_fits(const TaskWalk& walk, TaskWalk::Row& row) const;
  Status narrow(TaskWalk& walk, const std::string& queue, const std::string& state, const std::string& tenant,
                const std::string& type, const std::string& where) const;
  void end_list(Peer& peer, std::uint64_t request, TaskWalk& walk, std::size_t limit);
  void end_count(Peer& peer, std::uint64_t request, TaskWalk& walk);
  void dead_groups(Peer& peer, const Frame& frame);
  void end_groups(Peer& peer, std::uint64_t request, TaskWalk& walk);

  // --- what attempts tell of themselves (broker_details.cpp) ---
  struct LogWait {
    Millis until = 0;  // then it is answered, whatever there is
    std::string routing;
    std::uint64_t serial = 0, request = 0;
    Sequence sequence = 0;
    std::uint64_t after = 0;
    std::size_t limit = 0;
    bool tail = false;
  };
  static constexpr std::size_t log_waits_max = 1024;  // more are answered at once
  bool take_detail(const engine::Lease& lease, std::string_view what, msgpack::Reader& r);
  void logs(Peer& peer, const Frame& frame);
  void answer_logs_or_wait(const LogWait& wait);
  void answer_logs(const LogWait& wait);
  void answer_log_waits(Sequence sequence);
  void look_at_log_waits();
  void write_progress(msgpack::Writer& w, const AttemptDetails::Progress& progress) const;

  // --- traces (broker_traces.cpp) ---
  bool chosen_for_trace(Sequence sequence, const TaskOptions& options) const;
  std::string trace_of_attempt(Sequence sequence, std::uint32_t attempt, const TaskOptions& options) const;
  Span attempt_told(const engine::AttemptOut& ended) const;
  Span task_told(const engine::UnattemptedOut& ended, const engine::TraceOrigin& origin) const;
  void tell_task(engine::UnattemptedOut ended);
  void tell_unattempted();
  void tell_attempts();

  // --- bulk work (broker_bulk.cpp) ---
  void bulk_start(Peer& peer, const Frame& frame);
  void bulk_list(Peer& peer, const Frame& frame);
  void bulk_stop(Peer& peer, const Frame& frame);
  Status check_bulk(const Peer& peer, const engine::BulkOrder& order) const;
  std::shared_ptr<const Principal> principal_named(const std::string& name) const;
  void go_on_with_bulks();
  void start_slice(std::uint64_t number, const engine::Bulk& bulk);
  void act_on_slice(std::uint64_t number, TaskWalk& walk);
  Code act_on(const engine::BulkOrder& order, const TaskWalk& walk, TaskWalk::Row& row);
  Code again_in_bulk(const engine::BulkOrder& order, const TaskWalk& walk, TaskWalk::Row& row);
  struct RetryJob;
  void retry_loaded(const std::shared_ptr<RetryJob>& job);
  void purge_loaded(const std::shared_ptr<RetryJob>& job);
  void look_up(Sequence sequence, std::function<void(const engine::LoadedTask&)> then);

  // --- retention (broker_retention.cpp) ---
  void look_at_retention();
  void copy_stragglers(std::size_t segments, const std::vector<Sequence>& gone);
  void drop_reclaimed(const std::vector<Sequence>& gone);
  void sweep_records(Sequence until);

  // --- results ---
  std::uint64_t position_commit(std::uint64_t commit) const;
  std::pair<std::uint64_t, std::uint64_t> position_here(std::pair<std::uint64_t, std::uint64_t> asked,
                                                        bool& gap) const;
  void push_endings();
  void push_ending(Peer& peer, Subscription& s, const engine::EndingOut& ending);
  void flush_subscriptions();
  void flush_subscription(Peer& peer, Subscription& s);
  void catch_up(Peer& peer, Subscription& s);
  void go_live(Peer& peer, Subscription& s);

  Peer* peer_at(const std::string& routing, std::uint64_t serial);
  std::string token();
  void count_refusal(Code code);

  BrokerParts parts_;
  store::Store& store_;
  engine::Engine& engine_;
  Surroundings& surroundings_;
  EngineClock clock_;
  IdMaker ids_;
  Wakeup wakeup_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> reload_ = false;
  std::optional<Error> failure_;
  Learning learning_;
  Choices choices_;
  FleetWatch fleet_watch_;
  std::vector<Finishing> finishing_;
  bool drained_full_ = false;

  std::unordered_map<std::string, std::unique_ptr<Peer>> peers_;
  std::map<std::uint64_t, std::string> routing_of_producer_;
  std::map<std::uint32_t, std::string> routing_of_worker_;
  std::uint64_t next_serial_ = 1;

  std::vector<Outgoing> outbox_;  // of the batch being built
  std::vector<std::function<void()>> outbox_acts_;
  struct InFlight {
    std::uint64_t number;
    std::vector<Outgoing> messages;
    std::vector<std::function<void()>> acts;
  };
  std::deque<InFlight> in_flight_;
  std::vector<Peer*> submitters_;                          // with gathered answers
  std::vector<std::pair<Peer*, Subscription*>> building_;  // subscriptions with items
  struct QueueSubscriber {
    std::string routing;
    std::uint64_t serial;
    std::uint64_t number;
  };
  std::multimap<std::uint32_t, QueueSubscriber> queue_subscribers_;
  bool subscribed_ = false;          // somebody ever subscribed
  std::uint64_t last_producer_ = 0;  // endings come in runs of one producer
  std::uint64_t last_serial_ = 0;
  Peer* last_peer_ = nullptr;
  struct Wait {
    Millis at;  // its time is over then
    std::string routing;
    std::uint64_t serial;
    std::uint64_t request;
    Sequence sequence;
    unsigned parts;
  };
  std::map<std::uint64_t, Wait> waits_;
  std::set<std::pair<Millis, std::uint64_t>> wait_ends_;
  std::multimap<Sequence, std::uint64_t> waiting_for_;
  std::uint64_t next_wait_ = 1;
  std::vector<BatchWait> batch_waits_;
  Millis next_batch_wait_ = 0;          // the first of them is over then
  std::uint64_t batch_rests_seen_ = 0;  // when they were looked at
  std::vector<engine::SubmitItem> items_;
  // Templates of submits by producer and bytes: tasks that name the same options share them. Never iterated.
  TemplateCache known_templates_;
  std::vector<std::pair<std::string_view, std::uint64_t>>
      sent_templates_;  // bytes and hash, of the frame at hand
  std::vector<engine::FinishItem> finish_items_;

  AuditDesk audit_;
  std::map<Sequence, Sequence> replayed_;  // dead letters submitted again a short while ago
  std::set<Sequence> purged_;              // or purged

  std::unique_ptr<AttemptDetails> details_;
  std::vector<LogWait> log_waits_;
  struct BulkRun {
    bool walking = false;
    Millis next_at = 0;
  };
  std::map<std::uint64_t, BulkRun> bulk_runs_;  // of bulk work that is running

  bool reclaiming_ = false;  // one step at a time
  Sequence swept_ = 0;       // records of tasks below are gone
  MetricsPage page_;
  std::int64_t started_monotonic_ = 0;
  Millis next_chore_ = 0;
  std::shared_ptr<bool> alive_;
  engine::TemplatePool read_templates_;  // the reader thread's
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace hirehall::server
