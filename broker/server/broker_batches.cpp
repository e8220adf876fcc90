// Batches on the wire (docs/batches.md).
#include <algorithm>
#include <limits>
#include <utility>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

constexpr Millis wait_default_ms = 60000;
constexpr Millis wait_max_ms = 3600 * 1000;
constexpr std::size_t waits_max = 10000;  // busy
constexpr std::size_t completion_payload_max = 64u << 10;
constexpr std::size_t shown_max = 1000;

struct Asked {
  std::string batch, tenant;
  Millis timeout_ms = wait_default_ms;
  std::optional<TaskOptions> completion;
  std::optional<std::string> payload;
};

Result<Asked> read_asked(std::string_view body, const Principal& principal) {
  Asked asked;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (key == "batch")
      asked.batch = r.str();
    else if (key == "tenant")
      asked.tenant = r.str();
    else if (key == "timeout_ms")
      asked.timeout_ms = r.sint();
    else if (key == "payload")
      asked.payload = std::string(r.bin());
    else if (key == "complete") {
      msgpack::Reader options(r.raw());
      if (!r.ok()) break;
      if (auto read = read_wire_options(options, asked.completion.emplace()); !read)
        return tl::unexpected<Error>(read.error());
    } else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a value has the wrong type", "batch");
  if (asked.batch.empty() || asked.batch.size() > limits::name_bytes_max)
    return fail(Code::invalid, "the name of a batch has 1 to 255 bytes", "batch");
  if (asked.tenant.empty()) asked.tenant = principal.tenant;
  if (!principal.tenants.contains(asked.tenant))
    return fail(Code::denied, "no right to tenant " + asked.tenant, "tenant");
  return asked;
}

Error no_batch(const Asked& asked) {
  return {Code::not_found, "no batch is named " + asked.batch + " (of tenant " + asked.tenant + ")", "batch",
          0};
}

std::size_t state_of(const engine::Batch& batch) {
  if (batch.completed) return 3;
  if (batch.closed) return 2;
  return batch.open == 0 ? 1 : 0;
}

}  // namespace

void Broker::write_batch(msgpack::Writer& w, const engine::Batch& batch) const {
  auto ended = [&](State state) { return batch.ended[static_cast<std::size_t>(state)]; };
  w.map(12);
  w.entry("batch", batch.name);
  w.entry("tenant", batch.tenant);
  w.entry("state", batch_state_names[state_of(batch)]);
  w.entry_uint("total", batch.total);
  w.entry_uint("open", batch.open);
  for (auto state : {State::succeeded, State::failed, State::cancelled, State::expired})
    w.entry_uint(name_of(state), ended(state));
  w.str("progress"),
      w.real(batch.total == 0 ? 0 : 1 - static_cast<double>(batch.open) / static_cast<double>(batch.total));
  w.entry_sint("created_at", engine_.to_wall(batch.created));
  w.str("completion");
  if (batch.completion_task != 0)
    w.bin(ids_.make(batch.completion_task).raw());
  else
    w.nil();
}

void Broker::count_batches() {
  page_.batches = {};
  for (const auto& [number, batch] : engine_.ledger().batches) ++page_.batches[state_of(batch)];
  page_.batch_open_tasks = engine_.ledger().batch_of.size();
}

void Broker::batch_list(Peer& peer, const Frame& frame) {
  std::string after_tenant, after;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "after_tenant")
      after_tenant = r.str();
    else if (key == "after")
      after = r.str();
    else
      r.skip();
  }
  if (!r.finished())
    return refuse(peer, frame.header.request, {Code::bad_message, "a value has the wrong type", {}, 0});
  const auto& ledger = engine_.ledger();
  std::string rows;
  msgpack::Writer w(rows);
  std::size_t count = 0;
  auto at = ledger.batch_by_name.upper_bound(engine::BatchNameLess::View{after_tenant, after});
  for (; at != ledger.batch_by_name.end(); ++at) {
    if (!peer.principal->tenants.contains(at->first.first)) continue;
    if (count == shown_max) break;
    write_batch(w, ledger.batches.at(at->second));
    ++count;
  }
  msgpack::Writer out(answer(peer, frame.header.request));
  out.map(2);
  out.str("batches"), out.array(count), out.raw(rows);
  out.entry_bool("more", at != ledger.batch_by_name.end());
}

void Broker::batch_show(Peer& peer, const Frame& frame) {
  auto asked = read_asked(frame.body, *peer.principal);
  if (!asked) return refuse(peer, frame.header.request, asked.error());
  const auto* batch = engine_.batch(asked->tenant, asked->batch);
  if (batch == nullptr) return refuse(peer, frame.header.request, no_batch(*asked));
  msgpack::Writer w(answer(peer, frame.header.request));
  write_batch(w, *batch);
}

