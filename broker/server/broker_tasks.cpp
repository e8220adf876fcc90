// Reading and steering single tasks.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

enum Part : unsigned { part_payload = 1, part_history = 2, part_result = 4, part_options = 8 };

constexpr std::size_t history_shown = 100;
constexpr Millis wait_default_ms = 60000;
constexpr Millis wait_max_ms = 3600 * 1000;
constexpr std::size_t lookups_again_max = 100;
constexpr std::size_t waits_max = 16 * limits::sessions_max;

struct TaskQuery {
  std::string_view id, reason;
  std::vector<std::string_view> ids;
  Millis timeout_ms = wait_default_ms;
  Millis grace_ms = 10000;
  unsigned parts = part_payload | part_history | part_result | part_options;
  bool sound = true;
};

TaskQuery read_query(std::string_view body) {
  TaskQuery q;
  msgpack::Reader r(body);
  auto pairs = r.map();
  auto part = [&](Part p) { q.parts = r.boolean() ? q.parts | p : q.parts & ~p; };
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "id")
      q.id = r.bin();
    else if (key == "ids") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) q.ids.push_back(r.bin());
    } else if (key == "reason")
      q.reason = r.str();
    else if (key == "timeout_ms")
      q.timeout_ms = r.sint();
    else if (key == "grace_ms")
      q.grace_ms = r.sint();
    else if (key == "payload")
      part(part_payload);
    else if (key == "history")
      part(part_history);
    else if (key == "result")
      part(part_result);
    else
      r.skip();
  }
  q.sound = r.finished() && (q.id.empty() || q.id.size() == 16);
  for (auto id : q.ids) q.sound = q.sound && id.size() == 16;
  return q;
}

const char* outcome_word(Outcome outcome) {
  return outcome == Outcome::failed_final ? "failed" : name_of(outcome).data();
}

}  // namespace

std::optional<Sequence> Broker::sequence_of(std::string_view raw) const {
  auto id = TaskId::from_raw(raw);
  if (!id || !ids_.genuine(*id)) return std::nullopt;
  if (engine_.look(id->sequence()) == engine::Engine::Known::never) return std::nullopt;
  return id->sequence();
}

Error Broker::unknown_task(std::string_view raw) const {
  auto id = TaskId::from_raw(raw);
  if (id && ids_.lost(*id))
    return {
        Code::not_found,
        "the store went back to a moment before this task was submitted (a backup was restored, or a loss "
        "accepted), and it is lost: submit it again",
        id->text(), 0};
  return {Code::not_found, "no such task: mistyped, or of another broker", {}, 0};
}

bool Broker::visible(const Peer& peer, std::uint32_t lane) const {
  return lane < engine_.ledger().lanes.size() &&
         peer.principal->tenants.contains(engine_.ledger().lanes[lane].tenant);
}

// Reads the task behind the batch that is being built. Where a task ended is in the result tables; of a table
// that is not stored yet the engine knows it, so an ended one takes two readings.
void Broker::load_task(Sequence sequence, TaskThen then, bool with_award, bool ended,
                       std::uint64_t ended_in) {
  read_later([this, sequence, with_award, ended, ended_in, then = std::move(then)](
                 const store::View& view, std::uint64_t commit) -> Reader::Then {
    BodyFinder finder(view, read_templates_);
    auto task = std::make_shared<Result<std::optional<StoredTask>>>(
        read_task(view, finder, sequence, ended, ended_in, with_award));
    return [this, sequence, with_award, ended, commit, task, then] {
      if (*task && **task) (**task)->view_commit = commit;
      auto known = engine_.look(sequence);
      if (*task && !ended && known == engine::Engine::Known::ended)
        return load_task(sequence, then, with_award, true, engine_.ledger().segments.commit_of(sequence));
      // An attempt that ended meanwhile is neither in the picture nor among the leases.
      if (*task && known == engine::Engine::Known::queued && engine_.moved_since(sequence, commit) &&
          !HH_MUTANT("get_of_the_past"))
        return load_task(sequence, then, with_award);
      then(std::move(*task));
    };
  });
}

