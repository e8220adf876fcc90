// Lists of tasks, how many there are, and dead letters by what went wrong: a walk (task_walk.h) and its
// answer.
#include <algorithm>
#include <map>

#include "broker/server/broker.h"
#include "broker/server/task_walk.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

constexpr std::size_t limit_default = 100;
constexpr std::size_t limit_max = 1000;
constexpr std::size_t sample_bytes_max = 400;

struct ListQuery {
  std::string queue, tenant, type, state, batch, where, cursor;
  std::size_t limit = limit_default;
  bool newest_first = false;
  bool count = false, open = false;
};

Result<ListQuery> read_query(std::string_view body) {
  ListQuery q;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (key == "queue")
      q.queue = r.str();
    else if (key == "tenant")
      q.tenant = r.str();
    else if (key == "type")
      q.type = r.str();
    else if (key == "state")
      q.state = r.str();
    else if (key == "batch")
      q.batch = r.str();
    else if (key == "where")
      q.where = r.str();
    else if (key == "cursor")
      q.cursor = r.bin();
    else if (key == "limit")
      q.limit = r.uint();
    else if (key == "newest_first")
      q.newest_first = r.boolean();
    else if (key == "open")
      q.open = r.boolean();
    else if (key == "count")
      q.count = r.boolean();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a list cannot be decoded");
  if (q.limit == 0 || q.limit > limit_max) return fail(Code::invalid, "limit is 1 to 1000", "limit");
  return q;
}

// The tasks lie between the first and the last one of the batch; without a tenant, of all batches of that
// name. One that is forgotten may have left records: while there was any, a name alone narrows nothing.
void narrow_to_batch(const engine::Ledger& ledger, TaskWalk& walk) {
  Sequence first = 0, last = 0;
  auto take = [&](const engine::Batch& batch) {
    if (batch.first == 0) return;
    first = first == 0 ? batch.first : std::min(first, batch.first);
    last = std::max(last, batch.last);
  };
  if (!walk.tenant.empty()) {
    auto at = ledger.batch_by_name.find(engine::BatchNameLess::View{walk.tenant, walk.batch});
    if (at != ledger.batch_by_name.end()) take(ledger.batches.at(at->second));
  } else if (ledger.next_batch == ledger.batches.size() + 1) {
    for (const auto& [name, number] : ledger.batch_by_name)
      if (name.second == walk.batch) take(ledger.batches.at(number));
  }
  if (first == 0) return;
  walk.from = first;
  walk.until = walk.until == 0 ? last + 1 : std::min(walk.until, last + 1);
}

}  // namespace

// Settles which tasks: names, states and what a `where` says of them at least.
Status Broker::narrow(TaskWalk& walk, const std::string& queue, const std::string& state,
                      const std::string& tenant, const std::string& type, const std::string& where) const {
  if (!where.empty()) {
    auto parsed = Where::parse(where);
    if (!parsed) {
      auto error = parsed.error();
      return fail(error.code, "where: " + error.message + " (at byte " + error.context + ")", "where");
    }
    walk.where = std::move(*parsed);
    walk.selective = true;
  }
  auto given = [&](const std::string& value, std::string_view field) {
    return value.empty() ? std::string(walk.where.must_be(field)) : value;
  };
  if (auto name = given(state, "state"); !name.empty()) {
    walk.state = state_from_name(name);
    if (!walk.state) return fail(Code::invalid, no_state(name), "state");
  }
  walk.tenant = given(tenant, "tenant");
  walk.type = given(type, "type");
  if (!walk.tenant.empty() && !walk.principal->tenants.contains(walk.tenant))
    return fail(Code::denied, "no right to tenant " + walk.tenant, "tenant");
  if (auto name = given(queue, "queue"); !name.empty()) {
    auto at = engine_.ledger().queue_by_name.find(name);
    if (at == engine_.ledger().queue_by_name.end())
      return fail(Code::not_found, "no queue is named " + name, "queue");
    walk.queue = at->second;
  }
  walk.batch = given(walk.batch, "batch");
  walk.selective = walk.selective || !walk.batch.empty();
  if (!walk.batch.empty()) narrow_to_batch(engine_.ledger(), walk);
  walk.dead = walk.dead || walk.state == State::failed;
  if (!walk.cursor.empty() && walk.cursor.size() != (walk.dead ? 13u : 8u))
    return fail(Code::invalid, "the cursor is not one of this list", "cursor");
  return {};
}

