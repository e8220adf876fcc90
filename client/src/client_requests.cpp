// Requests with one answer: reading and steering tasks, queues, workers, numbers.
#include <algorithm>
#include <chrono>

#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "common/limits.h"

namespace hirehall::client {
namespace {

using msgpack::Kind;
using msgpack::Reader;
using msgpack::Writer;

constexpr Millis wait_max_ms = 3'600'000;  // the longest the broker waits in one request
constexpr Millis answer_slack_ms = 5'000;  // an answer of a wait may take that much longer than the wait

std::optional<Error> error_of(std::uint64_t code) {
  if (code == 0) return std::nullopt;
  auto known = is_code(code) ? static_cast<Code>(code) : Code::internal;
  return Error{static_cast<ErrorCode>(known), std::string(hirehall::name_of(known)), {}, 0};
}

Result<Task> task_of(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto task = read_task(r);
  if (!r.ok()) return malformed("get");
  return task;
}

std::string list_body(const ListQuery& query) {
  Body b;
  b.text("queue", query.queue);
  b.text("state", query.state);
  b.text("tenant", query.tenant);
  b.text("type", query.type);
  b.text("batch", query.batch);
  if (!query.cursor.empty()) b.bin("cursor", query.cursor);
  b.number("limit", static_cast<std::int64_t>(query.limit));
  if (query.newest_first) b.boolean("newest_first", true);
  b.text("where", query.where);
  return b.take();
}

std::string scope_body(const PauseScope& scope) {
  Body b;
  b.text("queue", scope.queue);
  b.text("type", scope.type);
  b.text("tenant", scope.tenant);
  b.text("reason", scope.reason);
  return b.take();
}

Millis now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

Status done(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  return {};
}

}  // namespace

Result<std::string> Client::Inner::call_for(wire::Kind kind, std::string body, Millis timeout_ms) {
  auto answer = runtime->call(kind, std::move(body), timeout_ms);
  if (!answer) return failed(answer.error());
  return std::move(*answer);
}

Result<std::string> Client::Inner::call(wire::Kind kind, std::string body) {
  return call_for(kind, std::move(body), options.request_timeout_ms);
}

Result<Task> Client::get(const TaskId& id, bool with_payload) {
  Body b;
  b.bin("id", raw_of(id));
  b.boolean("payload", with_payload);
  b.boolean("history", false);
  auto task = task_of(inner_->call(wire::Kind::get, b.take()));
  if (!task) task.error().context = id.text();
  return task;
}

Result<Task> Client::wait(const TaskId& id, Millis timeout_ms) {
  auto deadline = now_ms() + timeout_ms;
  for (;;) {
    auto left = std::clamp<Millis>(deadline - now_ms(), 0, wait_max_ms);
    Body b;
    b.bin("id", raw_of(id));
    b.number("timeout_ms", left);
    auto task = task_of(inner_->call_for(wire::Kind::wait, b.take(), left + answer_slack_ms));
    if (task) return task;
    bool early = task.error().code == ErrorCode::timeout && now_ms() < deadline;
    if (early) continue;
    task.error().context = id.text();
    if (task.error().code == ErrorCode::timeout)
      task.error().message = "the task has not ended after " + std::to_string(timeout_ms) + " ms";
    return task;
  }
}

namespace {

// One number per id, batch by batch.
template <typename Fill>
Result<std::vector<CancelOutcome>> each_id(Client::Inner& inner, wire::Kind kind, const char* what,
                                           std::span<const TaskId> ids, Fill&& fill) {
  std::vector<CancelOutcome> outcomes;
  while (!ids.empty()) {
    auto some = ids.subspan(0, std::min(ids.size(), limits::batch_items_max));
    ids = ids.subspan(some.size());
    Body b;
    b.ids("ids", some);
    fill(b);
    auto answer = inner.call(kind, b.take());
    if (!answer) return tl::unexpected(answer.error());
    Reader r(*answer);
    auto n = r.array();
    if (n != some.size()) return malformed(what);
    for (const auto& id : some) outcomes.push_back({id, error_of(r.uint())});
    if (!r.ok()) return malformed(what);
  }
  return outcomes;
}

}  // namespace

Result<std::vector<CancelOutcome>> Client::cancel(std::span<const TaskId> ids, std::string_view reason,
                                                  Millis grace_ms) {
  return each_id(*inner_, wire::Kind::cancel, "cancel", ids, [&](Body& b) {
    b.text("reason", reason);
    b.number("grace_ms", grace_ms);
  });
}

Result<std::vector<CancelOutcome>> Client::dead_purge(std::span<const TaskId> ids, std::string_view reason) {
  return each_id(*inner_, wire::Kind::dead_purge, "dead_purge", ids,
                 [&](Body& b) { b.text("reason", reason); });
}

Result<TaskPage> Client::list(const ListQuery& query) {
  auto body = inner_->call(wire::Kind::list, list_body(query));
  if (!body) return tl::unexpected(body.error());
  return read_page(*body);
}

Result<TaskPage> Client::dead(const ListQuery& query) {
  ListQuery asked;
  asked.queue = query.queue;
  asked.cursor = query.cursor;
  asked.limit = query.limit;
  asked.where = query.where;
  auto body = inner_->call(wire::Kind::dead_list, list_body(asked));
  if (!body) return tl::unexpected(body.error());
  return read_page(*body);
}

Result<std::vector<RetryOutcome>> Client::dead_retry(std::span<const TaskId> ids) {
  std::vector<RetryOutcome> outcomes;
  while (!ids.empty()) {
    auto some = ids.subspan(0, std::min(ids.size(), limits::batch_items_max));
    ids = ids.subspan(some.size());
    Body b;
    b.ids("ids", some);
    auto answer = inner_->call(wire::Kind::dead_retry, b.take());
    if (!answer) return tl::unexpected(answer.error());
    Reader r(*answer);
    if (r.array() != some.size()) return malformed("dead_retry");
    for (const auto& id : some) {
      if (r.peek() == Kind::bin) {
        outcomes.push_back({id, id_from(r.bin())});
        continue;
      }
      auto error = error_of(r.uint()).value_or(Error{});
      error.context = id.text();
      outcomes.push_back({id, tl::unexpected(error)});
    }
    if (!r.ok()) return malformed("dead_retry");
  }
  return outcomes;
}

Result<std::vector<QueueInfo>> Client::queues() {
  auto body = inner_->call(wire::Kind::queue_list, Body().take());
  if (!body) return tl::unexpected(body.error());
  std::vector<QueueInfo> out;
  Reader r(*body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "queues") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) out.push_back(read_queue(r));
  }
  if (!r.ok()) return malformed("queue_list");
  return out;
}

