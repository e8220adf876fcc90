#include "broker/server/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <utility>

#include "broker/server/choice_counters.h"
#include "common/error.h"
#include "common/version.h"
#include "common/wire.h"
#include "scheduler/policy.h"

namespace hirehall::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Collects families in the order in which they are shown.
class Families {
 public:
  void begin(const char* name, const char* help, MetricType type) {
    families_.push_back(MetricFamily{std::string("hirehall_") + name, help, type, {}});
  }
  void begin_process(const char* name, const char* help, MetricType type) {
    families_.push_back(MetricFamily{std::string("process_") + name, help, type, {}});
  }

  template <typename Number>
  void value(Number number, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = static_cast<double>(number);
    } else {
      metric.gauge.value = static_cast<double>(number);
    }
    families_.back().metric.push_back(std::move(metric));
  }

  void histogram(const DurationHistogram& source, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < source.counts.size(); ++i) {
      below += source.counts[i];
      const double bound = i < DurationHistogram::bounds_us.size()
                               ? static_cast<double>(DurationHistogram::bounds_us[i]) / 1e6
                               : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({below, bound});
    }
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = static_cast<double>(source.sum_us) / 1e6;
    families_.back().metric.push_back(std::move(metric));
  }

  template <typename Number>
  void counter(const char* name, const char* help, Number number) {
    begin(name, help, MetricType::Counter);
    value(number);
  }
  template <typename Number>
  void gauge(const char* name, const char* help, Number number) {
    begin(name, help, MetricType::Gauge);
    value(number);
  }

  const std::vector<MetricFamily>& all() const { return families_; }

 private:
  std::vector<MetricFamily> families_;
};

std::string text(std::string_view view) {
  return std::string(view);
}

void add(DurationHistogram& sum, const DurationHistogram& part) {
  for (std::size_t i = 0; i < sum.counts.size(); ++i) sum.counts[i] += part.counts[i];
  sum.sum_us += part.sum_us;
}

void add(QueueProbe& sum, const QueueProbe& part) {
  for (std::size_t i = 0; i < sum.tasks.size(); ++i) sum.tasks[i] += part.tasks[i];
  for (std::size_t i = 0; i < sum.attempts.size(); ++i) sum.attempts[i] += part.attempts[i];
  sum.submitted += part.submitted;
  sum.dead += part.dead;
  sum.oldest_ms = std::max(sum.oldest_ms, part.oldest_ms);
  sum.charged_ms += part.charged_ms;
  sum.added_ms += part.added_ms;
  sum.back_ms += part.back_ms;
  add(sum.wait, part.wait);
  add(sum.run, part.run);
}

// The queues as they are labelled: the first ones by themselves, the rest as one. Queues keep their places,
// so a queue does not change its label between two pages.
std::vector<const QueueProbe*> labelled(const MetricsPage& page, QueueProbe& rest) {
  std::vector<const QueueProbe*> shown;
  for (const auto& queue : page.queues) {
    if (shown.size() < queues_shown_max) {
      shown.push_back(&queue);
    } else {
      add(rest, queue);
    }
  }
  if (page.queues.size() > queues_shown_max) {
    rest.queue = queue_label_rest;
    shown.push_back(&rest);
  }
  return shown;
}