// As it is recorded, or why it may not follow.
Status Broker::settle_completion(const Peer& peer, const std::string& tenant, TaskOptions& o) const {
  if (o.tenant.empty()) o.tenant = tenant;
  if (o.queue.empty()) o.queue = "default";
  if (o.deadline != 0) o.deadline = engine_.from_wall(o.deadline);
  if (o.not_before != 0) o.not_before = engine_.from_wall(o.not_before);
  o.submitter = peer.principal->name;
  if (auto good = validate(o); !good) return good;
  if (!o.batch.empty() || !o.idempotency_key.empty() || !o.unique_key.empty())
    return fail(Code::invalid, "a completion task has no batch and no keys: it follows once", "complete");
  if (auto good = allowed(*peer.principal, wire::Kind::submit, {o.tenant, o.queue, o.type}); !good)
    return good;
  if (!engine_.ledger().queue_by_name.contains(o.queue))
    return fail(Code::not_found, "no queue is named " + o.queue + "; make it with `hirehall queue set`",
                "queue");
  return {};
}

void Broker::batch_close(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto asked = read_asked(frame.body, *peer.principal);
  if (!asked) return refuse(peer, request, asked.error());
  if (asked->payload && !asked->completion)
    return refuse(
        peer, request,
        {Code::invalid, "a payload is for the task that follows: say which (complete)", "payload", 0});
  if (asked->payload && asked->payload->size() > completion_payload_max)
    return refuse(peer, request,
                  {Code::too_large, "the payload of a completion task has at most 64 KiB", "payload", 0});
  if (asked->completion)
    if (auto good = settle_completion(peer, asked->tenant, *asked->completion); !good)
      return refuse(peer, request, good.error());
  auto code =
      engine_.close_batch(asked->tenant, asked->batch, asked->completion ? &*asked->completion : nullptr,
                          asked->payload ? std::optional<std::string_view>(*asked->payload) : std::nullopt);
  if (code == Code::not_found) return refuse(peer, request, no_batch(*asked));
  if (code != Code::ok)
    return refuse(peer, request, {code, "batch " + asked->batch + " is closed already", "batch", 0});
  log::info("batch closed",
            {{"batch", asked->batch}, {"tenant", asked->tenant}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  write_batch(w, *engine_.batch(asked->tenant, asked->batch));
}

// Answered once no task of it is open and, when it is closed, it is completed.
void Broker::batch_wait(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto asked = read_asked(frame.body, *peer.principal);
  if (!asked) return refuse(peer, request, asked.error());
  if (asked->timeout_ms < 0 || asked->timeout_ms > wait_max_ms)
    return refuse(
        peer, request,
        {Code::invalid, "timeout_ms is " + std::to_string(asked->timeout_ms) + "; accepted: 0 to 3600000",
         "timeout_ms", 0});
  BatchWait wait{
      engine_.now() + asked->timeout_ms, peer.routing, peer.serial, request, asked->tenant, asked->batch};
  if (engine_.batch(asked->tenant, asked->batch) == nullptr) return refuse(peer, request, no_batch(*asked));
  if (answer_batch_wait(wait)) return;
  if (batch_waits_.size() >= waits_max)
    std::erase_if(batch_waits_, [&](const auto& w) { return peer_at(w.routing, w.serial) == nullptr; });
  if (batch_waits_.size() >= waits_max)
    return refuse(peer, request, {Code::busy, "too many waits", {}, 1000});
  next_batch_wait_ = batch_waits_.empty() ? wait.until : std::min(next_batch_wait_, wait.until);
  batch_waits_.push_back(std::move(wait));
}

// Each turn, behind its decisions: the answers leave when these are durable.
void Broker::look_at_batch_waits() {
  auto rests = std::exchange(batch_rests_seen_, engine_.ledger().batch_rests);
  if (batch_waits_.empty() || (rests == batch_rests_seen_ && engine_.now() < next_batch_wait_)) return;
  std::erase_if(batch_waits_, [&](const BatchWait& wait) { return answer_batch_wait(wait); });
  next_batch_wait_ = std::numeric_limits<Millis>::max();
  for (const auto& wait : batch_waits_) next_batch_wait_ = std::min(next_batch_wait_, wait.until);
}

// False: not yet.
bool Broker::answer_batch_wait(const BatchWait& wait) {
  auto* peer = peer_at(wait.routing, wait.serial);
  if (peer == nullptr) return true;
  const auto* batch = engine_.batch(wait.tenant, wait.batch);
  if (batch == nullptr) {
    refuse(*peer, wait.request,
           {Code::not_found, "batch " + wait.batch + " was over and is forgotten", "batch", 0});
    return true;
  }
  if (batch->over()) {
    msgpack::Writer w(answer(*peer, wait.request));
    write_batch(w, *batch);
    return true;
  }
  if (wait.until > engine_.now()) return false;
  refuse(*peer, wait.request,
         {Code::timeout,
          std::to_string(batch->open) + " tasks of batch " + wait.batch + " have not ended in that time",
          "batch", 0});
  return true;
}

}  // namespace hirehall::server
