// Every change of durable state, as it is stored and replayed (docs/storage.md, "Facts").
// A fact says what was decided, with absolute values: applying it needs no clock, no chance and no disk.
// Here: tasks, those who submit them and those who do them. What stands around them is in facts_frame.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/facts_frame.h"
#include "common/ids.h"
#include "common/task.h"

namespace hirehall::engine {

// Counts against the limits of a task, carried by it from attempt to attempt.
struct Tries {
  std::uint32_t attempts = 0;
  std::uint32_t failures = 0;
  std::uint32_t losses = 0;
  bool checkpoint = false;  // a checkpoint is stored
  bool answer = false;      // an answer is stored

  bool fresh() const { return attempts == 0 && !checkpoint && !answer; }
  template <typename A>
  void archive(A& a) {
    a(attempts, failures, losses, checkpoint, answer);
  }
  friend bool operator==(const Tries&, const Tries&) = default;
};

// Where a ready task stands in line.
struct Place {
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint8_t priority = limits::priority_default;
  Millis deadline = 0;  // not 0: ordered by it
  std::vector<std::string> limit_keys;

  template <typename A>
  void archive(A& a) {
    a(lane, class_, priority, deadline, limit_keys);
  }
};

struct ProducerOpened {
  static constexpr auto kind = FactKind::producer_opened;
  std::uint64_t producer = 0;
  std::string token;
  std::string principal;
  template <typename A>
  void archive(A& a) {
    a(producer, token, principal);
  }
};

struct ProducerClosed {
  static constexpr auto kind = FactKind::producer_closed;
  std::uint64_t producer = 0;
  template <typename A>
  void archive(A& a) {
    a(producer);
  }
};

// An item of a batch that did not simply become the next sequence.
struct Exception {
  std::uint32_t index = 0;
  std::uint32_t code = 0;  // 0: the task `existing` stands for it (idempotency)
  Sequence existing = 0;
  std::string message;
  template <typename A>
  void archive(A& a) {
    a(index, code, existing, message);
  }
};

// `count` items, of which those without an exception are the sequences from `first` on, in order; their
// bodies are in the body records of the same commit.
struct Submitted {
  static constexpr auto kind = FactKind::submitted;
  std::uint64_t producer = 0;  // 0: none (replays of dead letters)
  std::uint64_t batch = 0;
  std::uint64_t acked = 0;
  Sequence first = 0;
  std::uint32_t count = 0;
  std::vector<Exception> exceptions;
  template <typename A>
  void archive(A& a) {
    a(producer, batch, acked, first, count, exceptions);
  }
  std::uint32_t accepted() const { return count - static_cast<std::uint32_t>(exceptions.size()); }
};

// Why a worker was chosen, for a run of awards.
struct Reasons {
  std::uint32_t load = 0;
  std::uint32_t candidates = 0;
  std::uint32_t runner_up = 0;
  std::uint32_t runner_up_load = 0;
  std::uint8_t policy = 0;  // scheduler::Policy
  bool chosen = false;      // the policy had a choice to make; otherwise the least loaded was taken

  // Policy and choice lie above the candidates in one number, which costs nothing while they are 0.
  static constexpr unsigned policy_shift = 24, chosen_shift = 31;
  template <typename A>
  void archive(A& a) {
    std::uint32_t packed =
        candidates | std::uint32_t{policy} << policy_shift | std::uint32_t{chosen} << chosen_shift;
    a(load, packed, runner_up, runner_up_load);
    if constexpr (A::reading) {
      candidates = packed & ((1u << policy_shift) - 1);
      policy = packed >> policy_shift & 0x7f;
      chosen = packed >> chosen_shift != 0;
    }
  }
};

struct AwardItem {
  Sequence sequence = 0;
  std::uint32_t slot = 0;  // of the lease table
};

// Tasks taken one after another from one line for one worker.
struct AwardRun {
  std::uint32_t worker = 0;
  std::uint64_t award = 0;  // the worker's award number
  std::uint16_t agent = 0;
  std::uint64_t line = 0;
  Reasons reasons;
  std::vector<AwardItem> items;

