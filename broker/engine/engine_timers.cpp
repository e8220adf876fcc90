// Timers: what the store keeps in order of time, of which the next ones are resident.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"

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
  for (const auto& key : expiring_) timers_.erase(key);
  durable(durable_);
}

void Engine::fire_timers() {
  BecameDue due;
  auto index_from = index_.size();
  for (std::size_t fired = 0; fired < timers_per_turn && !timers_.empty(); ++fired) {
    auto at = timers_.begin();
    auto timer = read_timer_key(at->first);
    HH_CHECK(timer.has_value(), "resident timers have well-formed keys");
    if (timer->due > now_) break;
    auto key = at->first;
    auto value = std::move(at->second);
    timers_.erase(at);
    if (timer->kind == TimerKind::expire && look(timer->number) == Known::queued) {
      // Where it is queued has to be looked up; the timer stays in the store until then.
      expiring_.insert(key);
      expiring_timer_.emplace(timer->number, key);
      outputs_.lookups.push_back({timer->number, timer->kind});
      continue;
    }
    index_.push_back({Shelving::timers, true, key, {}});
    if (timer->kind == TimerKind::start && look(timer->number) == Known::queued) {
      DueItem item;
      HH_CHECK(decode_record(value, item), "start timers hold where the task goes");
      move(item.sequence);
      due.items.push_back(std::move(item));
    } else if (timer->kind == TimerKind::expire) {
      if (auto* lease = ledger_.lease_of(timer->number); lease != nullptr && lease->deadline != 0) {
        StopAsked fact{timer->number, State::expired, "deadline"};
        record(fact);
        outputs_.stops.push_back({lease->worker, lease->token, 0, "deadline"});
      }
    } else if (timer->kind == TimerKind::key) {
      auto recent = recent_keys_.find(value);
      bool reused = recent != recent_keys_.end() && recent->second.sequence != timer->number;
      if (!reused) {
        recent_keys_.erase(value);
        index_.push_back({Shelving::records, true, value, {}});
      }
    }
  }
  if (!due.items.empty()) record(due);
  if (index_.size() != index_from) note_index_writes(index_from);
}

void Engine::looked_up(Sequence sequence, const LoadedTask& loaded) {
  auto at = expiring_timer_.find(sequence);
  if (at == expiring_timer_.end()) return;
  auto key = at->second;
  if (look(sequence) == Known::queued && loaded.found) {
    if (moved_since(sequence, loaded.view_commit)) {
      outputs_.lookups.push_back({sequence, TimerKind::expire});
      return;
    }
    Dropped fact{sequence,     loaded.state,    State::expired,
                 loaded.place, loaded.producer, "expired before it was started"};
    record(fact);
  } else if (auto* lease = ledger_.lease_of(sequence); lease != nullptr && lease->deadline != 0) {
    StopAsked fact{sequence, State::expired, "deadline"};
    record(fact);
    outputs_.stops.push_back({lease->worker, lease->token, 0, "deadline"});
  }
  expiring_timer_.erase(at);
  expiring_.erase(key);
  auto from = index_.size();
  index_.push_back({Shelving::timers, true, key, {}});
  note_index_writes(from);
}

}  // namespace hirehall::engine