void add_queues(Families& out, const std::vector<const QueueProbe*>& queues) {
  out.begin("tasks", "Tasks that have not ended, by queue and state.", MetricType::Gauge);
  for (const auto* q : queues) {
    for (auto state : {State::scheduled, State::ready, State::leased, State::suspended}) {
      out.value(q->tasks[static_cast<std::size_t>(state)],
                {{"queue", q->queue}, {"state", text(name_of(state))}});
    }
  }
  out.begin("tasks_submitted_total", "Tasks accepted, by queue.", MetricType::Counter);
  for (const auto* q : queues) out.value(q->submitted, {{"queue", q->queue}});
  out.begin("task_attempts_total", "Attempts that ended, by queue and outcome.", MetricType::Counter);
  for (const auto* q : queues) {
    for (std::size_t i = 0; i < q->attempts.size(); ++i) {
      out.value(q->attempts[i], {{"queue", q->queue}, {"outcome", text(name_of(static_cast<Outcome>(i)))}});
    }
  }
  out.begin("dead_letters", "Failed tasks that lie in the dead letters, by queue.", MetricType::Gauge);
  for (const auto* q : queues) out.value(q->dead, {{"queue", q->queue}});
  out.begin("queue_oldest_task_age_seconds", "Age of the oldest ready task, 0 when there is none.",
            MetricType::Gauge);
  for (const auto* q : queues) out.value(static_cast<double>(q->oldest_ms) / 1e3, {{"queue", q->queue}});
  out.begin("task_wait_seconds", "Time from ready to awarded.", MetricType::Histogram);
  for (const auto* q : queues) out.histogram(q->wait, {{"queue", q->queue}});
  out.begin("task_run_seconds", "Time from awarded to the outcome of the attempt.", MetricType::Histogram);
  for (const auto* q : queues) out.histogram(q->run, {{"queue", q->queue}});
  out.begin("share_charged_seconds_total",
            "Time of a slot, times dominant shares, that tasks were expected to take when they were awarded.",
            MetricType::Counter);
  for (const auto* q : queues) out.value(static_cast<double>(q->charged_ms) / 1e3, {{"queue", q->queue}});
  out.begin("share_corrected_seconds_total",
            "By how much that was set right, while they ran and when they ended: added, or given back.",
            MetricType::Counter);
  for (const auto* q : queues) {
    out.value(static_cast<double>(q->added_ms) / 1e3, {{"queue", q->queue}, {"direction", "added"}});
    out.value(static_cast<double>(q->back_ms) / 1e3, {{"queue", q->queue}, {"direction", "given_back"}});
  }
}

void add_workers(Families& out, const MetricsPage& page) {
  out.begin("workers", "Workers by state; away: leases held but no connection.", MetricType::Gauge);
  out.value(page.workers.connected, {{"state", "connected"}});
  out.value(page.workers.draining, {{"state", "draining"}});
  out.value(page.workers.away, {{"state", "away"}});
  out.begin("worker_slots", "Slots of all workers by state.", MetricType::Gauge);
  out.value(page.workers.slots_busy, {{"state", "busy"}});
  out.value(page.workers.slots_idle, {{"state", "idle"}});
  out.counter("lease_expirations_total", "Leases that ended because the worker gave no sign of life.",
              page.lease_expirations);
  out.counter("limit_delays_total", "Awards put off because a limit was full.", page.limit_delays);
  out.gauge("roomless_lines", "Lines of work for which no worker has the resources free.", page.roomless);
  out.gauge("rooms_kept", "Workers on which room is kept for a task that asks for much.", page.rooms_kept);
  out.counter("rooms_kept_total", "Times that a worker began to keep room for a task that asks for much.",
              page.rooms_kept_total);
  out.counter("stale_results_total", "Results that came after their lease was over and changed nothing.",
              page.stale_results);
}

void add_batches(Families& out, const MetricsPage& page) {
  out.begin("batches", "Batches of tasks, by state.", MetricType::Gauge);
  for (std::size_t i = 0; i < batch_states; ++i)
    out.value(page.batches[i], {{"state", batch_state_names[i]}});
  out.gauge("batch_open_tasks", "Open tasks of all batches.", page.batch_open_tasks);
}

void add_decisions(Families& out, const MetricsPage& page) {
  out.begin("decisions_total", "Ends of questions and approvals, by decision.", MetricType::Counter);
  for (std::size_t i = 0; i < engine::deed_count; ++i)
    out.value(page.decisions[i], {{"decision", text(engine::name_of(static_cast<engine::Deed>(i)))}});
}

void add_choices(Families& out, const MetricsPage& page) {
  for (const auto& family : choice_counters(page)) {
    out.begin(family.name, family.help, MetricType::Counter);
    for (const auto& [word, count] : family.values)
      out.value(count, family.label == nullptr ? Labels{} : Labels{{family.label, text(word)}});
  }
}

