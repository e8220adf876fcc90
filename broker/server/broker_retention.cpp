// Retention: ended tasks are forgotten in pieces of 1,024, oldest first. One piece of work after the other:
//   decide (times of commits are read) → fact → once it is durable: whole files go, then single records.
#include <algorithm>
#include <set>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/mutant.h"
#include "common/pack.h"

namespace hirehall::server {
namespace {

constexpr std::size_t segments_per_pass = 4096;
constexpr std::size_t records_per_slice = 1024;
constexpr std::size_t pressed_part = 16;  // of what may go, when it takes too much space

// When everything of `commit` had been decided: the next one begins later. Nothing when there is none yet.
Result<std::optional<Millis>> end_of_commit(const store::View& view, std::uint64_t commit) {
  std::optional<Millis> time;
  auto done = view.scan(store::Family::facts, store::number_key(commit + 1), {},
                        [&](std::string_view, std::string_view part) {
                          if (engine::PartReader facts(part); facts.ok()) time = facts.now();
                          return false;
                        });
  if (!done) return tl::unexpected<Error>(done.error());
  return time;
}

// How many of `commits`, which rise, ended before `before`.
Result<std::size_t> old_enough(const store::View& view, const std::vector<std::uint64_t>& commits,
                               Millis before) {
  std::size_t low = 0;
  std::size_t high = commits.size();
  while (low < high) {
    auto middle = low + (high - low) / 2;
    auto time = end_of_commit(view, commits[middle]);
    if (!time) return tl::unexpected<Error>(time.error());
    if (*time && **time <= before)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Records of tasks and segments in [from, to), but for those of `staying` tasks; at most `most`.
Result<std::vector<std::string>> records_between(const store::View& view, Sequence from, Sequence to,
                                                 const std::set<Sequence>& staying, std::size_t most) {
  std::vector<std::string> keys;
  auto gather = [&](const std::string& first, const std::string& end) {
    return view.scan(store::Family::records, first, end, [&](std::string_view key, std::string_view) {
      if (key[0] == engine::segment_record_tag || !staying.contains(store::number_of(key.substr(1))))
        keys.emplace_back(key);
      return keys.size() < most;
    });
  };
  for (char tag : engine::task_record_tags) {
    if (keys.size() == most) break;
    auto done = gather(engine::record_key(tag, from), engine::record_key(tag, to));
    if (!done) return tl::unexpected<Error>(done.error());
  }
  if (keys.size() == most) return keys;
  auto tag = engine::segment_record_tag;
  auto done = gather(engine::record_key(tag, engine::segment_of(from)),
                     engine::record_key(tag, engine::segment_of(to)));
  if (!done) return tl::unexpected<Error>(done.error());
  return keys;
}

}  // namespace

// Called each second.
void Broker::look_at_retention() {
  if (reclaiming_ || clock_.held()) return;
  const auto& ledger = engine_.ledger();
  if (swept_ < ledger.reclaimed_sequence) {  // also after a restart in the middle
    reclaiming_ = true;
    return drop_reclaimed({});
  }
  auto before = engine_.now() - engine_.longest_retention();
  auto commits = engine_.reclaimable(segments_per_pass);
  auto gone = engine_.stragglers_ended_before(before);
  if (commits.empty() && gone.empty()) return;
  std::uint64_t allowed = 0;
  for (const auto& queue : ledger.queues) {
    auto most = queue.settings.retention_bytes;
    allowed = allowed + most < allowed ? UINT64_MAX : allowed + most;
  }
  bool pressed = store_.space().used_bytes > allowed;
  reclaiming_ = true;
  read_later([this, commits, before, pressed, gone](const store::View& view, std::uint64_t) -> Reader::Then {
    auto count = old_enough(view, commits, before);
    if (count && pressed) count = std::max(*count, (commits.size() + pressed_part - 1) / pressed_part);
    return [this, count, gone] {
      if (!count) return failed(count.error());
      reclaiming_ = *count != 0 || !gone.empty();
      if (reclaiming_) copy_stragglers(*count, gone);
    };
  });
}

// What stays of the segments that go is copied, in the same commit that says that they are gone.
void Broker::copy_stragglers(std::size_t segments, const std::vector<Sequence>& gone) {
  auto copies = std::make_shared<std::vector<engine::Straggler>>(engine_.stragglers(segments));
  std::vector<std::uint64_t> ended_in;
  for (const auto& straggler : *copies)
    ended_in.push_back(straggler.dead ? engine_.ledger().segments.commit_of(straggler.sequence) : 0);
  read_later(
      [this, segments, gone, copies, ended_in](const store::View& view, std::uint64_t) -> Reader::Then {
        auto error = std::make_shared<std::optional<Error>>();
        {
          BodyFinder finder(view, read_templates_);
          for (std::size_t i = 0; i < copies->size() && !*error; ++i)
            if (auto copied = copy_straggler(view, finder, (*copies)[i], ended_in[i]); !copied)
              *error = copied.error();
        }
        return [this, segments, gone, copies, error] {
          if (*error) return failed(**error);
          if (!engine_.reclaim(segments, *copies, gone)) {
            reclaiming_ = false;  // one of them moved meanwhile: the next second tries again
            return;
          }
          log::info("ended tasks are past their retention",
                    {{"below", engine_.ledger().reclaimed_sequence},
                     {"segments", segments},
                     {"stragglers", engine_.ledger().segments.stragglers().size()}});
          drop_reclaimed(gone);
        };
      });
}

// Behind the commit that says so. A body record may begin below the border and reach over it: it stays.
void Broker::drop_reclaimed(const std::vector<Sequence>& gone) {
  const auto& ledger = engine_.ledger();
  read_later([this, gone, sequence = ledger.reclaimed_sequence, commit = ledger.reclaimed_commit](
                 const store::View& view, std::uint64_t) -> Reader::Then {
    auto error = std::make_shared<std::optional<Error>>();
    auto note = [&](const Status& done) {
      if (!done) *error = done.error();
    };
    auto border = view.floor(store::Family::bodies, store::number_key(sequence));
    if (!border)
      *error = border.error();
    else if (*border)
      note(store_.drop_before(store::Family::bodies, (*border)->key));
    note(store_.drop_before(store::Family::facts, store::number_key(commit)));
    auto keys = std::make_shared<std::vector<std::string>>();
    for (auto straggler : gone)
      if (auto of_it = records_between(view, straggler, straggler + 1, {}, SIZE_MAX); of_it)
        keys->insert(keys->end(), of_it->begin(), of_it->end());
      else
        *error = of_it.error();
    return [this, sequence, keys, error] {
      if (*error) return failed(**error);
      engine_.erase_records(*keys);
      sweep_records(sequence);
    };
  });
}

void Broker::sweep_records(Sequence until) {
  std::set<Sequence> staying;
  for (const auto& [sequence, straggler] : engine_.ledger().segments.stragglers())
    if (!HH_MUTANT("stragglers_swept")) staying.insert(sequence);
  read_later([this, staying = std::move(staying), from = swept_, until](const store::View& view,
                                                                        std::uint64_t) -> Reader::Then {
    auto keys = records_between(view, from, until, staying, records_per_slice);
    return [this, until, keys] {
      if (!keys) return failed(keys.error());
      engine_.erase_records(*keys);
      if (keys->size() == records_per_slice) return sweep_records(until);
      swept_ = until;
      reclaiming_ = false;
    };
  });
}

}  // namespace hirehall::server
