// Retention: which ended tasks may be forgotten. When is the owner's to say, who can read the times of
// commits.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Engine::note_retention(Millis retention_ms) {
  KeptLonger fact{retention_ms};
  record(fact);
}

Millis Engine::longest_retention() const {
  auto longest = ledger_.longest_retention;
  for (const auto& queue : ledger_.queues) longest = std::max(longest, queue.settings.retention_ms);
  return longest;
}

std::vector<std::uint64_t> Engine::reclaimable(std::size_t most) const {
  std::vector<std::uint64_t> commits;
  std::uint64_t last = 0;
  const auto& segments = ledger_.segments;
  for (auto s = segments.low(); s < segment_of(snapshot_sequence_) && commits.size() < most; ++s) {
    const auto& summary = segments.summary(s);
    if (summary.last == 0 || summary.dead != 0) break;
    last = std::max(last, summary.last);
    commits.push_back(last);
  }
  return commits;
}

void Engine::reclaim(std::size_t count) {
  const auto& segments = ledger_.segments;
  auto from = segments.low();
  auto until = from + std::min(count, reclaimable(count).size());
  if (until == from) return;
  Reclaimed fact;
  fact.sequence = until * segment_size;
  fact.removed =
      (until - from) * segment_size - (from == 0 ? 1 : 0) - (HH_MUTANT("removed_miscounted") ? 1 : 0);
  // Facts are needed from the snapshot on, and of every end that is still to be told.
  fact.commit = segments.first_commit(until, snapshot_commit_);
  record(fact);
}

void Engine::erase_records(const std::vector<std::string>& keys) {
  for (const auto& key : keys) index_.push_back({Shelving::records, true, key, {}});
}

}  // namespace hirehall::engine
