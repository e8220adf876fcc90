// Lists: a walk over submitted tasks or dead letters, bounded per call, in two readings: which, then what
// about them.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/pack.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

constexpr std::uint64_t looked_at_max = 20000;
constexpr std::size_t limit_default = 100;
constexpr std::size_t limit_max = 1000;

}  // namespace

struct Broker::ListJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  std::string queue, tenant, type, cursor;
  std::optional<State> state;
  std::optional<std::uint32_t> queue_number;
  std::size_t limit = limit_default;
  bool newest_first = false;

  struct Row {
    Sequence sequence = 0;
    std::uint32_t lane = 0, class_ = 0;
    bool ended = false;
    std::uint64_t ended_in = 0;
    std::optional<StoredTask> task;
  };
  std::vector<Row> rows;
  std::string next;
  bool more = false;
  std::uint64_t scanned = 0;
  std::optional<Error> error;
};

void Broker::list(Peer& peer, const Frame& frame, bool dead) {
  auto job = std::make_shared<ListJob>();
  auto request = frame.header.request;
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = request;
  std::string_view state;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (key == "queue")
      job->queue = r.str();
    else if (key == "tenant")
      job->tenant = r.str();
    else if (key == "type")
      job->type = r.str();
    else if (key == "state")
      state = r.str();
    else if (key == "cursor")
      job->cursor = r.bin();
    else if (key == "limit")
      job->limit = r.uint();
    else if (key == "newest_first")
      job->newest_first = r.boolean();
    else
      r.skip();
  }
  if (!r.finished()) return refuse(peer, request, {Code::bad_message, "a list cannot be decoded", {}, 0});
  if (!state.empty()) {
    job->state = state_from_name(state);
    if (!job->state)
      return refuse(peer, request, {Code::invalid, "no state is named " + std::string(state), "state", 0});
  }
  if (job->limit == 0 || job->limit > limit_max)
    return refuse(peer, request, {Code::invalid, "limit is 1 to 1000", "limit", 0});
  if (!job->tenant.empty() && !peer.principal->tenants.contains(job->tenant))
    return refuse(peer, request, {Code::denied, "no right to tenant " + job->tenant, "tenant", 0});
  if (!job->queue.empty()) {
    auto at = engine_.ledger().queue_by_name.find(job->queue);
    if (at == engine_.ledger().queue_by_name.end())
      return refuse(peer, request, {Code::not_found, "no queue is named " + job->queue, "queue", 0});
    job->queue_number = at->second;
  }
  dead = dead || job->state == State::failed;
  if (!job->cursor.empty() && job->cursor.size() != (dead ? 13u : 8u))
    return refuse(peer, request, {Code::invalid, "the cursor is not one of this list", "cursor", 0});
  dead ? list_dead(job) : list_walk(job);
}

// Cursor: the next sequence to look at.
void Broker::list_walk(const std::shared_ptr<ListJob>& job) {
  // Below the border only stragglers are left.
  auto border = std::max<Sequence>(engine_.ledger().reclaimed_sequence, 1);
  std::vector<Sequence> stragglers;
  for (const auto& [sequence, straggler] : engine_.ledger().segments.stragglers())
    if (sequence < border) stragglers.push_back(sequence);
  auto first = stragglers.empty() ? border : stragglers.front();
  auto behind = engine_.ledger().next_sequence;
  auto start = job->newest_first ? behind - 1 : first;
  if (!job->cursor.empty()) start = std::clamp(store::number_of(job->cursor), first, std::max(first, behind));
  auto room = job->state || !job->type.empty() || !job->tenant.empty() || job->queue_number
                  ? looked_at_max
                  : std::min<std::uint64_t>(looked_at_max, job->limit);
  auto next_of = [border, stragglers = std::move(stragglers), down = job->newest_first](Sequence at) {
    if (down ? at > border : at >= border) return down ? at - 1 : at + 1;
    if (down) {
      auto above = std::lower_bound(stragglers.begin(), stragglers.end(), at);
      return above == stragglers.begin() ? 0 : *(above - 1);
    }
    auto above = std::upper_bound(stragglers.begin(), stragglers.end(), at);
    return above == stragglers.end() ? border : *above;
  };
  read_later([this, job, start, first, behind, room, next_of = std::move(next_of)](
                 const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view);
    auto at = start;
    for (; job->scanned < room && at >= first && at < behind; at = next_of(at)) {
      ++job->scanned;
      auto found = finder.find(at);
      if (!found) {
        job->error = found.error();
        break;
      }
      if (!*found) continue;
      auto body = (*found)->chunk->body_at((*found)->offset);
      job->rows.push_back({at, body.lane, body.class_, false, 0, {}});
    }
    job->more = at >= first && at < behind;
    job->next = store::number_key(at);
    return [this, job] {
      auto* peer = peer_at(job->routing, job->serial);
      if (peer == nullptr) return;
      const auto& ledger = engine_.ledger();
      std::size_t kept = 0;
      bool cut = false;
      for (auto& row : job->rows) {
        const auto& lane = ledger.lanes.at(row.lane);
        auto known = engine_.look(row.sequence);
        row.ended = known == engine::Engine::Known::ended;
        bool fits = visible(*peer, row.lane) && (!job->queue_number || lane.queue == *job->queue_number) &&
                    (job->tenant.empty() || lane.tenant == job->tenant) &&
                    (job->type.empty() || ledger.classes.at(row.class_).type == job->type) &&
                    (!job->state || terminal(*job->state) == row.ended) &&
                    (job->state != State::leased || known == engine::Engine::Known::leased) &&
                    (!job->state || *job->state == State::leased || known != engine::Engine::Known::leased);
        if (!fits) continue;
        if (kept == job->limit) {
          job->next = store::number_key(row.sequence);
          job->more = cut = true;
          break;
        }
        if (row.ended) row.ended_in = ledger.segments.commit_of(row.sequence);
        job->rows[kept++] = std::move(row);
      }
      (void)cut;
      job->rows.resize(kept);
      list_details(job);
    };
  });
}

