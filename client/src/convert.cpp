#include "client/src/convert.h"

#include <cstring>

#include "common/ids.h"
#include "common/task_features.h"

namespace hirehall::client {
namespace {

using msgpack::Kind;
using msgpack::Reader;

// Calls on_key for each pair of a map; whoever does not know a key skips its value.
template <typename OnKey>
void each_pair(Reader& r, OnKey&& on_key) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (!on_key(key)) r.skip();
  }
}

void read(Reader& r, std::string& v) {
  v = r.bin();
}
void read(Reader& r, bool& v) {
  v = r.boolean();
}
void read(Reader& r, std::uint64_t& v) {
  v = r.uint();
}
void read(Reader& r, std::int64_t& v) {
  v = r.sint();
}
void read(Reader& r, int& v) {
  v = static_cast<int>(r.sint());
}
void read(Reader& r, TaskId& v) {
  v = id_from(r.bin());
}
void read(Reader& r, std::map<std::string, std::int64_t>& v) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = std::string(r.str());
    v[key] = r.sint();
  }
}
void read(Reader& r, double& v) {
  v = r.real();
}
void read(Reader& r, std::vector<std::string>& v) {
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) v.emplace_back(r.str());
}

template <typename T>
bool field(Reader& r, std::string_view key, std::string_view name, T& v) {
  if (key != name) return false;
  read(r, v);
  return true;
}

}  // namespace

Error to_public(const hirehall::Error& e) {
  return {static_cast<ErrorCode>(e.code), e.message, e.context, e.retry_after_ms};
}

tl::unexpected<Error> failed(const hirehall::Error& e) {
  return tl::unexpected<Error>(to_public(e));
}

tl::unexpected<Error> malformed(std::string_view what) {
  return tl::unexpected<Error>(Error{
      ErrorCode::bad_message, "the broker's answer to " + std::string(what) + " cannot be read", {}, 0});
}

std::string_view name_of(ErrorCode code) {
  return hirehall::name_of(static_cast<Code>(code));
}
Remedy remedy_of(ErrorCode code) {
  return static_cast<Remedy>(action_of(static_cast<Code>(code)));
}
std::string_view name_of(State state) {
  return hirehall::name_of(static_cast<hirehall::State>(state));
}