void Broker::answer_get(const std::string& routing, std::uint64_t serial, std::uint64_t request,
                        Sequence sequence, unsigned parts) {
  if (auto* peer = peer_at(routing, serial); peer != nullptr && engine_.forgotten(sequence))
    return refuse_expired(*peer, request, sequence);
  load_task(
      sequence,
      [this, routing, serial, request, sequence, parts](Result<std::optional<StoredTask>> task) {
        auto* peer = peer_at(routing, serial);
        if (peer == nullptr) return;
        if (!task) return refuse(*peer, request, task.error());
        bool ended = engine_.look(sequence) == engine::Engine::Known::ended;
        if (*task && !visible(*peer, (*task)->lane))
          return refuse(*peer, request, {Code::not_found, "no such task", ids_.make(sequence).text(), 0});
        if (ended && (!*task || !(*task)->end || past_retention(**task)))
          return refuse_expired(*peer, request, sequence);
        if (!*task)
          return refuse(*peer, request, {Code::not_found, "no such task", ids_.make(sequence).text(), 0});
        answer_task_map(*peer, request, sequence, **task, parts);
      },
      (parts & part_history) != 0);
}

void Broker::refuse_expired(Peer& peer, std::uint64_t request, Sequence sequence) {
  refuse(peer, request,
         {Code::expired, "the task has ended and its record is past its retention",
          ids_.make(sequence).text(), 0});
}

// Records go in large pieces, later than they may; until then they are not shown any more. What failed lies
// in the dead letters and stays.
bool Broker::past_retention(const StoredTask& task) const {
  if (!task.end || task.end->state == State::failed || clock_.held()) return false;
  const auto& ledger = engine_.ledger();
  auto kept = task.options.retention_ms;
  if (kept == 0) kept = ledger.queues[ledger.lanes.at(task.lane).queue].settings.retention_ms;
  return task.end->at + kept < engine_.now();
}

void Broker::answer_task_map(Peer& peer, std::uint64_t request, Sequence sequence, const StoredTask& task,
                             unsigned parts) {
  if (!visible(peer, task.lane))
    return refuse(peer, request, {Code::not_found, "no such task", ids_.make(sequence).text(), 0});
  bool large =
      task.payload.size() + (task.end ? task.end->result.size() : 0) + 65536 > limits::frame_bytes_max;
  if (large && (parts & part_payload) != 0 && (parts & part_result) != 0)
    parts = (parts & ~part_payload) | 256u;
  write_task(answer(peer, request), sequence, task, parts);
}