  template <typename A>
  void archive(A& a) {
    a(worker, award, agent, line, reasons);
    std::uint64_t n = items.size();
    a(n);
    if constexpr (A::reading) {
      if (n > a.unpacker().remaining()) return a.unpacker().fail();
      items.resize(n);
    }
    Sequence last = 0;
    for (auto& item : items) {
      std::int64_t difference = static_cast<std::int64_t>(item.sequence - last);
      a(difference, item.slot);
      item.sequence = last + static_cast<Sequence>(difference);
      last = item.sequence;
    }
  }
};

// Tokens are counted: the first item of the first run has token counter `counter`, the next one more, and so
// on.
struct Awarded {
  static constexpr auto kind = FactKind::awarded;
  std::uint64_t counter = 0;
  std::vector<AwardRun> runs;
  template <typename A>
  void archive(A& a) {
    a(counter, runs);
  }
};

// The end of one attempt. Result and error are kept here; get finds them through the result tables.
struct EndedItem {
  Sequence sequence = 0;
  Outcome outcome = Outcome::succeeded;
  State next = State::succeeded;
  Millis due = 0;  // next is scheduled: when
  SuspendedOn on = SuspendedOn::none;
  Tries tries;  // after this attempt; not stored for the plain success of a first attempt
  std::string_view result;
  std::string_view result_type;
  std::string_view error_code;
  std::string_view error;
  std::string_view checkpoint;
  std::string_view usage;  // encoded, as reported
  // Of the task, for those who follow results.
  std::uint64_t producer = 0;
  std::uint32_t lane = 0;
  std::uint32_t worker = 0;
  std::uint64_t awarded_ago = 0;  // commits since its award: there its start and the reasons are found

  // Most ends are plain: one byte says so.
  bool plain() const {
    return outcome == Outcome::succeeded && next == State::succeeded && tries.attempts == 1 &&
           tries.failures == 0 && tries.losses == 0 && !tries.checkpoint && !tries.answer &&
           result_type.empty() && error_code.empty() && error.empty() && usage.empty();
  }
  template <typename A>
  void archive(A& a) {
    bool is_plain = A::reading ? false : plain();
    a(is_plain, producer, lane, awarded_ago, result);
    if (is_plain) {
      if constexpr (A::reading) tries.attempts = 1;
      return;
    }
    a(outcome, next, due, on, tries, result_type, error_code, error, checkpoint, usage);
  }
};

struct Ended {
  static constexpr auto kind = FactKind::ended;
  std::uint32_t worker = 0;
  std::uint64_t number = 0;  // the worker's finish number; 0 when the broker ended the attempts
  std::uint64_t acked = 0;
  std::string refused;  // the answer, for a resend: encoded pairs of index and code
  std::vector<EndedItem> items;