Result<QueueInfo> Client::queue(std::string_view name) {
  Body b;
  b.text("queue", name);
  auto body = inner_->call(wire::Kind::queue_show, b.take());
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto info = read_queue(r);
  if (!r.ok()) return malformed("queue_show");
  return info;
}

Result<QueueInfo> Client::queue_set(std::string_view name, const QueueChange& change) {
  Body b;
  b.text("queue", name);
  b.number("weight", change.weight);
  b.number("cap", change.cap);
  if (change.policy) b.text("policy", *change.policy);
  if (change.shadow) b.text("shadow", *change.shadow);
  b.real("success_value", change.success_value);
  b.real("wait_price", change.wait_price);
  b.real("preference", change.preference);
  b.real("reserve", change.reserve);
  if (change.settlement) b.text("settlement", *change.settlement);
  b.number("retention_ms", change.retention_ms);
  b.number("retention_bytes", change.retention_bytes);
  b.number("timeout_ms", change.timeout_ms);
  b.number("approval_timeout_ms", change.approval_timeout_ms);
  b.number("live_bids_from_ms", change.live_bids_from_ms);
  b.number("bid_deadline_ms", change.bid_deadline_ms);
  b.number("match_from_ms", change.match_from_ms);
  if (change.approval) b.text("approval", *change.approval);
  if (change.approval_on_timeout) b.text("approval_on_timeout", *change.approval_on_timeout);
  b.numbers("tenants", change.tenants);
  b.numbers("limits", change.limits);
  auto body = inner_->call(wire::Kind::queue_set, b.take());
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto info = read_queue(r);
  if (!r.ok()) return malformed("queue_set");
  return info;
}

Status Client::pause(const PauseScope& scope) {
  return done(inner_->call(wire::Kind::pause, scope_body(scope)));
}
Status Client::resume(const PauseScope& scope) {
  return done(inner_->call(wire::Kind::resume, scope_body(scope)));
}

Result<std::vector<WorkerInfo>> Client::workers() {
  auto body = inner_->call(wire::Kind::worker_list, Body().take());
  if (!body) return tl::unexpected(body.error());
  std::vector<WorkerInfo> out;
  Reader r(*body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "workers") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) out.push_back(read_worker(r));
  }
  if (!r.ok()) return malformed("worker_list");
  return out;
}

Result<std::map<std::string, double>> Client::stats() {
  auto body = inner_->call(wire::Kind::stats, Body().take());
  if (!body) return tl::unexpected(body.error());
  std::map<std::string, double> out;
  Reader r(*body);
  read_numbers(r, {}, out);
  if (!r.ok()) return malformed("stats");
  return out;
}

}  // namespace hirehall::client
