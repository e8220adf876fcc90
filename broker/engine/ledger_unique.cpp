// Unique keys that go by a rule, as facts fold.
#include <utility>

#include "broker/engine/ledger.h"
#include "common/check.h"
#include "common/digest.h"
#include "common/mutant.h"

namespace hirehall::engine {

std::string coalesced_key(Sequence sequence) {
  return record_key('n', sequence);
}

// --- who has which key ---

bool Uniques::holds(Sequence sequence, Millis now) const {
  const auto* task = of(sequence);
  if (task == nullptr || (task->over != 0 && task->over <= now)) return false;
  auto at = holders_.find(task->key);
  return at != holders_.end() && at->second == sequence;
}

Sequence Uniques::holder(const std::string& key, Millis now) const {
  auto at = holders_.find(key);
  return at != holders_.end() && holds(at->second, now) ? at->second : 0;
}

const UniqueTask* Uniques::of(Sequence sequence) const {
  auto at = tasks_.find(sequence);
  return at == tasks_.end() ? nullptr : &at->second;
}

UniqueTask* Uniques::of(Sequence sequence) {
  auto at = tasks_.find(sequence);
  return at == tasks_.end() ? nullptr : &at->second;
}

void Uniques::enter(Sequence sequence, UniqueTask task, Millis now) {
  while (!over_.empty() && over_.begin()->first <= now) {
    const auto gone = over_.begin()->second;
    auto& late = tasks_.at(gone);
    free_key(gone, late);
    over_.erase(over_.begin());
    late.over = 0;
    tasks_.erase(gone);
  }
  if (task.over != 0) over_.emplace(task.over, sequence);
  holders_.emplace(task.key, sequence);
  tasks_.insert_or_assign(sequence, std::move(task));
}

void Uniques::hand_over(Sequence to) {
  if (const auto* task = of(to)) holders_.insert_or_assign(task->key, to);
}

void Uniques::moved(Sequence sequence, State state) {
  if (auto* task = of(sequence)) task->state = state;
}

void Uniques::started(Sequence sequence) {
  auto* task = of(sequence);
  if (task == nullptr) return;
  task->started = true;
  task->place.limit_keys.clear();
  if (task->until == UniqueUntil::start) forget(sequence);
}

void Uniques::ended(Sequence sequence) {
  auto* task = of(sequence);
  if (task == nullptr) return;
  task->ended = true;
  auto at = holders_.find(task->key);
  const bool holding = at != holders_.end() && at->second == sequence;
  if (task->until != UniqueUntil::unsaid || !holding) forget(sequence);
}

void Uniques::free_key(Sequence sequence, const UniqueTask& task) {
  auto at = holders_.find(task.key);
  if (at != holders_.end() && at->second == sequence) holders_.erase(at);
}

void Uniques::forget(Sequence sequence) {
  auto at = tasks_.find(sequence);
  free_key(sequence, at->second);
  over_.erase({at->second.over, sequence});
  tasks_.erase(at);
}

// --- facts ---

void Ledger::enter_unique(Sequence sequence, const Body& body, const TaskOptions& options, State state) {
  if (index == nullptr && HH_MUTANT("uniques_not_replayed")) return;
  const auto& lane = lanes[body.lane];
  UniqueTask task;
  task.key = unique_key(lane.queue, lane.tenant, options.unique_key);
  task.digest = digest_of(options.type, body.payload);
  task.until = unique_until(options.unique_until, options.unique_for_ms, options.on_conflict);
  task.over = options.unique_for_ms == 0 ? 0 : now + options.unique_for_ms;
  task.coalesces = coalesces(body.flags, options);
  task.state = state;
  task.due = state == State::scheduled ? options.not_before : 0;
  task.place = {body.lane, body.class_, body.priority, options.deadline, options.limit_keys};
  task.producer = options.producer;
  uniques.enter(sequence, std::move(task), now);
}

void Ledger::apply(Superseded& fact) {
  uniques.hand_over(fact.by);
  if (index == nullptr) return;
  std::string value;
  Packer(value).uint(fact.by);
  index->push_back({Shelving::records, false, replay_key(fact.sequence), std::move(value)});
}

void Ledger::apply(Coalesced& fact) {
  auto* task = uniques.of(fact.sequence);
  if (task == nullptr && HH_MUTANT("uniques_not_replayed")) return;
  HH_CHECK(task != nullptr && !task->started && !task->ended, "what coalesces waits");
  ++task->coalesced;
  if (fact.edits) task->digest = digest_of(classes[task->place.class_].type, fact.payload);
  const bool put_off = fact.due != 0 && task->state == State::scheduled;
  const auto due = put_off ? std::exchange(task->due, fact.due) : 0;
  if (index != nullptr) {
    std::string value;
    Packer(value).uint(task->coalesced);
    Packer(value).sint(task->state == State::scheduled ? task->due : 0);
    index->push_back({Shelving::records, false, coalesced_key(fact.sequence), std::move(value)});
    if (fact.edits && !HH_MUTANT("coalesced_payload_lost"))
      index->push_back({Shelving::records, false, edited_key(fact.sequence), std::string(fact.payload)});
  }
  if (!put_off) return;
  if (index != nullptr)
    index->push_back({Shelving::timers, true, timer_key(due, TimerKind::start, fact.sequence), {}});
  write_due(fact.sequence, fact.due, task->place, {});
}

}  // namespace hirehall::engine
