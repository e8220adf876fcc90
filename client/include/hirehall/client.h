// The client of a Hirehall broker. Start here:
//
//   auto client = hirehall::client::Client::connect({});
//   if (!client) return complain(client.error());
//   auto id = client->submit({.type = "echo"}, R"("hello")");      // durable once it returns
//   auto task = client->wait(*id, 10'000);
//   std::cout << task->result;
//
// Many tasks: submit_many() sends views without an allocation per task and hands back one Submission for all
// of them; subscribe() delivers results as they come.
//
// Threads: one thread of yours may call a Client; an inner thread owns the connection. Result callbacks run
// on that inner thread: be quick there, and do not call the client from them.
//
// Promises: a submit that was acknowledged is durable; none is lost or made twice by a reconnect. When the
// broker has forgotten the session (24 hours without contact), what was unanswered fails with
// session_expired: its outcome is unknown, and an idempotency key makes trying again safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hirehall/audit.h"
#include "hirehall/backup.h"
#include "hirehall/error.h"
#include "hirehall/limit.h"
#include "hirehall/schedule.h"
#include "hirehall/task.h"
#include "hirehall/usage.h"

namespace hirehall::client {

struct Options {
  std::string broker = {};  // ipc://… or tcp://…; empty: default_endpoint()
  std::string name = "client";
  std::string reason = {};  // of what it does, for the audit log: of requests without one of their own
  Millis connect_timeout_ms = 5'000;   // connect() waits this long for the first welcome
  Millis request_timeout_ms = 30'000;  // get, list, cancel …
  Millis close_timeout_ms = 2'000;     // how long close() waits for acknowledgements
  std::size_t batch_items = 256;       // 1: one task per message
  std::size_t batch_bytes = 64 << 10;
  std::size_t batches_in_flight = 1024;  // at most; the broker may grant less
  std::size_t buffer_bytes = 8 << 20;    // submits wait while more than this is not sent yet
  std::string key_file = {};             // secret CURVE key of this client, as written by `hirehall key new`
  std::string server_key_file = {};      // public CURVE key of the broker; empty: no encryption
};

// $HIREHALL_BROKER; else the socket of a broker of this user ($XDG_RUNTIME_DIR/hirehall/broker.ipc) or of
// this machine
// (/run/hirehall/broker.ipc), if there is one; else tcp://127.0.0.1:7420.
std::string default_endpoint();

// One item of submit_many(); empty fields are those of the shared options.
struct Item {
  std::string_view payload = {};
  int priority = 0;
  std::string_view idempotency_key = {};
  const Features* features = nullptr;
};

// The fate of what one submit_many() call submitted. Cheap to copy; outlives the client.
class Submission {
 public:
  struct Refusal {
    std::size_t index;
    Error error;
  };

  std::size_t size() const;
  bool done() const;                   // every item is acknowledged or refused
  bool wait(Millis timeout_ms) const;  // false: not done yet
  // Valid once done(). ids()[i] is all zero where item i was refused.
  const std::vector<TaskId>& ids() const;
  const std::vector<Refusal>& refusals() const;

  struct State;