void add_features(Families& out, const MetricsPage& page) {
  out.gauge("learned_feature_weights", "Weights of features of tasks that are kept.", page.feature_weights);
  out.begin("learned_features_left_out_total",
            "What was not kept of features of tasks, by what there was no room for.", MetricType::Counter);
  out.value(page.features_displaced, {{"what", "weight"}});
  out.value(page.features_left_out, {{"what", "task"}});
}

void add_auctions(Families& out, const MetricsPage& page) {
  constexpr double unit = 1e6;
  out.begin("auction_price_units",
            "What awards by auction cost lately, in cost units, by type of task and required capabilities.",
            MetricType::Gauge);
  for (const auto& price : page.prices)
    out.value(static_cast<double>(price.level) / unit,
              {{"type", price.type}, {"capabilities", price.capabilities}});
  out.counter("auction_paid_units_total", "What all awards by auction cost together, in cost units.",
              static_cast<double>(page.auction_paid) / unit);
  out.gauge("auction_unsold_lines", "Lines of work that wait because every bid is above the reserve.",
            page.unsold);
  const auto& bids = page.bids;
  out.gauge("bid_rounds_open", "Lines of work that wait for live bids.", page.bid_rounds_open);
  out.begin("bid_rounds_closed_total", "Rounds of live bids, by what closed them.", MetricType::Counter);
  out.value(bids.answered, {{"by", "answers"}});
  out.value(bids.deadline, {{"by", "deadline"}});
  out.begin("bid_rounds_total", "Rounds of live bids, by what they came to.", MetricType::Counter);
  out.value(bids.sold, {{"outcome", "sold"}});
  out.value(bids.no_bid, {{"outcome", "no_bid"}});
  out.value(bids.again, {{"outcome", "again"}});
  out.value(bids.by_proxy, {{"outcome", "by_proxy"}});
  out.value(bids.dropped, {{"outcome", "dropped"}});
  out.begin("live_bids_total", "Answers to calls for bids, and what was missing of them, by what they were.",
            MetricType::Counter);
  out.value(bids.bids, {{"what", "bid"}});
  out.value(bids.declined, {{"what", "declined"}});
  out.value(bids.silent, {{"what", "silent"}});
  out.value(bids.late, {{"what", "late"}});
  out.value(bids.uninvited, {{"what", "uninvited"}});
  out.value(bids.second, {{"what", "second"}});
  out.value(bids.invalid, {{"what", "invalid"}});
}

void add_breakers(Families& out, const MetricsPage& page) {
  out.begin("breaker_state", "Breakers of agents and services: 0 closed, 1 open, 2 half-open, 3 paused.",
            MetricType::Gauge);
  for (const auto& breaker : page.breakers)
    out.value(breaker.state, {{"of", breaker.of}, {"name", breaker.name}});
  out.begin("breaker_opened_total", "How often breakers opened.", MetricType::Counter);
  for (const auto& breaker : page.breakers)
    out.value(breaker.opened, {{"of", breaker.of}, {"name", breaker.name}});
}

void add_books(Families& out, const BooksProbe& books) {
  out.begin("books_tasks", "The books: accepted = queued + leased + suspended + kept + removed.",
            MetricType::Gauge);
  out.value(books.accepted, {{"account", "accepted"}});
  out.value(books.queued, {{"account", "queued"}});
  out.value(books.leased, {{"account", "leased"}});
  out.value(books.suspended, {{"account", "suspended"}});
  out.value(books.kept, {{"account", "terminal_kept"}});
  out.value(books.removed, {{"account", "terminal_removed"}});
}

