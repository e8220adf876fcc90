// Bulk work: one deed on all tasks that match, a slice at a time between the other work. What a slice does
// and how far it came stand in one commit.
#include <algorithm>
#include <array>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

using engine::Bulk;
using engine::BulkOrder;
using engine::BulkState;
using engine::BulkVerb;

constexpr std::size_t slice_max = 256;
constexpr std::size_t slice_with_payloads_max = 32;
constexpr std::uint64_t slice_looked_at_max = 4000;  // the reader has more urgent work between slices
constexpr std::uint32_t slices_per_second = 5;       // when a rate is kept
constexpr Millis disk_full_wait_ms = 1000;
constexpr std::int64_t rate_max = 1000000;
constexpr std::size_t token_bytes_max = 64;

constexpr std::array<std::string_view, engine::bulk_verb_count> verbs{"", "cancel", "move", "retry", "purge"};
constexpr std::array<std::string_view, engine::bulk_state_count> states{"", "running", "done", "stopped",
                                                                        "failed"};

bool of_dead_letters(BulkVerb verb) {
  return verb == BulkVerb::retry || verb == BulkVerb::purge;
}
bool makes_tasks(BulkVerb verb) {
  return verb == BulkVerb::retry || verb == BulkVerb::move;
}

Status out_of_range(const char* what, std::int64_t value, std::int64_t most) {
  if (value >= 0 && value <= most) return {};
  return fail(Code::invalid,
              std::string(what) + " is " + std::to_string(value) + "; accepted: 0 to " + std::to_string(most),
              what);
}

Result<BulkOrder> read_order(std::string_view body) {
  BulkOrder order;
  std::string verb;
  std::int64_t rate = 0, priority = 0;
  order.grace_ms = 10000;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "verb")
      verb = r.str();
    else if (key == "where")
      order.where = r.str();
    else if (key == "reason")
      order.reason = clip(r.str(), limits::error_bytes_max);
    else if (key == "token")
      order.token = r.bin();
    else if (key == "grace_ms")
      order.grace_ms = r.sint();
    else if (key == "rate")
      rate = r.sint();
    else if (key == "queue")
      order.queue = r.str();
    else if (key == "priority")
      priority = r.sint();
    else if (key == "payload")
      order.payload = r.bin(), order.edited = true;
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "an order for bulk work cannot be decoded");
  auto at = std::find(verbs.begin() + 1, verbs.end(), verb);
  if (at == verbs.end()) return fail(Code::invalid, "verb is cancel, move, retry or purge", "verb");
  order.verb = static_cast<BulkVerb>(at - verbs.begin());
  for (auto checked :
       {out_of_range("rate", rate, rate_max), out_of_range("priority", priority, limits::priority_max),
        out_of_range("grace_ms", order.grace_ms, 86400000)})
    if (!checked) return tl::unexpected<Error>(checked.error());
  order.rate = static_cast<std::uint32_t>(rate);
  order.priority = static_cast<std::uint32_t>(priority);
  if (order.token.size() > token_bytes_max) return fail(Code::invalid, "token has at most 64 bytes", "token");
  if (order.payload.size() > limits::payload_bytes_max)
    return fail(Code::too_large, "a payload has at most 1 MiB", "payload");
  if (order.edited && order.verb != BulkVerb::retry)
    return fail(Code::invalid, "only retry takes another payload", "payload");
  if (order.verb == BulkVerb::move && order.queue.empty() && order.priority == 0)
    return fail(Code::invalid, "move needs a queue, a priority or both", "queue");
  if (!makes_tasks(order.verb) && (!order.queue.empty() || order.priority != 0))
    return fail(Code::invalid, "only move and retry take a queue or a priority", "queue");
  return order;
}

Result<std::uint64_t> read_number(std::string_view body) {
  std::optional<std::uint64_t> number;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "bulk")
      number = r.uint();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a value has the wrong type", "bulk");
  return number.value_or(0);
}

}  // namespace

std::shared_ptr<const Principal> Broker::principal_named(const std::string& name) const {
  return parts_.principals->current()->by_name(name);
}

Status Broker::check_bulk(const Peer& peer, const BulkOrder& order) const {
  if (order.where.find_first_not_of(" \t\n\r") == std::string::npos)
    return fail(Code::invalid, "say which tasks: where is empty", "where");
  if (!order.queue.empty() && !engine_.ledger().queue_by_name.contains(order.queue))
    return fail(Code::not_found, "no queue is named " + order.queue, "queue");
  TaskWalk walk;
  walk.principal = peer.principal;
  return narrow(walk, {}, {}, {}, {}, order.where);
}

