// Folding what is said about dead letters and forgetting: how long records stay, and which are gone.
#include "broker/engine/ledger.h"

namespace hirehall::engine {

void Ledger::apply(KeptLonger& fact) {
  longest_retention = std::max(longest_retention, fact.retention_ms);
}

void Ledger::apply(Replayed& fact) {
  auto queue = lanes[fact.lane].queue;
  --queues[queue].dead;
  segments.note_replayed(fact.sequence, now);
  if (index == nullptr) return;
  index->push_back({Shelving::records, true, dead_key(queue, fact.sequence), {}});
  std::string value;
  Packer(value).uint(fact.as);
  index->push_back({Shelving::records, false, replay_key(fact.sequence), std::move(value)});
}

void Ledger::apply(DeadPurged& fact) {
  for (auto sequence : fact.sequences) {
    --queues[fact.queue].dead;
    segments.note_replayed(sequence, now);
    if (index != nullptr) index->push_back({Shelving::records, true, dead_key(fact.queue, sequence), {}});
  }
}

void Ledger::apply(Reclaimed& fact) {
  reclaimed_sequence = std::max(reclaimed_sequence, fact.sequence);
  reclaimed_commit = std::max(reclaimed_commit, fact.commit);
  books.removed += fact.removed;
  auto left = fact.removed;
  auto forget = [&](State state, std::uint64_t n) {
    books.tasks[static_cast<std::size_t>(state)] -= n;
    left -= n;
  };
  for (auto s = segments.low(); s < segment_of(fact.sequence); ++s) {
    const auto& summary = segments.summary(s);
    forget(State::failed, summary.failed - summary.dead.size());
    forget(State::cancelled, summary.cancelled);
    forget(State::expired, summary.expired);
  }
  for (auto sequence : fact.gone) {
    forget(segments.stragglers().at(sequence).state, 1);
    segments.forget_straggler(sequence);
  }
  forget(State::succeeded, left);
  segments.forget_below(segment_of(fact.sequence), now);
}

}  // namespace hirehall::engine
