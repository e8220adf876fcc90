// Which sequences have ended, and in which commit: 1,024 sequences to a segment.
// A segment where nothing has ended costs nothing, one where everything has ended costs one shared mark.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/task.h"

namespace hirehall::engine {

inline constexpr std::uint64_t segment_size = 1024;
inline constexpr std::uint64_t segment_of(Sequence s) {
  return s / segment_size;
}

class Segments {
 public:
  bool ended(Sequence s) const {
    const auto* cell = find(segment_of(s));
    if (cell == nullptr) return false;
    if (cell == full_mark()) return segment_of(s) >= low_ || !open_straggler(s);
    return cell->bit(s % segment_size);
  }

  // Says that `s` ended in `commit`. When the segment is complete its whole result table is returned (once).
  void end(Sequence s, std::uint64_t commit, State state, Millis now);
  void note_replayed(Sequence s, Millis now);  // it is no dead letter any more

  // What has to be known of a segment to forget it; commits rise, so the last ending completes it.
  struct Summary {
    std::uint64_t first = 0;  // commit of its first ending; 0: none yet
    std::uint64_t last = 0;   // commit of its latest ending
    std::uint16_t failed = 0, cancelled = 0, expired = 0;
    std::vector<std::uint16_t> dead;  // dead letters among the failed, by offset
  };
  std::uint64_t low() const { return low_; }

  // A task of a forgotten segment that stays: an open one, a dead letter, or one that ended since.
  struct Straggler {
    State state = State::ready;  // or the terminal one
    bool dead = false;
    Millis ended = 0;
  };
  const std::map<Sequence, Straggler>& stragglers() const { return stragglers_; }
  void forget_straggler(Sequence s) { stragglers_.erase(s); }
  const Summary& summary(std::uint64_t segment) const;  // not of forgotten ones
  // The first commit in which a task of `segment` or above ended; `none` when there is none.
  std::uint64_t first_commit(std::uint64_t segment, std::uint64_t none) const;

  // Result tables to be stored: complete segments gathered since the last call.
  struct Table {
    std::uint64_t segment = 0;
    std::string value;  // encoded entries, see docs/storage.md
  };
  std::vector<Table> take_complete();
  // Also those that are not complete: before a snapshot, and when they take too much memory.
  std::vector<Table> take_all();
  std::size_t pending_entries() const { return pending_; }
  // The commit in which `s` ended, when its table has not been taken yet; 0 otherwise.
  std::uint64_t commit_of(Sequence s) const;
  // From a stored table value; 0 when `offset` is not in it.
  static std::uint64_t commit_in(const std::string& value, std::uint64_t offset);

  // Calls visit(sequence) for each not ended sequence of the segment below `end`.
  template <typename Visit>
  void each_open(std::uint64_t segment, Sequence end, Visit&& visit) const {
    for (Sequence s = segment * segment_size; s < (segment + 1) * segment_size && s < end; ++s)
      if (!ended(s)) visit(s);
  }
  std::uint32_t ended_in(std::uint64_t segment) const;
  // Forgets everything below `segment`: from then on they count as ended, but for open ones and dead letters.
  void forget_below(std::uint64_t segment, Millis now);

  void save(std::string& out) const;
  bool load(const char*& at, const char* end);

 private:
  struct Segment {
    std::array<std::uint64_t, segment_size / 64> bits{};
    std::uint32_t count = 0;
    struct Ending {
      std::uint16_t offset;
      std::uint64_t commit;
    };
    std::vector<Ending> endings;  // not stored yet

    bool bit(std::uint64_t i) const { return ((bits[i / 64] >> (i % 64)) & 1) != 0; }
  };
  static constexpr std::size_t page_size = 1024;  // segments to a page
  struct Page {
    std::array<Segment*, page_size> cells{};
    std::uint32_t full = 0;
  };

  bool open_straggler(Sequence s) const {
    auto at = stragglers_.find(s);
    return at != stragglers_.end() && !terminal(at->second.state);
  }
  static Segment* full_mark();
  static Page* full_page();
  const Segment* find(std::uint64_t segment) const;
  Segment* touch(std::uint64_t segment);
  void complete(std::uint64_t segment, Segment* cell);
  Summary& summary_of(std::uint64_t segment);
  void save_summaries(std::string& out) const;
  void load_full(std::uint64_t from, std::uint64_t width);  // segments
  static std::string encode(const std::vector<Segment::Ending>& endings);

  std::vector<Page*> pages_;
  std::map<Sequence, Straggler> stragglers_;
  std::deque<Summary> summaries_;  // from low_ on
  std::uint64_t low_ = 0;          // segments below have ended and are forgotten
  std::vector<Table> complete_;
  std::size_t pending_ = 0;

 public:
  Segments() = default;
  Segments(const Segments&) = delete;
  Segments& operator=(const Segments&) = delete;
  ~Segments();
};

}  // namespace hirehall::engine