// Cursor: the key of the next dead letter.
void Broker::list_dead(const std::shared_ptr<ListJob>& job) {
  read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
    std::string from = job->queue_number ? engine::dead_key(*job->queue_number, 0) : std::string("d");
    std::string to = job->queue_number ? engine::dead_key(*job->queue_number + 1, 0) : std::string("e");
    if (!job->cursor.empty()) (job->newest_first ? to : from) = job->cursor + (job->newest_first ? "\0" : "");
    auto visit = [&](std::string_view key, std::string_view value) {
      if (job->rows.size() == job->limit || job->scanned == looked_at_max) {
        job->more = true;
        job->next = key;
        return false;
      }
      ++job->scanned;
      engine::DeadRecord dead;
      if (key.size() != 13 || !engine::decode_record(value, dead)) return true;
      job->rows.push_back({store::number_of(key.substr(5)), 0, 0, true, dead.commit, {}});
      return true;
    };
    auto done = job->newest_first ? view.scan_back(store::Family::records, from, to, visit)
                                  : view.scan(store::Family::records, from, to, visit);
    if (!done) job->error = done.error();
    return [this, job] { list_details(job); };
  });
}

void Broker::list_details(const std::shared_ptr<ListJob>& job) {
  read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view);
    for (auto& row : job->rows) {
      auto task = read_task(view, finder, row.sequence, row.ended, row.ended_in);
      if (!task) {
        job->error = task.error();
        break;
      }
      row.task = std::move(*task);
    }
    return [this, job] { end_list(*job); };
  });
}

void Broker::end_list(const ListJob& job) {
  auto* peer = peer_at(job.routing, job.serial);
  if (peer == nullptr) return;
  if (job.error) return refuse(*peer, job.request, *job.error);
  std::string tasks;
  std::size_t count = 0;
  const auto& ledger = engine_.ledger();
  for (const auto& row : job.rows) {
    if (!row.task || row.task->lane >= ledger.lanes.size() || !visible(*peer, row.task->lane)) continue;
    const auto& lane = ledger.lanes[row.task->lane];
    if (!job.tenant.empty() && lane.tenant != job.tenant) continue;
    if (!job.type.empty() && ledger.classes.at(row.task->class_).type != job.type) continue;
    auto known = engine_.look(row.sequence);
    auto state = row.task->end                            ? row.task->end->state
                 : known == engine::Engine::Known::leased ? State::leased
                 : known == engine::Engine::Known::ended
                     ? State::succeeded  // ended since: shown by the next call
                     : loaded_task(*row.task, 0).state;
    if (job.state && *job.state != state) continue;
    if (row.ended && (!row.task->end || past_retention(*row.task))) continue;
    if (tasks.size() > limits::batch_bytes_max) break;
    write_task(tasks, row.sequence, *row.task, 0);
    ++count;
  }
  msgpack::Writer w(answer(*peer, job.request));
  w.map(3);
  w.str("tasks");
  w.array(count);
  w.raw(tasks);
  w.str("cursor");
  if (job.more)
    w.bin(job.next);
  else
    w.nil();
  w.entry_uint("scanned", job.scanned);
}

// --- dead letters again ---

struct Broker::RetryJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  struct One {
    Sequence sequence = 0;
    std::optional<StoredTask> task;
    std::string dead_key;
    bool dead = false;
    Sequence as = 0;  // retried before
  };
  std::vector<One> all;
  bool purge = false;
  std::string reason;
  std::optional<Error> error;
};