void Broker::write_task(std::string& out, Sequence sequence, const StoredTask& task, unsigned parts) const {
  const auto& ledger = engine_.ledger();
  std::string body;
  msgpack::Writer w(body);
  std::size_t pairs = 0;
  auto key = [&](std::string_view k) { w.str(k), ++pairs; };
  auto state = State::ready;
  const auto slot = ledger.lease_slots.find(sequence);
  const auto* lease = slot == FlatMap::none ? nullptr : &ledger.leases[slot];
  engine::Tries tries;
  if (!task.attempts.empty()) tries = task.attempts.back().record.tries;
  if (task.end) {
    state = task.end->state;
    if (task.end->attempted) tries = task.end->tries;
  } else if (lease != nullptr) {
    state = State::leased;
    tries = lease->tries;
  } else {
    state = loaded_task(task, 0).state;
  }
  const auto& lane = ledger.lanes.at(task.lane);
  key("id"), w.bin(ids_.make(sequence).raw());
  key("state"), w.str(name_of(state));
  key("queue"), w.str(ledger.queues[lane.queue].name);
  key("tenant"), w.str(lane.tenant);
  key("type"), w.str(ledger.classes.at(task.class_).type);
  key("priority"), w.uint(task.priority);
  key("submitted_at"), w.sint(task.submitted);
  key("attempt"), w.uint(tries.attempts);
  key("failures"), w.uint(tries.failures);
  key("losses"), w.uint(tries.losses);
  if (state == State::scheduled) key("not_before"), w.sint(engine_.to_wall(loaded_task(task, 0).due));
  if (lease != nullptr && !task.end) {
    const auto& worker = ledger.workers.at(lease->worker);
    key("worker"), w.str(worker.name);
    if (const auto* agent = engine::agent_of(engine_.sessions(), *lease)) key("agent"), w.str(agent->name);
  }
  if (const auto* told = details_->of(sequence);
      lease != nullptr && !task.end && told != nullptr && told->progress)
    ++pairs, write_progress(w, *told->progress);
  engine::Amounts used;
  for (const auto& attempt : task.attempts)
    engine::add(used, engine::decode_usage(attempt.record.usage).amounts);
  if (task.end) engine::add(used, engine::decode_usage(task.end->usage).amounts);
  if (!used.empty()) key("usage"), engine::write_amounts(w, used);
  if (task.options.unique_by_rule()) {
    key("unique"), w.map(2);
    w.entry_bool("holds", ledger.uniques.holds(sequence, engine_.now()));
    w.entry_uint("coalesced", task.coalesced);
  }
  if (state == State::suspended && task.question) {
    key("suspended_on"), w.str(name_of(task.question->on));
    if ((parts & part_options) != 0) key("question"), write_question(w, *task.question);
  }
  if (!task.options.labels.empty()) {
    key("labels"), w.map(task.options.labels.size());
    for (const auto& [name, value] : task.options.labels) w.entry(name, value);
  }
  if (task.end) {
    const auto& end = *task.end;
    key("finished_at"), w.sint(end.at);
    if ((parts & part_result) != 0 && (state == State::succeeded || !end.result.empty())) {
      key("result"), w.bin(end.result);
      if (!end.result_type.empty()) key("result_type"), w.str(end.result_type);
    }
    if (state != State::succeeded) {
      auto code = end.error_code;
      if (code.empty())
        code = end.outcome == Outcome::lost        ? "lost"
               : end.outcome == Outcome::timed_out ? "timed_out"
                                                   : "failed";
      if (end.outcome == Outcome::lost && end.attempted) code = "lost";
      if (state == State::cancelled)
        key("reason"), w.str(end.attempted ? end.error : end.reason);
      else {
        key("error"), w.map(2);
        w.entry("code", code);
        w.entry("message", end.attempted ? end.error : end.reason);
      }
    }
  }
  if ((parts & part_payload) != 0) key("payload"), w.bin(task.payload);
  if ((parts & 256u) != 0) key("omitted"), w.array(1), w.str("payload");
  if ((parts & part_options) != 0) {
    // As they hold now: defaults filled in, times as the wall clock shows them.
    auto options = task.options;
    options.queue = ledger.queues[lane.queue].name;
    options.tenant = lane.tenant;
    options.priority = task.priority;
    if (options.deadline != 0) options.deadline = engine_.to_wall(options.deadline);
    if (options.not_before != 0) options.not_before = engine_.to_wall(options.not_before);
    key("options"), write_wire_options(w, options);
  }
  if ((parts & part_history) != 0 && !task.decisions.empty()) key("decisions"), write_decisions(w, task);
  if ((parts & part_history) != 0) {
    auto from = task.attempts.size() > history_shown ? task.attempts.size() - history_shown : 0;
    bool ended = task.end && task.end->attempted;
    key("history"), w.array(task.attempts.size() - from + (ended ? 1 : 0));
    auto name_of_worker = [&](std::uint32_t number) {
      auto at = ledger.workers.find(number);
      return at == ledger.workers.end() ? std::string() : at->second.name;
    };
    auto attempt = [&](std::uint32_t number, const engine::AttemptRecord& a) {
      bool error = !a.error.empty() || !a.error_code.empty();
      const auto spent = engine::decode_usage(a.usage).amounts;
      w.map((error ? 6u : 5u) + (spent.empty() ? 0u : 1u));
      if (!spent.empty()) w.str("usage"), engine::write_amounts(w, spent);
      w.entry_uint("attempt", number);
      w.entry("worker", name_of_worker(a.worker));
      w.entry_sint("started_at", a.started);
      w.entry_sint("ended_at", a.ended);
      w.entry("outcome", outcome_word(a.outcome));
      if (error) {
        w.str("error"), w.map(2);
        w.entry("code", a.error_code);
        w.entry("message", a.error);
      }
    };
    for (auto i = from; i < task.attempts.size(); ++i)
      attempt(task.attempts[i].attempt, task.attempts[i].record);
    if (ended) {
      engine::AttemptRecord last;
      last.worker = task.end->worker;
      last.started = task.award ? task.award->started : 0;
      last.ended = task.end->at;
      last.outcome = task.end->outcome;
      last.error_code = task.end->error_code;
      last.error = task.end->error;
      last.usage = task.end->usage;
      attempt(task.end->tries.attempts, last);
    }
  }
  msgpack::Writer(out).map(pairs);
  out += body;
}

