// The walk itself: candidates on the reader thread, a first sieve where the names are, details on the reader
// thread.
#include <algorithm>

#include "broker/server/broker.h"
#include "broker/server/fingerprint.h"
#include "broker/server/task_walk.h"

namespace hirehall::server {

void Broker::walk_tasks(const std::shared_ptr<TaskWalk>& walk) {
  walk->rows.clear();
  walk->next.clear();
  walk->more = false;
  walk->scanned = 0;
  walk->dead ? walk_dead(walk) : walk_all(walk);
}

// Cursor: the next sequence to look at.
void Broker::walk_all(const std::shared_ptr<TaskWalk>& walk) {
  // Below the border only stragglers are left.
  auto border = std::max<Sequence>(engine_.ledger().reclaimed_sequence, 1);
  std::vector<Sequence> stragglers;
  for (const auto& [sequence, straggler] : engine_.ledger().segments.stragglers())
    if (sequence < border) stragglers.push_back(sequence);
  auto first = std::max(walk->from, stragglers.empty() ? border : stragglers.front());
  auto behind = engine_.ledger().next_sequence;
  if (walk->until != 0) behind = std::min(behind, walk->until);
  auto start = walk->newest_first ? behind - 1 : first;
  if (!walk->cursor.empty())
    start = std::clamp(store::number_of(walk->cursor), first, std::max(first, behind));
  bool sifted = walk->selective || walk->open || walk->state || !walk->type.empty() ||
                !walk->tenant.empty() || walk->queue;
  auto room = sifted ? walk->looked_at_max : std::min<std::uint64_t>(walk->looked_at_max, walk->rows_max);
  auto next_of = [border, stragglers = std::move(stragglers), down = walk->newest_first](Sequence at) {
    if (down ? at > border : at >= border) return down ? at - 1 : at + 1;
    if (down) {
      auto above = std::lower_bound(stragglers.begin(), stragglers.end(), at);
      return above == stragglers.begin() ? 0 : *(above - 1);
    }
    auto above = std::upper_bound(stragglers.begin(), stragglers.end(), at);
    return above == stragglers.end() ? border : *above;
  };
  read_later([this, walk, start, first, behind, room, next_of = std::move(next_of)](
                 const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view, read_templates_);
    auto at = start;
    for (; walk->scanned < room && at >= first && at < behind; at = next_of(at)) {
      ++walk->scanned;
      auto found = finder.find(at);
      if (!found) {
        walk->error = found.error();
        break;
      }
      if (!*found) continue;
      auto body = (*found)->chunk->body_at((*found)->offset);
      auto& row = walk->rows.emplace_back();
      row.sequence = at;
      row.lane = body.lane;
      row.class_ = body.class_;
      row.key = store::number_key(at);
    }
    walk->more = at >= first && at < behind;
    walk->next = store::number_key(at);
    return [this, walk] { sift_rows(walk); };
  });
}

// Cursor: the key of the next dead letter.
void Broker::walk_dead(const std::shared_ptr<TaskWalk>& walk) {
  read_later([this, walk](const store::View& view, std::uint64_t) -> Reader::Then {
    std::string from = walk->queue ? engine::dead_key(*walk->queue, 0) : std::string("d");
    std::string to = walk->queue ? engine::dead_key(*walk->queue + 1, 0) : std::string("e");
    if (!walk->cursor.empty())
      (walk->newest_first ? to : from) = walk->cursor + (walk->newest_first ? std::string(1, '\0') : "");
    BodyFinder finder(view, read_templates_);
    auto visit = [&](std::string_view key, std::string_view value) {
      if (walk->rows.size() == walk->rows_max || walk->scanned == walk->looked_at_max) {
        walk->more = true;
        walk->next = key;
        return false;
      }
      ++walk->scanned;
      engine::DeadRecord dead;
      if (key.size() != 13 || !engine::decode_record(value, dead)) return true;
      auto sequence = store::number_of(key.substr(5));
      if (sequence < walk->from || (walk->until != 0 && sequence >= walk->until)) return true;
      auto found = finder.find(sequence);
      if (!found) walk->error = found.error();
      if (!found || !*found) return true;
      auto body = (*found)->chunk->body_at((*found)->offset);
      auto& row = walk->rows.emplace_back();
      row.sequence = sequence;
      row.lane = body.lane;
      row.class_ = body.class_;
      row.key = key;
      row.ended_in = dead.commit;
      return true;
    };
    auto done = walk->newest_first ? view.scan_back(store::Family::records, from, to, visit)
                                   : view.scan(store::Family::records, from, to, visit);
    if (!done) walk->error = done.error();
    return [this, walk] { sift_rows(walk); };
  });
}