constexpr std::pair<wire::Kind, const char*> kind_labels[] = {
    {wire::Kind::hello, "hello"},
    {wire::Kind::heartbeat, "heartbeat"},
    {wire::Kind::submit, "submit"},
    {wire::Kind::get, "get"},
    {wire::Kind::wait, "wait"},
    {wire::Kind::cancel, "cancel"},
    {wire::Kind::list, "list"},
    {wire::Kind::answer, "answer"},
    {wire::Kind::inbox, "inbox"},
    {wire::Kind::batch_list, "batch_list"},
    {wire::Kind::batch_show, "batch_show"},
    {wire::Kind::batch_close, "batch_close"},
    {wire::Kind::batch_wait, "batch_wait"},
    {wire::Kind::subscribe, "subscribe"},
    {wire::Kind::seen, "seen"},
    {wire::Kind::unsubscribe, "unsubscribe"},
    {wire::Kind::queue_list, "queue_list"},
    {wire::Kind::queue_show, "queue_show"},
    {wire::Kind::queue_set, "queue_set"},
    {wire::Kind::pause, "pause"},
    {wire::Kind::resume, "resume"},
    {wire::Kind::dead_list, "dead_list"},
    {wire::Kind::dead_retry, "dead_retry"},
    {wire::Kind::worker_list, "worker_list"},
    {wire::Kind::stats, "stats"},
    {wire::Kind::agent_list, "agent_list"},
    {wire::Kind::agent_show, "agent_show"},
    {wire::Kind::agent_forget, "agent_forget"},
    {wire::Kind::dead_purge, "dead_purge"},
    {wire::Kind::worker_drain, "worker_drain"},
    {wire::Kind::explain, "explain"},
    {wire::Kind::schedule_set, "schedule_set"},
    {wire::Kind::schedule_list, "schedule_list"},
    {wire::Kind::schedule_show, "schedule_show"},
    {wire::Kind::schedule_delete, "schedule_delete"},
    {wire::Kind::schedule_pause, "schedule_pause"},
    {wire::Kind::schedule_resume, "schedule_resume"},
    {wire::Kind::schedule_trigger, "schedule_trigger"},
    {wire::Kind::limit_set, "limit_set"},
    {wire::Kind::limit_list, "limit_list"},
    {wire::Kind::limit_show, "limit_show"},
    {wire::Kind::limit_delete, "limit_delete"},
    {wire::Kind::limit_pause, "limit_pause"},
    {wire::Kind::breaker_list, "breaker_list"},
    {wire::Kind::breaker_show, "breaker_show"},
    {wire::Kind::breaker_reset, "breaker_reset"},
    {wire::Kind::breaker_trip, "breaker_trip"},
    {wire::Kind::register_worker, "register_worker"},
    {wire::Kind::finish, "finish"},
    {wire::Kind::worker_heartbeat, "worker_heartbeat"},
    {wire::Kind::holding, "holding"},
    {wire::Kind::report, "report"},
    {wire::Kind::drain, "drain"},
    {wire::Kind::bid, "bid"},
    {wire::Kind::dead_groups, "dead_groups"},
    {wire::Kind::bulk_start, "bulk_start"},
    {wire::Kind::bulk_list, "bulk_list"},
    {wire::Kind::bulk_stop, "bulk_stop"},
    {wire::Kind::logs, "logs"},
    {wire::Kind::tenant_list, "tenant_list"},
    {wire::Kind::backup_create, "backup_create"},
    {wire::Kind::backup_status, "backup_status"},
    {wire::Kind::backup_list, "backup_list"},
    {wire::Kind::backup_verify, "backup_verify"},
    {wire::Kind::backup_delete, "backup_delete"},
    {wire::Kind::agent_stats, "agent_stats"},
    {wire::Kind::lane_list, "lane_list"},
    {wire::Kind::agent_unlearn, "agent_unlearn"},
    {wire::Kind::audit_list, "audit_list"},
    {wire::Kind::usage, "usage"},
    {wire::Kind::budget_set, "budget_set"},
    {wire::Kind::budget_list, "budget_list"},
    {wire::Kind::budget_delete, "budget_delete"},
};

void add_wire(Families& out, const MetricsPage& page) {
  out.begin("messages_total", "Messages received, by kind.", MetricType::Counter);
  std::uint64_t other = 0;
  for (auto count : page.messages) other += count;
  for (const auto& [kind, label] : kind_labels) {
    const auto count = page.messages[static_cast<std::size_t>(kind)];
    out.value(count, {{"kind", label}});
    other -= count;
  }
  out.value(other, {{"kind", "other"}});
  out.counter("malformed_total", "Frames that could not be decoded.", page.malformed);
  out.begin("refused_total", "Requests and items refused, by error code.", MetricType::Counter);
  for (std::size_t i = 1; i < codes_shown; ++i) {
    if (is_code(i)) out.value(page.refused[i], {{"code", text(name_of(static_cast<Code>(i)))}});
  }
  out.begin("authentications_total", "Connections judged by their key, by verdict.", MetricType::Counter);
  out.value(page.authenticated, {{"verdict", "accepted"}});
  out.value(page.not_authenticated, {{"verdict", "refused"}});
  out.gauge("sessions", "Sessions of clients and workers.", page.sessions);
}