void Broker::get(Peer& peer, const Frame& frame) {
  auto q = read_query(frame.body);
  if (!q.sound || q.id.empty())
    return refuse(peer, frame.header.request,
                  {Code::bad_message, "get takes a map with an id of 16 bytes", "id", 0});
  auto sequence = sequence_of(q.id);
  if (!sequence) return refuse(peer, frame.header.request, unknown_task(q.id));
  answer_get(peer.routing, peer.serial, frame.header.request, *sequence, q.parts);
}

void Broker::wait(Peer& peer, const Frame& frame) {
  auto q = read_query(frame.body);
  auto request = frame.header.request;
  if (!q.sound || q.id.empty())
    return refuse(peer, request, {Code::bad_message, "wait takes a map with an id of 16 bytes", "id", 0});
  auto sequence = sequence_of(q.id);
  if (!sequence) return refuse(peer, request, unknown_task(q.id));
  if (q.timeout_ms < 0 || q.timeout_ms > wait_max_ms)
    return refuse(
        peer, request,
        {Code::invalid, "timeout_ms is " + std::to_string(q.timeout_ms) + "; accepted: 0 to 3600000",
         "timeout_ms", 0});
  if (peer.principal->tenants.all) return wait_for(peer, request, *sequence, q.timeout_ms, q.parts);
  // Of another tenant's task not even the state may be told.
  look_up(*sequence, [this, routing = peer.routing, serial = peer.serial, request, sequence = *sequence,
                      timeout_ms = q.timeout_ms, parts = q.parts](const engine::LoadedTask& loaded) {
    auto* peer = peer_at(routing, serial);
    if (peer == nullptr) return;
    if (loaded.found && !visible(*peer, loaded.place.lane))
      return refuse(*peer, request, {Code::not_found, "no such task", ids_.make(sequence).text(), 0});
    wait_for(*peer, request, sequence, timeout_ms, parts);
  });
}

void Broker::wait_for(Peer& peer, std::uint64_t request, Sequence sequence, Millis limit, unsigned parts) {
  if (engine_.look(sequence) == engine::Engine::Known::ended)
    return answer_get(peer.routing, peer.serial, request, sequence, parts);
  if (waits_.size() >= waits_max) return refuse(peer, request, {Code::busy, "too many waits", {}, 1000});
  auto number = next_wait_++;
  auto at = engine_.now() + limit;
  waits_.emplace(number, Wait{at, peer.routing, peer.serial, request, sequence, parts});
  wait_ends_.emplace(at, number);
  waiting_for_.emplace(sequence, number);
}