// What does not depend on details; and the names and leases that the reader thread may not look at.
void Broker::sift_rows(const std::shared_ptr<TaskWalk>& walk) {
  const auto& ledger = engine_.ledger();
  walk->now = engine_.now();
  std::size_t kept = 0;
  for (auto& row : walk->rows) {
    const auto& lane = ledger.lanes.at(row.lane);
    auto known = engine_.look(row.sequence);
    row.ended = known == engine::Engine::Known::ended;
    row.leased = known == engine::Engine::Known::leased;
    row.queue = ledger.queues[lane.queue].name;
    row.tenant = lane.tenant;
    row.type = ledger.classes.at(row.class_).type;
    bool fits = walk->principal->tenants.contains(lane.tenant) &&
                (!walk->queue || lane.queue == *walk->queue) &&
                (walk->tenant.empty() || lane.tenant == walk->tenant) &&
                (walk->type.empty() || row.type == walk->type) && (!walk->dead || row.ended) &&
                (!walk->open || !row.ended) && (!walk->state || terminal(*walk->state) == row.ended) &&
                (!walk->state || (*walk->state == State::leased) == row.leased);
    if (!fits) continue;
    if (kept == walk->rows_max) {
      walk->next = row.key;
      walk->more = true;
      break;
    }
    if (row.ended && row.ended_in == 0) row.ended_in = ledger.segments.commit_of(row.sequence);
    if (const auto slot = ledger.lease_slots.find(row.sequence); row.leased && slot != FlatMap::none) {
      row.tries = ledger.leases[slot].tries;
      row.worker = ledger.workers.at(ledger.leases[slot].worker).name;
    }
    if (kept != static_cast<std::size_t>(&row - walk->rows.data())) walk->rows[kept] = std::move(row);
    ++kept;
  }
  walk->rows.resize(kept);
  read_rows(walk);
}

void Broker::read_rows(const std::shared_ptr<TaskWalk>& walk) {
  read_later([this, walk](const store::View& view, std::uint64_t commit) -> Reader::Then {
    walk->view_commit = commit;
    BodyFinder finder(view, read_templates_);
    std::vector<TaskWalk::Row> fitting;
    for (auto& row : walk->rows) {
      auto task = read_task(view, finder, row.sequence, row.ended, row.ended_in);
      if (!task) {
        walk->error = task.error();
        break;
      }
      if (!*task || (row.ended && !(*task)->end)) continue;
      row.task = std::make_unique<StoredTask>(std::move(**task));
      if (!walk->payloads) std::string().swap(row.task->payload);
      if (row.task->end) std::string().swap(row.task->end->result);
      row.state = row.ended    ? row.task->end->state
                  : row.leased ? State::leased
                               : loaded_task(*row.task, 0).state;
      if (row.ended && row.task->end->attempted)
        row.tries = row.task->end->tries;
      else if (!row.leased && !row.task->attempts.empty())
        row.tries = row.task->attempts.back().record.tries;
      if (walk->fingerprints) {
        auto [code, message] = error_of(*row.task);
        row.fingerprint = error_fingerprint(row.type, code, message);
      }
      if (walk->fits(row)) fitting.push_back(std::move(row));
    }
    walk->rows = std::move(fitting);
    return [walk] { walk->then(); };
  });
}

// A row as it is now; false when it does not fit any more, or has ended since: then the next call shows it.
bool Broker::still_fits(const TaskWalk& walk, TaskWalk::Row& row) const {
  if (row.ended) return !past_retention(*row.task);
  auto known = engine_.look(row.sequence);
  if (known == engine::Engine::Known::ended) return !walk.state && !walk.selective;
  bool leased = known == engine::Engine::Known::leased;
  if (leased == row.leased) return true;
  row.leased = leased;
  row.state = leased ? State::leased : State::ready;
  return walk.fits(row);
}

}  // namespace hirehall::server
