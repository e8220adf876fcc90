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
  auto stragglers = segments.stragglers().size();
  for (auto s = segments.low(); s < segment_of(snapshot_sequence_) && commits.size() < most; ++s) {
    const auto& summary = segments.summary(s);
    auto staying = segment_size - segments.ended_in(s) + summary.dead.size();
    stragglers += staying;
    if (staying > limits::stragglers_per_segment_max || stragglers > limits::stragglers_max) break;
    last = std::max(last, summary.last);
    commits.push_back(last);
  }
  return commits;
}

std::vector<Straggler> Engine::stragglers(std::size_t count) const {
  std::vector<Straggler> found;
  const auto& segments = ledger_.segments;
  for (auto s = segments.low(); s < segments.low() + count; ++s) {
    if (segments.ended_in(s) != segment_size)
      segments.each_open(s, (s + 1) * segment_size, [&](Sequence sequence) {
        found.push_back({sequence, false, {}, {}});
      });
    for (auto offset : segments.summary(s).dead) found.push_back({s * segment_size + offset, true, {}, {}});
  }
  return found;
}

std::vector<Sequence> Engine::stragglers_ended_before(Millis before) const {
  std::vector<Sequence> gone;
  for (const auto& [sequence, straggler] : ledger_.segments.stragglers())
    if (terminal(straggler.state) && (!straggler.dead || HH_MUTANT("dead_letters_go")) &&
        straggler.ended <= before)
      gone.push_back(sequence);
  return gone;
}

bool Engine::reclaim(std::size_t count, const std::vector<Straggler>& copies, std::vector<Sequence> gone) {
  count = std::min(count, reclaimable(count).size());
  std::map<Sequence, const Straggler*> by_sequence;
  for (const auto& copy : copies) by_sequence.emplace(copy.sequence, &copy);
  auto staying = stragglers(count);
  for (const auto& straggler : staying) {
    auto copy = by_sequence.find(straggler.sequence);
    if (copy == by_sequence.end() || copy->second->body.empty() ||
        copy->second->end.empty() == straggler.dead)
      return false;
  }
  if (count == 0 && gone.empty()) return true;
  const auto& segments = ledger_.segments;
  auto from = segments.low();
  auto until = from + count;
  Reclaimed fact;
  fact.sequence = until * segment_size;
  fact.removed = count * segment_size - (from == 0 && count != 0 ? 1 : 0) - staying.size() + gone.size() -
                 (HH_MUTANT("removed_miscounted") ? 1 : 0);
  fact.gone = std::move(gone);
  // Facts are needed from the snapshot on, and of every end that is still to be told.
  fact.commit = segments.first_commit(until, snapshot_commit_);
  record(fact);
  for (const auto& straggler : staying) {
    const auto& copy = *by_sequence.at(straggler.sequence);
    index_.push_back({Shelving::records, false, straggler_body_key(copy.sequence), copy.body});
    if (copy.dead) index_.push_back({Shelving::records, false, straggler_end_key(copy.sequence), copy.end});
  }
  return true;
}

void Engine::erase_records(const std::vector<std::string>& keys) {
  for (const auto& key : keys) index_.push_back({Shelving::records, true, key, {}});
}

}  // namespace hirehall::engine