TaskId id_from(std::string_view raw) {
  TaskId id;
  if (raw.size() == id.bytes.size()) std::memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

std::string TaskId::text() const {
  hirehall::TaskId id;
  id.bytes = bytes;
  return id.text();
}

Result<TaskId> TaskId::parse(std::string_view text) {
  auto id = hirehall::TaskId::parse(text);
  if (!id) return failed(id.error());
  return TaskId{id->bytes};
}

std::string policies_of(const TaskOptions& o) {
  std::size_t n = !o.approval.empty() + (o.approval_timeout_ms != 0) + !o.approval_on_timeout.empty() +
                  !o.approvers.empty();
  if (n == 0) return {};
  std::string out;
  msgpack::Writer w(out);
  w.map(n);
  if (!o.approval.empty()) w.entry("approval", o.approval);
  if (o.approval_timeout_ms != 0) w.entry_sint("approval_timeout_ms", o.approval_timeout_ms);
  if (!o.approval_on_timeout.empty()) w.entry("approval_on_timeout", o.approval_on_timeout);
  if (o.approvers.empty()) return out;
  w.str("approvers");
  w.array(o.approvers.size());
  for (const auto& name : o.approvers) w.str(name);
  return out;
}

std::string encode_features(const Features& features) {
  if (features.empty()) return {};
  std::vector<TaskFeature> all;
  for (const auto& [name, value] : features) all.push_back({name, value.numeric, value.number, value.word});
  return write_features(all);
}

std::string encode_template(const TaskOptions& o, bool with_features) {
  hirehall::TaskOptions w;
  w.type = o.type;
  w.description = o.description;
  w.content_type = o.content_type;
  w.queue = o.queue;
  w.tenant = o.tenant;
  w.priority = o.priority;
  w.delay_ms = o.delay_ms;
  w.not_before = o.not_before;
  w.deadline = o.deadline;
  w.ttl_ms = o.ttl_ms;
  w.timeout_ms = o.timeout_ms;
  if (o.max_attempts != 0) w.retry.max_attempts = o.max_attempts;
  if (o.backoff_ms != 0) w.retry.backoff_ms = o.backoff_ms;
  if (o.backoff_max_ms != 0) w.retry.backoff_max_ms = o.backoff_max_ms;
  if (o.max_losses != 0) w.retry.max_losses = o.max_losses;
  w.labels.insert(o.labels.begin(), o.labels.end());
  w.requirements.capabilities = o.capabilities;
  w.requirements.tools = o.tools;
  w.requirements.labels.insert(o.required_labels.begin(), o.required_labels.end());
  w.requirements.tier = o.tier;
  w.requirements.resources.insert(o.resources.begin(), o.resources.end());
  w.preferred_labels.insert(o.preferred_labels.begin(), o.preferred_labels.end());
  w.agent = o.agent;
  w.affinity_key = o.affinity_key;
  w.unique_key = o.unique_key;
  w.unique_until = static_cast<hirehall::UniqueUntil>(o.unique_until);
  w.unique_for_ms = o.unique_for_ms;
  w.on_conflict = static_cast<hirehall::OnConflict>(o.on_conflict);
  w.limit_keys = o.limit_keys;
  w.effort_ms = o.effort_ms;
  w.retention_ms = o.retention_ms;
  w.trace = o.trace;
  w.tracestate = o.tracestate;
  w.baggage = o.baggage;
  if (with_features) w.features = encode_features(o.features);
  w.batch = o.batch;
  w.policies = policies_of(o);
  w.delivery = o.at_most_once ? Delivery::at_most_once : Delivery::at_least_once;
  std::string out;
  msgpack::Writer writer(out);
  write_wire_options(writer, w);
  return out;
}

Task read_task(Reader& r) {
  Task t;
  each_pair(r, [&](std::string_view key) {
    if (key == "state") {
      if (auto s = state_from_name(r.str())) t.state = static_cast<State>(*s);
      return true;
    }
    if (key == "error") {
      t.error.emplace();
      each_pair(r, [&](std::string_view k) {
        return field(r, k, "code", t.error->code) || field(r, k, "message", t.error->message);
      });
      return true;
    }
    return field(r, key, "id", t.id) || field(r, key, "queue", t.queue) ||
           field(r, key, "tenant", t.tenant) || field(r, key, "type", t.type) ||
           field(r, key, "priority", t.priority) || field(r, key, "attempt", t.attempt) ||
           field(r, key, "failures", t.failures) || field(r, key, "losses", t.losses) ||
           field(r, key, "submitted_at", t.submitted_at) || field(r, key, "not_before", t.not_before) ||
           field(r, key, "finished_at", t.finished_at) || field(r, key, "worker", t.worker) ||
           field(r, key, "agent", t.agent) || field(r, key, "payload", t.payload) ||
           field(r, key, "result", t.result) || field(r, key, "result_type", t.result_type) ||
           field(r, key, "reason", t.reason) || field(r, key, "suspended_on", t.suspended_on);
  });
  return t;
}

Result<TaskPage> read_page(std::string_view body) {
  TaskPage page;
  Reader r(body);
  each_pair(r, [&](std::string_view key) {
    if (key != "tasks") return field(r, key, "cursor", page.cursor);
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) page.tasks.push_back(read_task(r));
    return true;
  });
  if (!r.ok()) return malformed("list");
  return page;
}