void Broker::list(Peer& peer, const Frame& frame, bool dead) {
  auto request = frame.header.request;
  auto query = read_query(frame.body);
  if (!query) return refuse(peer, request, query.error());
  auto walk = std::make_shared<TaskWalk>();
  walk->principal = peer.principal;
  walk->dead = dead;
  walk->newest_first = query->newest_first;
  walk->open = query->open;
  walk->cursor = query->cursor;
  walk->batch = query->batch;
  if (auto done = narrow(*walk, query->queue, query->state, query->tenant, query->type, query->where); !done)
    return refuse(peer, request, done.error());
  bool many = walk->selective || query->count;
  walk->rows_max = many ? walk_rows_max : query->limit;
  walk->then = [this, walk = std::weak_ptr(walk), routing = peer.routing, serial = peer.serial, request,
                limit = query->limit, count = query->count] {
    auto* peer = peer_at(routing, serial);
    if (auto held = walk.lock(); held && peer != nullptr)
      count ? end_count(*peer, request, *held) : end_list(*peer, request, *held, limit);
  };
  walk_tasks(walk);
}

namespace {

void write_end(msgpack::Writer& w, const TaskWalk& walk) {
  w.str("cursor");
  if (walk.more)
    w.bin(walk.next);
  else
    w.nil();
  w.entry_uint("scanned", walk.scanned);
}

}  // namespace

void Broker::end_list(Peer& peer, std::uint64_t request, TaskWalk& walk, std::size_t limit) {
  if (walk.error) return refuse(peer, request, *walk.error);
  std::string tasks;
  std::size_t count = 0;
  for (auto& row : walk.rows) {
    if (!visible(peer, row.lane) || !still_fits(walk, row)) continue;
    if (count == limit || tasks.size() > limits::batch_bytes_max) {
      walk.next = row.key;
      walk.more = true;
      break;
    }
    write_task(tasks, row.sequence, *row.task, 0);
    ++count;
  }
  msgpack::Writer w(answer(peer, request));
  w.map(3);
  w.str("tasks");
  w.array(count);
  w.raw(tasks);
  write_end(w, walk);
}

void Broker::end_count(Peer& peer, std::uint64_t request, TaskWalk& walk) {
  if (walk.error) return refuse(peer, request, *walk.error);
  std::uint64_t count = 0;
  for (auto& row : walk.rows) count += visible(peer, row.lane) && still_fits(walk, row);
  msgpack::Writer w(answer(peer, request));
  w.map(3);
  w.entry_uint("count", count);
  write_end(w, walk);
}

// Dead letters by what went wrong, of one part of the walk: who asks adds the parts up.
void Broker::dead_groups(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto query = read_query(frame.body);
  if (!query) return refuse(peer, request, query.error());
  auto walk = std::make_shared<TaskWalk>();
  walk->principal = peer.principal;
  walk->dead = true;
  walk->fingerprints = true;
  walk->cursor = query->cursor;
  if (auto done = narrow(*walk, query->queue, query->state, query->tenant, query->type, query->where); !done)
    return refuse(peer, request, done.error());
  walk->then = [this, walk = std::weak_ptr(walk), routing = peer.routing, serial = peer.serial, request] {
    auto* peer = peer_at(routing, serial);
    if (auto held = walk.lock(); held && peer != nullptr) end_groups(*peer, request, *held);
  };
  walk_tasks(walk);
}

void Broker::end_groups(Peer& peer, std::uint64_t request, TaskWalk& walk) {
  if (walk.error) return refuse(peer, request, *walk.error);
  struct Group {
    std::uint64_t count = 0;
    const TaskWalk::Row* sample = nullptr;
    Millis first = 0, last = 0;
  };
  std::map<std::string, Group> groups;
  for (auto& row : walk.rows) {
    if (!visible(peer, row.lane) || !row.task->end) continue;
    auto& group = groups[row.fingerprint];
    auto at = row.task->end->at;
    if (group.count++ == 0) group.first = at;
    group.sample = &row;
    group.first = std::min(group.first, at);
    group.last = std::max(group.last, at);
  }
  msgpack::Writer w(answer(peer, request));
  w.map(3);
  w.str("groups");
  w.array(groups.size());
  for (const auto& [fingerprint, group] : groups) {
    auto [code, message] = error_of(*group.sample->task);
    w.map(9);
    w.entry("fingerprint", fingerprint);
    w.entry_uint("count", group.count);
    w.entry("type", group.sample->type);
    w.entry("queue", group.sample->queue);
    w.entry("code", code);
    w.entry("message", clip(message, sample_bytes_max));
    w.entry_sint("first_at", group.first);
    w.entry_sint("last_at", group.last);
    w.entry_bin("example", ids_.make(group.sample->sequence).raw());
  }
  write_end(w, walk);
}

}  // namespace hirehall::server