// The task has ended: its waits are answered once that is durable.
void Broker::end_waits(Sequence sequence) {
  auto [from, to] = waiting_for_.equal_range(sequence);
  for (auto it = from; it != to; ++it) {
    auto found = waits_.find(it->second);
    wait_ends_.erase({found->second.at, found->first});
    after_commit([this, wait = std::move(found->second)] {
      answer_get(wait.routing, wait.serial, wait.request, wait.sequence, wait.parts);
    });
    waits_.erase(found);
  }
  waiting_for_.erase(from, to);
}

void Broker::time_out_waits() {
  while (!wait_ends_.empty() && wait_ends_.begin()->first <= engine_.now()) {
    auto number = wait_ends_.begin()->second;
    wait_ends_.erase(wait_ends_.begin());
    auto wait = std::move(waits_.at(number));
    waits_.erase(number);
    auto [from, to] = waiting_for_.equal_range(wait.sequence);
    waiting_for_.erase(std::find_if(from, to, [&](const auto& w) { return w.second == number; }));
    if (peer_at(wait.routing, wait.serial) != nullptr)
      refuse(wait.routing, wait.request,
             {Code::timeout, "the task has not ended in that time", ids_.make(wait.sequence).text(), 0});
  }
}

// --- cancel: what is queued has to be found in the store first, and may move meanwhile ---

struct Broker::CancelJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  std::string reason;
  Millis grace_ms = 0;
  std::vector<Sequence> sequences;
  std::vector<Code> codes;
  std::size_t open = 0;
};

void Broker::cancel(Peer& peer, const Frame& frame) {
  auto q = read_query(frame.body);
  auto request = frame.header.request;
  if (!q.sound)
    return refuse(peer, request, {Code::bad_message, "cancel takes a map with ids of 16 bytes", "ids", 0});
  if (q.ids.size() > limits::batch_items_max)
    return refuse(peer, request, {Code::too_large, "at most 4096 ids", "ids", 0});
  auto job = std::make_shared<CancelJob>();
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = request;
  job->reason = clip(q.reason, limits::error_bytes_max);
  job->grace_ms = q.grace_ms;
  for (auto raw : q.ids) {
    auto sequence = sequence_of(raw);
    job->sequences.push_back(sequence.value_or(0));
    job->codes.push_back(sequence ? Code::busy : Code::not_found);
  }
  job->open = 1;
  for (std::size_t i = 0; i < job->sequences.size(); ++i) {
    if (job->codes[i] != Code::busy) continue;
    const auto* lease = engine_.look(job->sequences[i]) == engine::Engine::Known::leased
                            ? &engine_.ledger().leases[engine_.ledger().lease_slots.find(job->sequences[i])]
                            : nullptr;
    if (lease != nullptr) {
      job->codes[i] = visible(peer, lease->lane)
                          ? engine_.cancel(job->sequences[i], job->reason, job->grace_ms, nullptr)
                          : Code::not_found;
      continue;
    }
    ++job->open;
    cancel_queued(job, i, 0);
  }
  push_endings();
  end_cancel(job);
}

void Broker::cancel_queued(const std::shared_ptr<CancelJob>& job, std::size_t i, std::size_t tries) {
  look_up(job->sequences[i], [this, job, i, tries](const engine::LoadedTask& loaded) {
    auto* peer = peer_at(job->routing, job->serial);
    if (peer == nullptr) return;
    if (loaded.found && !visible(*peer, loaded.place.lane)) {
      job->codes[i] = Code::not_found;
      return end_cancel(job);
    }
    job->codes[i] = engine_.cancel(job->sequences[i], job->reason, job->grace_ms, &loaded);
    push_endings();
    if (job->codes[i] == Code::busy && tries < lookups_again_max) return cancel_queued(job, i, tries + 1);
    end_cancel(job);
  });
}

void Broker::end_cancel(const std::shared_ptr<CancelJob>& job) {
  if (--job->open != 0) return;
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  msgpack::Writer w(answer(*peer, job->request));
  w.array(job->codes.size());
  for (auto code : job->codes) w.uint(static_cast<std::uint64_t>(code));
}

}  // namespace hirehall::server