void Broker::bulk_start(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto order = read_order(frame.body);
  if (!order) return refuse(peer, request, order.error());
  order->by = peer.principal->name;
  if (auto sound = check_bulk(peer, *order); !sound) return refuse(peer, request, sound.error());
  auto number = engine_.open_bulk(*order);
  if (!number) return refuse(peer, request, number.error());
  log::info("bulk work begins", {{"bulk", *number},
                                 {"verb", verbs[static_cast<std::size_t>(order->verb)]},
                                 {"where", order->where},
                                 {"by", order->by},
                                 {"reason", order->reason}});
  msgpack::Writer w(answer(peer, request));
  w.map(1);
  w.entry_uint("bulk", *number);
}

void Broker::bulk_list(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto wanted = read_number(frame.body);
  if (!wanted) return refuse(peer, request, wanted.error());
  std::string body;
  msgpack::Writer w(body);
  std::size_t count = 0;
  for (const auto& [number, bulk] : engine_.ledger().bulks) {
    bool may_see = peer.principal->tenants.all || bulk.order.by == peer.principal->name;
    if (!may_see || (*wanted != 0 && *wanted != number)) continue;
    ++count;
    bool ended = bulk.state != BulkState::running;
    w.map(ended ? 12 : 10);
    w.entry_uint("bulk", number);
    w.entry("verb", verbs[static_cast<std::size_t>(bulk.order.verb)]);
    w.entry("state", states[static_cast<std::size_t>(bulk.state)]);
    w.entry_uint("done", bulk.done);
    w.entry_uint("passed", bulk.passed);
    w.entry("where", bulk.order.where);
    w.entry("by", bulk.order.by);
    w.entry("reason", bulk.order.reason);
    w.entry_uint("rate", bulk.order.rate);
    w.entry_sint("started_at", engine_.to_wall(bulk.started));
    if (!ended) continue;
    w.entry_sint("ended_at", engine_.to_wall(bulk.ended));
    w.entry("message", bulk.message);
  }
  if (*wanted != 0 && count == 0)
    return refuse(
        peer, request,
        {Code::not_found, "there is no bulk work " + std::to_string(*wanted) + " (any more)", "bulk", 0});
  auto& out = answer(peer, request);
  msgpack::Writer list(out);
  list.map(1);
  list.str("bulks");
  list.array(count);
  out += body;
}

void Broker::bulk_stop(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto number = read_number(frame.body);
  if (!number) return refuse(peer, request, number.error());
  auto at = engine_.ledger().bulks.find(*number);
  bool may_see = at != engine_.ledger().bulks.end() &&
                 (peer.principal->tenants.all || at->second.order.by == peer.principal->name);
  if (!may_see)
    return refuse(
        peer, request,
        {Code::not_found, "there is no bulk work " + std::to_string(*number) + " (any more)", "bulk", 0});
  if (at->second.state != BulkState::running)
    return refuse(peer, request, {Code::terminal, "this bulk work has ended already", "bulk", 0});
  engine_.close_bulk(*number, BulkState::stopped, "stopped by " + peer.principal->name);
  bulk_runs_.erase(*number);
  log::info("bulk work stopped", {{"bulk", *number}, {"by", peer.principal->name}});
  msgpack::Writer(answer(peer, request)).map(0);
}

// --- doing it ---

void Broker::go_on_with_bulks() {
  if (stop_.load()) return;
  std::vector<std::uint64_t> due;
  for (const auto& [number, bulk] : engine_.ledger().bulks) {
    if (bulk.state != BulkState::running) continue;
    const auto& run = bulk_runs_[number];
    if (!run.walking && engine_.now() >= run.next_at) due.push_back(number);
  }
  for (auto number : due) {
    bulk_runs_[number].walking = true;
    start_slice(number, engine_.ledger().bulks.at(number));
  }
}

void Broker::start_slice(std::uint64_t number, const Bulk& bulk) {
  auto walk = std::make_shared<TaskWalk>();
  const auto order = bulk.order;
  walk->dead = of_dead_letters(order.verb);
  walk->open = !walk->dead;
  walk->payloads = makes_tasks(order.verb);
  walk->looked_at_max = slice_looked_at_max;
  walk->until = bulk.until;
  walk->cursor = bulk.cursor;
  walk->rows_max = walk->payloads ? slice_with_payloads_max : slice_max;
  if (order.rate != 0)
    walk->rows_max = std::clamp<std::size_t>(order.rate / slices_per_second, 1, walk->rows_max);
  walk->principal = principal_named(order.by);
  walk->then = [this, number, walk = std::weak_ptr(walk)] {
    if (auto held = walk.lock()) act_on_slice(number, *held);
  };
  auto fault = [&](const Error& error) {
    log::error("bulk work ends", error);
    engine_.close_bulk(number, BulkState::failed, error.message);
    audit_bulk(number, std::string(name_of(error.code)));
    bulk_runs_.erase(number);
  };
  if (!walk->principal)
    return fault({Code::denied, "the principal " + order.by + " is not known any more", {}, 0});
  if (auto narrowed = narrow(*walk, {}, {}, {}, {}, order.where); !narrowed) return fault(narrowed.error());
  walk_tasks(walk);
}

