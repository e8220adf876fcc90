// Timers: what the store keeps in order of time, of which the next ones are resident.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t timers_per_turn = 1024;
constexpr std::size_t timers_per_read = 4096;
constexpr Millis horizon_ms = 60000;

}  // namespace

// New timers that are due before what is resident ends become resident too.
void Engine::note_index_writes(std::size_t from) {
  for (auto i = from; i < index_.size(); ++i) {
    const auto& w = index_[i];
    if (w.where != Shelving::timers) continue;
    timer_changes_.push_back({ledger_.commit, w.erase, w.key, w.value});
    if (w.erase)
      timers_.erase(w.key);
    else if (timers_complete_ || w.key <= timers_until_)
      timers_.insert_or_assign(w.key, w.value);
  }
  if (timers_.size() > limits::scheduled_resident_max) {
    while (timers_.size() > limits::scheduled_resident_max / 2) timers_.erase(std::prev(timers_.end()));
    timers_until_ = timers_.rbegin()->first;
    timers_complete_ = false;
  }
}

void Engine::want_timers() {
  if (timers_asked_ || timers_complete_) return;
  if (timers_.size() > timers_per_turn) return;
  auto until = read_timer_key(timers_until_);
  if (until && until->due > now_ + horizon_ms) return;
  timers_asked_ = true;
  outputs_.timers.push_back({timers_until_, timers_per_read});
}

void Engine::timers_read(std::uint64_t view_commit, std::vector<std::pair<std::string, std::string>> timers,
                         bool all) {
  timers_asked_ = false;
  if (std::exchange(timers_stale_, false)) return durable(durable_);
  timers_complete_ = all;
  if (!timers.empty()) timers_until_ = timers.back().first;
  for (auto& [key, value] : timers) timers_.insert_or_assign(std::move(key), std::move(value));
  // The picture may be older than what was decided since.
  for (const auto& change : timer_changes_) {
    if (change.commit <= view_commit) continue;
    if (change.erase)
      timers_.erase(change.key);
    else if (all || change.key <= timers_until_)
      timers_.insert_or_assign(change.key, change.value);
  }
  for (const auto& key : parked_) timers_.erase(key);
  durable(durable_);
}

// From the first stored timer on: some were passed over.
void Engine::read_timers_again() {
  timers_.clear();
  timers_until_.clear();
  timers_complete_ = false;
  timers_stale_ = timers_asked_;
}

void Engine::erase_timer(const std::string& key) {
  auto from = index_.size();
  index_.push_back({Shelving::timers, true, key, {}});
  note_index_writes(from);
}

// While the clock is in doubt what expires is passed over; all is read again from the store afterwards.
void Engine::fire_timers() {
  BecameDue due;
  for (std::size_t fired = 0; fired < timers_per_turn && !timers_.empty(); ++fired) {
    auto at = timers_.begin();
    auto timer = read_timer_key(at->first);
    HH_CHECK(timer.has_value(), "resident timers have well-formed keys");
    if (timer->due > now_ + (HH_MUTANT("due_too_early") ? 2000 : 0)) break;
    auto key = at->first;
    auto value = std::move(at->second);
    timers_.erase(at);
    switch (timer->kind) {
      case TimerKind::start:
        erase_timer(key);
        if (look(timer->number) == Known::queued) {
          DueItem item;
          HH_CHECK(decode_record(value, item), "start timers hold where the task goes");
          move(item.sequence);
          due.items.push_back(std::move(item));
        }
        break;
      case TimerKind::expire:
        if (!held_) fire_expiry(*timer, key);
        break;
      case TimerKind::key:
        if (held_) break;
        erase_timer(key);
        recent_keys_.erase(value);
        index_.push_back({Shelving::records, true, value, {}});
        break;
      case TimerKind::unique:
        erase_timer(key);
        fire_unique(*timer, value);
        break;
      case TimerKind::question:
        if (!held_) fire_question(*timer, key);
        break;
      case TimerKind::producer:
        erase_timer(key);
        break;
    }
  }
  if (!due.items.empty()) record(due);
}

// Whether it still waits has to be looked up, also when another timer of the task is parked: that one's
// lookup may have left it so.
void Engine::fire_question(const Timer& timer, const std::string& key) {
  if (look(timer.number) != Known::queued) return erase_timer(key);
  outputs_.lookups.push_back({timer.number, TimerKind::question});
  park(timer.number, key);
}

void Engine::fire_expiry(const Timer& timer, const std::string& key) {
  switch (look(timer.number)) {
    case Known::never:
    case Known::ended:
      return erase_timer(key);
    case Known::queued:
      // Where it is queued has to be looked up.
      outputs_.lookups.push_back({timer.number, TimerKind::expire});
      return park(timer.number, key);
    case Known::leased:
      auto& lease = *ledger_.lease_of(timer.number);
      if (lease.deadline != timer.due) return park(timer.number, key);  // runs: no time to live counts now
      erase_timer(key);
      return expire_lease(lease);
  }
}

// The lease of a task past its deadline is over at once: its worker is told so, and its finish will be stale.
void Engine::expire_lease(Lease& lease) {
  StopAsked fact{lease.sequence, State::expired, "deadline"};
  record(fact);
  stop_reasons_.insert_or_assign(lease.sequence, "deadline");
  FinishItem how;
  how.outcome = Outcome::cancelled;
  how.error_code = "deadline";
  end_leases(lease.worker, {lease.token}, how, true);
}

// The record of a unique key goes some time after its task has ended.
void Engine::fire_unique(const Timer& timer, const std::string& value) {
  auto from = index_.size();
  if (look(timer.number) == Known::ended)
    index_.push_back({Shelving::records, true, value, {}});
  else
    index_.push_back(
        {Shelving::timers, false, timer_key(now_ + unique_look_ms, TimerKind::unique, timer.number), value});
  note_index_writes(from);
}

void Engine::park(Sequence sequence, const std::string& key) {
  parked_.insert(key);
  parked_by_task_[sequence].insert(key);
}

// Its parked timers fire again, wherever it is now.
void Engine::unpark(Sequence sequence) {
  auto at = parked_by_task_.find(sequence);
  if (at == parked_by_task_.end()) return;
  for (const auto& key : at->second) {
    parked_.erase(key);
    timers_.emplace(key, std::string());
  }
  parked_by_task_.erase(at);
}

void Engine::looked_up(Sequence sequence, const LoadedTask& loaded) {
  if (!watch_.cancelling.empty()) cancel_looked_up(sequence, loaded);
  auto at = parked_by_task_.find(sequence);
  if (at == parked_by_task_.end()) return;  // it moved, and its timers fired again
  if (look(sequence) != Known::queued || !loaded.found || held_) return unpark(sequence);
  if (moved_since(sequence, loaded.view_commit)) {
    outputs_.lookups.push_back({sequence, TimerKind::expire});
    return;
  }
  if (question_looked_up(sequence, loaded)) return;
  at = parked_by_task_.find(sequence);
  bool deadline = false;
  for (const auto& key : at->second) deadline |= read_timer_key(key)->due == loaded.place.deadline;
  // Who waits for an answer is not queued: its time to live goes on counting when the answer is there.
  if (loaded.state == State::suspended && !deadline) return;
  Dropped fact{sequence,     loaded.state,    State::expired,
               loaded.place, loaded.producer, deadline ? "deadline" : "ttl"};
  record(fact);
  tell_dropped(fact, &loaded);
  unpark(sequence);
}

}  // namespace hirehall::engine