  template <typename A>
  void archive(A& a) {
    a(worker, number, acked, refused);
    std::uint64_t n = items.size();
    a(n);
    if constexpr (A::reading) {
      if (n > a.unpacker().remaining()) return a.unpacker().fail();
      items.resize(n);
    }
    Sequence last = 0;
    for (auto& item : items) {
      std::int64_t difference = static_cast<std::int64_t>(item.sequence - last);
      a(difference);
      item.sequence = last + static_cast<Sequence>(difference);
      last = item.sequence;
      item.worker = worker;
      item.archive(a);
    }
  }
};

struct WorkerOpened {
  static constexpr auto kind = FactKind::worker_opened;
  std::uint32_t worker = 0;
  std::string name;
  std::string token;
  std::string principal;
  template <typename A>
  void archive(A& a) {
    a(worker, name, token, principal);
  }
};

struct WorkerClosed {
  static constexpr auto kind = FactKind::worker_closed;
  std::uint32_t worker = 0;
  template <typename A>
  void archive(A& a) {
    a(worker);
  }
};

struct DueItem {
  Sequence sequence = 0;
  Place place;
  Tries tries;
  template <typename A>
  void archive(A& a) {
    a(sequence, place, tries);
  }
};

// Scheduled tasks whose time has come, in the order in which they join their lines.
struct BecameDue {
  static constexpr auto kind = FactKind::became_due;
  std::vector<DueItem> items;
  template <typename A>
  void archive(A& a) {
    a(items);
  }
};

// A task that ended without an attempt: cancelled or expired while queued or suspended.
struct Dropped {
  static constexpr auto kind = FactKind::dropped;
  Sequence sequence = 0;
  State from = State::ready;
  State to = State::cancelled;
  Place place;
  std::uint64_t producer = 0;
  std::string_view reason;
  template <typename A>
  void archive(A& a) {
    a(sequence, from, to, place, producer, reason);
  }
};

// A leased task is to end: its worker is told, and whatever comes but success becomes `to`.
struct StopAsked {
  static constexpr auto kind = FactKind::stop_asked;
  Sequence sequence = 0;
  State to = State::cancelled;
  std::string reason;
  template <typename A>
  void archive(A& a) {
    a(sequence, to, reason);
  }
};

// The last open entries of a line's head, or of its tail, went to pages from `page` on: sizes[0] of them to
// the first, in order. Positions count from the back and leave out the entries of ended tasks, because those
// vanish at moments that are not facts.
struct Spilled {
  static constexpr auto kind = FactKind::spilled;
  std::uint64_t line = 0;
  std::uint64_t page = 0;
  bool tail = false;
  std::vector<std::uint32_t> sizes;
  template <typename A>
  void archive(A& a) {
    a(line, page, tail, sizes);
  }
  std::uint64_t count() const {
    std::uint64_t n = 0;
    for (auto size : sizes) n += size;
    return n;
  }
};

struct PagedItem {
  Sequence sequence = 0;
  Millis ready_at = 0;
  Tries tries;
  template <typename A>
  void archive(A& a) {
    a(sequence, ready_at, tries);
  }
};

// The first page of a line came back: a run of plain sequences, or items one by one.
struct Paged {
  static constexpr auto kind = FactKind::paged;
  std::uint64_t line = 0;
  std::uint64_t page = 0;
  std::vector<PagedItem> items;
  template <typename A>
  void archive(A& a) {
    a(line, page);
    std::uint64_t n = items.size();
    a(n);
    if constexpr (A::reading) {
      if (n > a.unpacker().remaining()) return a.unpacker().fail();
      items.resize(n);
    }
    PagedItem last;
    for (auto& item : items) {
      auto step = static_cast<std::int64_t>(item.sequence - last.sequence);
      // Unsigned, as sequences are: a damaged record may hold any number.
      auto later = static_cast<Millis>(static_cast<std::uint64_t>(item.ready_at) -
                                       static_cast<std::uint64_t>(last.ready_at));
      bool fresh = item.tries.fresh();
      std::uint64_t head =
          (step > 0 && step < 32 && later == 0 && fresh) ? static_cast<std::uint64_t>(step) : 0;
      a(head);
      if (head == 0) {
        a(step, later, item.tries);
      } else if constexpr (A::reading) {
        step = static_cast<std::int64_t>(head);
        later = 0;
      }
      item.sequence = last.sequence + static_cast<Sequence>(step);
      item.ready_at =
          static_cast<Millis>(static_cast<std::uint64_t>(last.ready_at) + static_cast<std::uint64_t>(later));
      last.sequence = item.sequence;
      last.ready_at = item.ready_at;
    }
  }
};

struct Checkpointed {
  static constexpr auto kind = FactKind::checkpointed;
  Sequence sequence = 0;
  std::string_view value;
  template <typename A>
  void archive(A& a) {
    a(sequence, value);
  }
};

// A dead letter was submitted again as `as`.
struct Replayed {
  static constexpr auto kind = FactKind::replayed;
  Sequence sequence = 0;
  Sequence as = 0;
  std::uint32_t lane = 0;
  template <typename A>
  void archive(A& a) {
    a(sequence, as, lane);
  }
};

// Dead letters that nobody will submit again; their records stay as long as those of other tasks.
struct DeadPurged {
  static constexpr auto kind = FactKind::dead_purged;
  std::uint32_t queue = 0;
  std::vector<Sequence> sequences;
  template <typename A>
  void archive(A& a) {
    a(queue, sequences);
  }
};

// Terminal tasks below `sequence` and facts below `commit` are no longer kept.
struct Reclaimed {
  static constexpr auto kind = FactKind::reclaimed;
  Sequence sequence = 0;
  std::uint64_t commit = 0;
  std::uint64_t removed = 0;   // terminal tasks that went with them
  std::vector<Sequence> gone;  // stragglers from below that ended since and go now
  template <typename A>
  void archive(A& a) {
    a(sequence, commit, removed, gone);
  }
};

// A task asked for a longer retention than any before it. Records go in large pieces, so all stay as long as
// the one that stays longest.
struct KeptLonger {
  static constexpr auto kind = FactKind::kept_longer;
  Millis retention_ms = 0;
  template <typename A>
  void archive(A& a) {
    a(retention_ms);
  }
};

// Facts lie in parts: this head, then kind, length and fields of each fact.

inline void begin_part(std::string& out, Millis now) {
  Packer p(out);
  p.u8(facts_part_version);
  p.sint(now);
}

template <typename Fact>
void write_fact(std::string& out, Fact& fact) {
  std::string body;
  ArchiveOut a(body);
  fact.archive(a);
  Packer p(out);
  p.u8(static_cast<std::uint8_t>(Fact::kind));
  p.bytes(body);
}

template <typename Fact>
bool read_fact(std::string_view body, Fact& fact) {
  ArchiveIn a(body);
  fact.archive(a);
  return a.finished();
}

// Walks the facts of a part: while (facts.next()) … facts.kind(), facts.body(), decided at facts.now().
class PartReader {
 public:
  explicit PartReader(std::string_view part) : u_(part), version_(u_.u8()), now_(u_.sint()) {}

  std::uint8_t version() const { return version_; }
  Millis now() const { return now_; }
  FactKind kind() const { return kind_; }
  std::string_view body() const { return body_; }
  bool ok() const { return u_.ok(); }  // false after the last fact: the part ends in the middle of it

  bool next() {
    if (!u_.ok() || u_.at_end()) return false;
    kind_ = static_cast<FactKind>(u_.u8());
    body_ = u_.bytes();
    if (TimeFact time; kind_ == FactKind::time && read_fact(body_, time)) now_ = time.now;
    return u_.ok();
  }

 private:
  Unpacker u_;
  std::uint8_t version_;
  Millis now_;
  FactKind kind_{};
  std::string_view body_;
};

}  // namespace hirehall::engine