void Broker::act_on_slice(std::uint64_t number, TaskWalk& walk) {
  auto at = engine_.ledger().bulks.find(number);
  auto run = bulk_runs_.find(number);
  if (at == engine_.ledger().bulks.end() || at->second.state != BulkState::running || run == bulk_runs_.end())
    return;
  run->second.walking = false;
  const auto order = at->second.order;
  auto done = at->second.done, passed = at->second.passed;
  if (walk.error) {
    engine_.close_bulk(number, BulkState::failed, walk.error->message);
    audit_bulk(number, std::string(name_of(walk.error->code)));
    bulk_runs_.erase(run);
    return;
  }
  if (makes_tasks(order.verb) && !store_.admits_submits()) {
    run->second.next_at = engine_.now() + disk_full_wait_ms;
    return;
  }
  std::uint64_t acts = 0;
  for (auto& row : walk.rows) {
    auto code = still_fits(walk, row) ? act_on(order, walk, row) : Code::terminal;
    bool full = engine_.draft_bytes() > limits::commit_bytes_max;
    if (code != Code::busy) (code == Code::ok ? acts : passed) += 1;
    if (code != Code::busy && !full) continue;
    auto from = row.sequence + (code == Code::busy ? 0 : 1);
    walk.more = true;
    walk.next =
        walk.dead ? engine::dead_key(engine_.ledger().lanes[row.lane].queue, from) : store::number_key(from);
    break;
  }
  push_endings();
  done += acts;
  engine_.move_bulk(number, walk.more ? walk.next : std::string(), done, passed);
  if (order.rate != 0)
    run->second.next_at =
        engine_.now() + static_cast<Millis>(1000 * std::max<std::uint64_t>(acts, 1) / order.rate);
  if (walk.more) return;
  engine_.close_bulk(number, BulkState::done, {});
  audit_bulk(number, "ok");
  bulk_runs_.erase(run);
  log::info("bulk work is done", {{"bulk", number}, {"done", done}, {"passed", passed}});
}

// busy: its picture is too old, the next slice begins with it.
Code Broker::act_on(const BulkOrder& order, const TaskWalk& walk, TaskWalk::Row& row) {
  switch (order.verb) {
    case BulkVerb::cancel: {
      if (row.ended) return Code::terminal;
      auto loaded = loaded_task(*row.task, walk.view_commit);
      return engine_.cancel(row.sequence, order.reason, order.grace_ms, &loaded);
    }
    case BulkVerb::purge:
      if (replayed_.contains(row.sequence) || !purged_.insert(row.sequence).second) return Code::invalid;
      engine_.purge_dead(engine_.ledger().lanes[row.lane].queue, {row.sequence});
      while (purged_.size() > 16 * limits::batch_items_max) purged_.erase(purged_.begin());
      return Code::ok;
    case BulkVerb::move:
    case BulkVerb::retry:
      return again_in_bulk(order, walk, row);
  }
  return Code::invalid;
}

Code Broker::again_in_bulk(const BulkOrder& order, const TaskWalk& walk, TaskWalk::Row& row) {
  auto options = row.task->options;
  const auto& ledger = engine_.ledger();
  options.queue = order.queue.empty() ? row.queue : order.queue;
  options.tenant = row.tenant;
  options.type = row.type;
  options.priority = order.priority != 0 ? order.priority : row.task->priority;
  options.replay_of = ids_.make(row.sequence).text();
  options.idempotency_key.clear();
  const auto& target = ledger.queues[ledger.queue_by_name.find(options.queue)->second];
  bool leaves_another = options.queue != row.queue && target.settings.cap != 0;
  if (leaves_another && target.open() + target.dead >= target.settings.cap) return Code::queue_full;
  if (order.verb == BulkVerb::move) {
    if (row.ended || row.leased || row.state == State::suspended) return Code::invalid;
    bool stays = options.queue == row.queue && options.priority == row.task->priority;
    if (stays) return Code::invalid;
    auto reason = "goes on as " + ids_.make(ledger.next_sequence).text() +
                  (order.reason.empty() ? "" : ": " + order.reason);
    if (row.state == State::ready) options.not_before = 0;
    auto loaded = loaded_task(*row.task, walk.view_commit);
    auto as = engine_.resubmit(row.sequence, options, row.task->payload, reason, loaded);
    push_endings();  // while the reason lives
    return as != 0 ? Code::ok : Code::busy;
  }
  if (purged_.contains(row.sequence) || replayed_.contains(row.sequence)) return Code::invalid;
  options.deadline = 0;
  options.not_before = 0;
  options.submitter = order.by;
  auto as =
      engine_.replay_dead(row.sequence, options, order.edited ? order.payload : row.task->payload, true);
  if (as == 0) return Code::invalid;
  replayed_.emplace(row.sequence, as);
  if (replayed_.size() > 16 * limits::batch_items_max) replayed_.erase(replayed_.begin());
  return Code::ok;
}

}  // namespace hirehall::server