 private:
  friend class Client;
  explicit Submission(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// A place in the stream of results; hand it to subscribe() to go on from there.
struct Position {
  std::uint64_t commit = 0;
  std::uint64_t index = 0;
};

struct ResultBatch {
  std::span<const ResultView> results = {};
  Position position;  // after processing these
  bool gap = false;   // results before these were lost to the stream: read tasks with get()
};

struct Subscribe {
  std::string queue = {};              // empty: the tasks of this session
  std::optional<Position> from = {};   // absent: from now
  std::size_t window_bytes = 4 << 20;  // pushed and not yet taken; 4 KiB to 64 MiB
};

struct ListQuery {
  std::string queue = {}, state = {}, tenant = {}, type = {}, batch = {};  // empty: any
  std::string cursor = {};                                                 // of the page before
  std::size_t limit = 100;
  bool newest_first = false;
  std::string where = {};  // an expression: "age>1h and label.customer=7" (docs/where.md)
};

// One deed on all tasks that match, done by the broker; it goes on after a restart.
struct BulkOrder {
  std::string verb = {};   // cancel, move, retry or purge (the last two: of dead letters)
  std::string where = {};  // which tasks; needed
  std::string reason = {};
  Millis grace_ms = 10'000;                 // cancel: of running attempts
  std::uint32_t rate = 0;                   // tasks per second; 0: as fast as it goes
  std::string queue = {};                   // move, retry: there
  int priority = 0;                         // move, retry: with this one
  std::optional<std::string> payload = {};  // retry: with this input
  std::string token = {};                   // the same again is the same work; one is made when it is empty
};

struct BulkInfo {
  std::uint64_t bulk = 0;
  std::string verb = {}, state = {};   // running, done, stopped or failed
  std::uint64_t done = 0, passed = 0;  // passed: matched, and could not or need not be
  std::string where = {}, by = {}, reason = {}, message = {};
};

struct TaskPage {
  std::vector<Task> tasks = {};  // without payloads; may be empty although there is a cursor
  std::string cursor = {};       // empty: that was all
};

struct CancelOutcome {
  TaskId id;
  std::optional<Error> error = {};  // absent: cancelled, or told to stop
};

struct RetryOutcome {
  TaskId dead;
  Result<TaskId> task;  // the new task
};

struct QueueInfo {
  std::string queue = {};
  std::int64_t weight = 1, cap = 0;
  bool paused = false;
  std::string paused_reason = {};
  std::uint64_t ready = 0, scheduled = 0, leased = 0, suspended = 0, dead = 0;
  Millis oldest_ready_ms = 0, retention_ms = 0, timeout_ms = 0, approval_timeout_ms = 0;
  std::string policy = {}, shadow = {};  // how it is awarded, and the policy that only watches
  // What policies reckon with, in cost units, and which price of an auction counts as paid.
  double success_value = 0, wait_price = 0, preference = 0, reserve = 0;
  std::string settlement = {};
  Millis live_bids_from_ms = 0, bid_deadline_ms = 0;  // auctions: from which duration on, and for how long
  Millis match_from_ms = 0;  // tasks that take so long are matched with others of their turn
  std::string approval = {}, approval_on_timeout = {};
  std::map<std::string, std::int64_t> tenants = {}, limits = {};
};

// What queue_set() changes: only what is given.
struct QueueChange {
  std::optional<std::int64_t> weight = {}, cap = {};
  std::optional<std::string> policy = {},
                             shadow = {};  // least_loaded, sticky, learned, auction; shadow: none
  std::optional<double> success_value = {}, wait_price = {}, preference = {}, reserve = {};  // cost units
  std::optional<std::string> settlement = {};  // second_price, first_price
  std::optional<Millis> retention_ms = {}, timeout_ms = {}, approval_timeout_ms = {};
  std::optional<Millis> live_bids_from_ms = {}, bid_deadline_ms = {}, match_from_ms = {};
  std::optional<std::string> approval = {}, approval_on_timeout = {};
  std::optional<std::int64_t> retention_bytes = {};
  std::map<std::string, std::int64_t> tenants = {}, limits = {};
};

// What pause() and resume() hold: at least one of them.
struct PauseScope {
  std::string queue = {}, type = {}, tenant = {};
  std::string reason = {};
};

struct WorkerInfo {
  std::string name = {};
  std::uint64_t worker = 0, slots = 0, credit = 0, held = 0, done = 0;
  bool connected = false, draining = false;
  Millis last_seen = 0;
  std::vector<std::string> types = {};
};

// What waits for somebody.
struct InboxItem {
  TaskId id;
  std::string queue = {}, tenant = {}, type = {};
  std::uint64_t attempt = 0;
  std::string stage = {};     // agent: an attempt asks; award, release: a policy wants an approval
  std::string on = {};        // input, approval, signal
  std::string question = {};  // what it says
  std::vector<std::string> options = {};
  Millis asked_at = 0, due_at = 0;  // due_at 0: it waits for ever
};

struct InboxQuery {
  std::string queue = {}, tenant = {}, on = {};  // empty: any
  std::string cursor = {};
  std::size_t limit = 100;
};

struct InboxPage {
  std::vector<InboxItem> items = {};
  std::string cursor = {};  // empty: that was all
};

// Tasks that were submitted under one name, counted.
struct BatchInfo {
  std::string batch = {}, tenant = {};
  std::string state = {};  // open; idle: nothing is open, more may come; closed; completed
  std::uint64_t total = 0, open = 0, succeeded = 0, failed = 0, cancelled = 0, expired = 0;
  Millis created_at = 0;
  TaskId completion;  // the task that was submitted when all had ended; zero: none
};

enum class Verdict : std::uint8_t { approve, reject, edit };

class Client {
 public:
  // unreachable: nobody answered within connect_timeout_ms; denied, version_mismatch: the broker said so.
  static Result<Client> connect(Options options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // close()

  // One task: returns once it is durable. timeout: not known yet, and the library goes on trying.
  Result<TaskId> submit(const TaskOptions& options, std::string_view payload);
  std::future<Result<TaskId>> submit_async(const TaskOptions& options, std::string_view payload);

  // Many tasks with the same options. Payloads are copied before it returns; it waits while the buffer is
  // full.
  Submission submit_many(const TaskOptions& options, std::span<const std::string_view> payloads);
  Submission submit_many(const TaskOptions& options, std::span<const Item> items);
  bool flush(Millis timeout_ms);  // waits until everything submitted is answered; false: not yet

  Result<Task> get(const TaskId& id, bool with_payload = true);
  Result<Task> wait(const TaskId& id, Millis timeout_ms);  // until the task has ended
  Result<std::vector<CancelOutcome>> cancel(std::span<const TaskId> ids, std::string_view reason = {},
                                            Millis grace_ms = 10'000);
  Result<TaskPage> list(const ListQuery& query);

  // Questions of suspended tasks. bad_answer: the value is not what the question takes; denied: it is for
  // others; invalid: the task waits for nothing.
  Result<InboxPage> inbox(const InboxQuery& query);
  Status answer(const TaskId& id, std::string_view value, std::string_view reason = {});
  // Of an approval; an edit has the new payload (before the award) or result (before the release).
  Status decide(const TaskId& id, Verdict verdict, std::string_view reason = {}, std::string_view value = {});

  // Batches. Empty tenant: the principal's own. not_found: nothing was submitted under that name.
  Result<BatchInfo> batch(std::string_view name, std::string_view tenant = {});
  Result<std::vector<BatchInfo>> batches();
  // No further tasks. Once all have ended `completion` is submitted, once; without a payload it gets the
  // counts.
  Result<BatchInfo> batch_close(std::string_view name, const std::optional<TaskOptions>& completion = {},
                                const std::optional<std::string>& payload = {}, std::string_view tenant = {});
  // Until nothing of it is open (and, when it is closed, its completion task was submitted).
  Result<BatchInfo> batch_wait(std::string_view name, Millis timeout_ms, std::string_view tenant = {});

  // Results as they come, each at least once. The callback form runs on the inner thread.
  using OnResults = std::function<void(const ResultBatch&)>;
  Result<std::uint64_t> subscribe(const Subscribe& what, OnResults callback);
  // The pull form: next_results() hands each batch to `take`, and returns how many results that was (0: none
  // in time).
  Result<std::uint64_t> subscribe(const Subscribe& what);
  std::size_t next_results(std::uint64_t subscription, Millis timeout_ms, const OnResults& take);
  Status unsubscribe(std::uint64_t subscription);

  Result<std::vector<QueueInfo>> queues();
  Result<QueueInfo> queue(std::string_view name);
  Result<QueueInfo> queue_set(std::string_view name, const QueueChange& change);
  Status pause(const PauseScope& scope);
  Status resume(const PauseScope& scope);

  Result<TaskPage> dead(const ListQuery& query);                // of query: queue, where, cursor, limit
  Result<std::uint64_t> bulk_start(const BulkOrder& order);     // its number
  Result<std::vector<BulkInfo>> bulks(std::uint64_t bulk = 0);  // 0: all that are kept
  Status bulk_stop(std::uint64_t bulk);
  Result<std::vector<RetryOutcome>> dead_retry(std::span<const TaskId> ids);
  Result<std::vector<CancelOutcome>> dead_purge(std::span<const TaskId> ids, std::string_view reason = {});

  // Limits (limit.h).
  Result<LimitInfo> limit_set(std::string_view name, const LimitChange& change);
  Result<LimitInfo> limit(std::string_view name);
  Result<std::vector<LimitInfo>> limits();
  Status limit_delete(std::string_view name);
  // Nothing begins before `until`; 0: until resumed.
  Status limit_pause(std::string_view name, Millis until = 0, std::string_view reason = {});
  Status limit_resume(std::string_view name);

  // Schedules (schedule.h). create: conflict when one of this name says something else.
  Result<ScheduleInfo> schedule_create(std::string_view name, const Schedule& schedule);
  Result<ScheduleInfo> schedule_edit(std::string_view name, const Schedule& change);  // only what is given
  Result<ScheduleInfo> schedule(std::string_view name, std::size_t next = 5);
  Result<std::vector<ScheduleInfo>> schedules();
  Status schedule_pause(std::string_view name, std::string_view reason = {});
  Status schedule_resume(std::string_view name);
  Status schedule_delete(std::string_view name);
  Result<TaskId> schedule_trigger(std::string_view name);  // its task now, once however often it is resent

  // What attempts have used, and budgets over it (usage.h). not_found: no such budget.
  Result<UsageReport> usage(const UsageQuery& query = {});
  Result<BudgetInfo> budget_set(std::string_view name, const BudgetChange& change);
  Result<std::vector<BudgetInfo>> budgets();
  Status budget_delete(std::string_view name);

  // Who did what (audit.h).
  Result<AuditPage> audit(const AuditQuery& query = {});

  // Backups (backup.h): the broker works, each call begins a job and returns its number. unsupported: the
  // broker has no folder for them; busy: another job runs.
  Result<std::uint64_t> backup_create();
  Result<std::uint64_t> backup_verify(std::uint64_t backup);
  Result<std::uint64_t> backup_delete(std::uint64_t backup);
  Result<BackupJob> backup_job();
  Result<BackupJob> backup_wait(std::uint64_t job, Millis timeout_ms);  // the job's own error, if it failed
  Result<std::vector<BackupInfo>> backups();

  Result<std::vector<WorkerInfo>> workers();
  Result<std::map<std::string, double>> stats();  // flat: "tasks.ready", "commits", …

  // Waits for acknowledgements for close_timeout_ms; what is unanswered then fails as unreachable.
  void close();

  struct Inner;
  Inner& inner() { return *inner_; }  // for the programs of this repository

 private:
  explicit Client(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace hirehall::client