void add_schedules(Families& out, const MetricsPage& page) {
  out.begin("limits", "Limits by name: all, those that hold tasks back now, and those that are paused.",
            MetricType::Gauge);
  out.value(page.limits, {{"state", "set"}});
  out.value(page.limits_holding, {{"state", "holding"}});
  out.value(page.limits_paused, {{"state", "paused"}});
  out.begin("schedules", "Schedules by state.", MetricType::Gauge);
  out.value(page.schedules - page.schedules_paused, {{"state", "active"}});
  out.value(page.schedules_paused, {{"state", "paused"}});
  out.begin("schedule_ticks_total", "Ticks of schedules, by what became of them.", MetricType::Counter);
  static constexpr std::array<const char*, 4> outcomes{"fired", "missed", "overlapped", "refused"};
  for (std::size_t i = 0; i < outcomes.size(); ++i) out.value(page.ticks[i], {{"outcome", outcomes[i]}});
}

void add_usage(Families& out, const MetricsPage& page) {
  out.begin("unique_conflicts_total", "Submissions that found their unique key taken, by the rule they had.",
            MetricType::Counter);
  for (std::size_t i = 0; i < page.unique.size(); ++i)
    out.value(page.unique[i], {{"rule", i == 0 ? "default" : text(on_conflict_names.at(i))}});
  out.begin("usage_total", "What attempts say they used, by queue and unit.", MetricType::Counter);
  for (const auto& used : page.usage) out.value(used.amount, {{"queue", used.queue}, {"unit", used.unit}});
  out.counter("usage_left_out_total", "Pairs of usage reports that were no amounts.", page.usage_left_out);
  out.begin("budgets", "Budgets by state: open, above their soft amount, used up.", MetricType::Gauge);
  static constexpr std::array<const char*, 3> states{"open", "warning", "used_up"};
  for (std::size_t i = 0; i < states.size(); ++i) out.value(page.budgets[i], {{"state", states[i]}});
}

void add_store(Families& out, const MetricsPage& page) {
  out.counter("commits_total", "Commit batches made durable.", page.commits);
  out.counter("syncs_total", "Syncs of the write-ahead log.", page.syncs);
  out.counter("commit_bytes_total", "Bytes of commit batches.", page.commit_bytes);
  out.begin("commit_seconds", "Time from handing a batch over to its being synced.", MetricType::Histogram);
  out.histogram(page.commit);
  out.gauge("store_free_bytes", "Free space of the file system under the store.", page.store_free_bytes);
  out.gauge("store_used_bytes", "Space taken by the store.", page.store_used_bytes);
  out.gauge("resident_window_bytes", "Task bodies and entries kept in memory.", page.window_bytes);
}

void add_backups(Families& out, const BackupProbe& backups) {
  if (!backups.possible) return;
  out.begin("backups_total", "Backups made since the start, by outcome.", MetricType::Counter);
  out.value(backups.succeeded, {{"outcome", "succeeded"}});
  out.value(backups.failed, {{"outcome", "failed"}});
  out.gauge("backup_running", "1 while a backup job runs.", backups.running ? 1 : 0);
  out.gauge("backup_last_time_seconds",
            "When the newest backup began, since the Unix epoch; 0: there is none.",
            static_cast<double>(backups.last_at) / 1000);
  out.gauge("backup_last_bytes", "Size of the newest backup.", backups.last_bytes);
  out.gauge("backup_last_duration_seconds", "How long the newest backup took.",
            static_cast<double>(backups.last_took_ms) / 1000);
}