void Broker::dead_again(Peer& peer, const Frame& frame, bool purge) {
  auto request = frame.header.request;
  auto job = std::make_shared<RetryJob>();
  job->purge = purge;
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = request;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "reason") job->reason = clip(r.str(), limits::error_bytes_max);
    if (key == "reason") continue;
    if (key != "ids") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) {
      auto raw = r.bin();
      if (raw.size() != 16) r.fail();
      if (r.ok()) job->all.push_back({sequence_of(raw).value_or(0), {}, {}, false, 0});
    }
  }
  if (!r.finished())
    return refuse(peer, request,
                  {Code::bad_message, "this request takes a map with ids of 16 bytes", "ids", 0});
  if (job->all.size() > limits::batch_items_max)
    return refuse(peer, request, {Code::too_large, "at most 4096 ids", "ids", 0});
  read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view);
    for (auto& one : job->all) {
      if (one.sequence == 0) continue;
      auto task = read_task(view, finder, one.sequence, false, 0);
      if (!task)
        job->error = task.error();
      else
        one.task = std::move(*task);
    }
    return [this, job] {
      for (auto& one : job->all)
        if (one.task && one.task->lane < engine_.ledger().lanes.size())
          one.dead_key = engine::dead_key(engine_.ledger().lanes[one.task->lane].queue, one.sequence);
      read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
        for (auto& one : job->all) {
          if (one.dead_key.empty()) continue;
          auto dead = view.get(store::Family::records, one.dead_key);
          auto as = view.get(store::Family::records, engine::replay_key(one.sequence));
          if (!dead || !as) {
            job->error = dead ? as.error() : dead.error();
            continue;
          }
          one.dead = dead->has_value();
          if (*as) {
            Unpacker u(**as);
            one.as = u.uint();
          }
        }
        return [this, job] { job->purge ? purge_loaded(job) : retry_loaded(job); };
      });
    };
  });
}

void Broker::retry_loaded(const std::shared_ptr<RetryJob>& job) {
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  if (job->error) return refuse(*peer, job->request, *job->error);
  std::string body;
  msgpack::Writer w(body);
  w.array(job->all.size());
  const auto& ledger = engine_.ledger();
  for (auto& one : job->all) {
    if (!one.task || !visible(*peer, one.task->lane)) {
      w.uint(static_cast<std::uint64_t>(one.sequence != 0 && !one.task ? Code::expired : Code::not_found));
      continue;
    }
    if (auto known = replayed_.find(one.sequence); known != replayed_.end()) one.as = known->second;
    if (one.as == 0 && one.dead && !purged_.contains(one.sequence)) {
      auto options = one.task->options;
      const auto& lane = ledger.lanes[one.task->lane];
      options.queue = ledger.queues[lane.queue].name;
      options.tenant = lane.tenant;
      options.type = ledger.classes[one.task->class_].type;
      options.priority = one.task->priority;
      options.replay_of = ids_.make(one.sequence).text();
      options.idempotency_key.clear();
      options.deadline = 0;
      options.not_before = 0;
      options.producer = peer->producer;
      options.submitter = peer->principal->name;
      one.as = engine_.replay_dead(one.sequence, options, one.task->payload, true);
      if (one.as != 0) replayed_.emplace(one.sequence, one.as);
      if (replayed_.size() > 16 * limits::batch_items_max) replayed_.erase(replayed_.begin());
    }
    if (one.as != 0)
      w.bin(ids_.make(one.as).raw());
    else
      w.uint(static_cast<std::uint64_t>(Code::invalid));
  }
  answer(*peer, job->request) += body;
}

void Broker::purge_loaded(const std::shared_ptr<RetryJob>& job) {
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  if (job->error) return refuse(*peer, job->request, *job->error);
  std::map<std::uint32_t, std::vector<Sequence>> going;  // by queue
  std::size_t count = 0;
  msgpack::Writer w(answer(*peer, job->request));
  w.array(job->all.size());
  for (auto& one : job->all) {
    auto code = Code::ok;
    if (!one.task || !visible(*peer, one.task->lane))
      code = one.sequence != 0 && !one.task ? Code::expired : Code::not_found;
    else if (!one.dead || replayed_.contains(one.sequence) || !purged_.insert(one.sequence).second)
      code = Code::invalid;
    if (code == Code::ok) {
      going[engine_.ledger().lanes[one.task->lane].queue].push_back(one.sequence);
      ++count;
    }
    w.uint(static_cast<std::uint64_t>(code));
  }
  for (const auto& [queue, sequences] : going) engine_.purge_dead(queue, sequences);
  while (purged_.size() > 16 * limits::batch_items_max) purged_.erase(purged_.begin());
  log::info("dead letters purged",
            {{"count", count}, {"by", peer->principal->name}, {"reason", job->reason}});
}

}  // namespace hirehall::server