QueueInfo read_queue(Reader& r) {
  QueueInfo q;
  each_pair(r, [&](std::string_view k) {
    return field(r, k, "queue", q.queue) || field(r, k, "weight", q.weight) || field(r, k, "cap", q.cap) ||
           field(r, k, "paused", q.paused) || field(r, k, "paused_reason", q.paused_reason) ||
           field(r, k, "ready", q.ready) || field(r, k, "scheduled", q.scheduled) ||
           field(r, k, "leased", q.leased) || field(r, k, "suspended", q.suspended) ||
           field(r, k, "dead", q.dead) || field(r, k, "oldest_ready_ms", q.oldest_ready_ms) ||
           field(r, k, "retention_ms", q.retention_ms) || field(r, k, "timeout_ms", q.timeout_ms) ||
           field(r, k, "policy", q.policy) || field(r, k, "shadow", q.shadow) ||
           field(r, k, "success_value", q.success_value) || field(r, k, "wait_price", q.wait_price) ||
           field(r, k, "preference", q.preference) || field(r, k, "reserve", q.reserve) ||
           field(r, k, "live_bids_from_ms", q.live_bids_from_ms) ||
           field(r, k, "bid_deadline_ms", q.bid_deadline_ms) ||
           field(r, k, "match_from_ms", q.match_from_ms) || field(r, k, "settlement", q.settlement) ||
           field(r, k, "approval", q.approval) || field(r, k, "approval_timeout_ms", q.approval_timeout_ms) ||
           field(r, k, "approval_on_timeout", q.approval_on_timeout) || field(r, k, "tenants", q.tenants) ||
           field(r, k, "limits", q.limits);
  });
  return q;
}

BatchInfo read_batch(Reader& r) {
  BatchInfo b;
  each_pair(r, [&](std::string_view k) {
    return field(r, k, "batch", b.batch) || field(r, k, "tenant", b.tenant) ||
           field(r, k, "state", b.state) || field(r, k, "total", b.total) || field(r, k, "open", b.open) ||
           field(r, k, "succeeded", b.succeeded) || field(r, k, "failed", b.failed) ||
           field(r, k, "cancelled", b.cancelled) || field(r, k, "expired", b.expired) ||
           field(r, k, "created_at", b.created_at) || field(r, k, "completion", b.completion);
  });
  return b;
}

bool read_batches(std::string_view body, std::vector<BatchInfo>& out, bool& more) {
  Reader r(body);
  more = false;
  each_pair(r, [&](std::string_view key) {
    if (key != "batches") return field(r, key, "more", more);
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) out.push_back(read_batch(r));
    return true;
  });
  return r.ok();
}

Result<InboxPage> read_inbox(std::string_view body) {
  InboxPage page;
  Reader r(body);
  each_pair(r, [&](std::string_view key) {
    if (key != "tasks") return field(r, key, "cursor", page.cursor);
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) {
      auto& item = page.items.emplace_back();
      each_pair(r, [&](std::string_view k) {
        if (k != "question")
          return field(r, k, "id", item.id) || field(r, k, "queue", item.queue) ||
                 field(r, k, "tenant", item.tenant) || field(r, k, "type", item.type) ||
                 field(r, k, "attempt", item.attempt);
        each_pair(r, [&](std::string_view q) {
          return field(r, q, "stage", item.stage) || field(r, q, "on", item.on) ||
                 field(r, q, "question", item.question) || field(r, q, "options", item.options) ||
                 field(r, q, "asked_at", item.asked_at) || field(r, q, "due_at", item.due_at);
        });
        return true;
      });
    }
    return true;
  });
  if (!r.ok()) return malformed("inbox");
  return page;
}

WorkerInfo read_worker(Reader& r) {
  WorkerInfo w;
  each_pair(r, [&](std::string_view k) {
    return field(r, k, "name", w.name) || field(r, k, "worker", w.worker) || field(r, k, "slots", w.slots) ||
           field(r, k, "credit", w.credit) || field(r, k, "held", w.held) || field(r, k, "done", w.done) ||
           field(r, k, "connected", w.connected) || field(r, k, "draining", w.draining) ||
           field(r, k, "last_seen", w.last_seen) || field(r, k, "types", w.types);
  });
  return w;
}

void read_numbers(Reader& r, const std::string& prefix, std::map<std::string, double>& out) {
  each_pair(r, [&](std::string_view key) {
    auto name = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
    switch (r.peek()) {
      case Kind::map:
        read_numbers(r, name, out);
        return true;
      case Kind::uint:
      case Kind::sint:
      case Kind::real:
        out[name] = r.real();
        return true;
      case Kind::boolean:
        out[name] = r.boolean() ? 1 : 0;
        return true;
      default:
        return false;
    }
  });
}

}  // namespace hirehall::client