void add_traces(Families& out, const TraceProbe& traces) {
  if (!traces.possible) return;
  out.begin("trace_spans_total", "Spans for the collector of traces, by what became of them.",
            MetricType::Counter);
  out.value(traces.sent, {{"outcome", "sent"}});
  out.value(traces.dropped, {{"outcome", "dropped"}});
  out.value(traces.rejected, {{"outcome", "rejected"}});
  out.gauge("trace_spans_waiting", "Spans that wait to be sent.", traces.waiting);
}

void add_audit(Families& out, const AuditProbe& audit) {
  out.begin("audit_entries_total", "Acts written to the audit log, by what they came to.",
            MetricType::Counter);
  out.value(audit.done, {{"result", "done"}});
  out.value(audit.refused, {{"result", "refused"}});
  out.value(audit.unanswered, {{"result", "unanswered"}});
  out.counter("audit_left_out_total", "Denied acts beyond what one principal may write in a minute.",
              audit.left_out);
  out.gauge("audit_kept_entries", "Entries of the audit log that are kept.", audit.kept);
  out.gauge("audit_kept_bytes", "What their records take.", audit.kept_bytes);
}

void add_clock(Families& out, const MetricsPage& page) {
  out.counter("log_lines_total", "Log lines and pieces of output that attempts told.", page.log_lines);
  out.counter("log_lines_gone_total", "Of them, those that went to keep within bounds.", page.log_lines_gone);
  out.gauge("log_kept_bytes", "Memory that kept log lines take.", page.log_bytes);
  out.counter("progress_reports_total", "Reports of progress that were kept.", page.progress_reports);
  out.counter("progress_dropped_total", "Reports of progress beyond ten a second of one attempt.",
              page.progress_dropped);
  out.gauge("bulk_running", "Bulk work that is going on.", page.bulks_running);
  out.counter("clock_steps_total", "Steps of the wall clock over 60 s.", page.clock_steps);
  out.gauge("clock_held", "1 while a clock step is in doubt and nothing expires.", page.clock_held ? 1 : 0);
  out.gauge("ready", "1 when /readyz says ready.", page.not_ready.empty() ? 1 : 0);
  out.begin("build_info", "The version of the broker; always 1.", MetricType::Gauge);
  out.value(1, {{"version", text(software_version())}});
}

void add_process(Families& out, const ProcessFigures& process) {
  const auto one = [&out](const char* name, const char* help, MetricType type, auto number) {
    out.begin_process(name, help, type);
    out.value(number);
  };
  one("resident_memory_bytes", "Resident memory.", MetricType::Gauge, process.resident_bytes);
  one("virtual_memory_bytes", "Virtual memory.", MetricType::Gauge, process.virtual_bytes);
  one("cpu_seconds_total", "User and system time.", MetricType::Counter, process.cpu_seconds);
  one("start_time_seconds", "Start of the process since the Unix epoch.", MetricType::Gauge,
      process.start_time_seconds);
  one("open_fds", "Open file descriptors.", MetricType::Gauge, process.open_files);
  one("max_fds", "Most file descriptors the process may have.", MetricType::Gauge, process.open_files_max);
  one("threads", "Threads.", MetricType::Gauge, process.threads);
}

}  // namespace

const char* label_of(wire::Kind kind) {
  for (const auto& [known, label] : kind_labels)
    if (known == kind) return label;
  return nullptr;
}

std::string render_page(const MetricsPage& page, const ProcessFigures& process) {
  Families out;
  QueueProbe rest;
  add_queues(out, labelled(page, rest));
  add_workers(out, page);
  add_decisions(out, page);
  add_batches(out, page);
  add_choices(out, page);
  add_features(out, page);
  add_auctions(out, page);
  add_breakers(out, page);
  add_books(out, page.books);
  add_wire(out, page);
  add_schedules(out, page);
  add_usage(out, page);
  add_store(out, page);
  add_backups(out, page.backups);
  add_audit(out, page.audit);
  add_traces(out, page.traces);
  add_clock(out, page);
  add_process(out, process);
  std::ostringstream stream;
  prometheus::TextSerializer().Serialize(stream, out.all());
  return std::move(stream).str();
}

}  // namespace hirehall::server
