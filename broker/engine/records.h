// Keys and values of the derived records: timers, pages, histories, dead letters, keys, result tables.
// docs/storage.md has them as a table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/body.h"
#include "broker/engine/facts.h"

namespace hirehall::engine {

// Where a derived record lies; the owner maps them to the store's families.
enum class Shelving : std::uint8_t { meta = 0, pages = 3, timers = 4, records = 5 };

struct IndexWrite {
  Shelving where = Shelving::records;
  bool erase = false;
  std::string key;
  std::string value;
};
using IndexWrites = std::vector<IndexWrite>;

enum class TimerKind : std::uint8_t {
  start = 1,
  expire = 2,
  key = 3,
  producer = 4,
  unique = 5,
  question = 16
};
constexpr bool is_timer_kind(std::uint8_t kind) {
  return (kind >= 1 && kind <= 5) || kind == static_cast<std::uint8_t>(TimerKind::question);
}
inline constexpr Millis unique_look_ms = 3600 * 1000;  // between looks whether a unique key can be forgotten

std::string timer_key(Millis due, TimerKind kind, std::uint64_t number);
struct Timer {
  Millis due = 0;
  TimerKind kind = TimerKind::start;
  std::uint64_t number = 0;
};
std::optional<Timer> read_timer_key(std::string_view key);

std::string page_key(std::uint64_t line, std::uint64_t page);
std::string attempt_key(Sequence sequence, std::uint32_t attempt);  // attempt_key(s, 0) is the first possible
std::string choice_key(Sequence sequence, std::uint32_t attempt);
Sequence sequence_of_choice(std::string_view key);
std::uint32_t attempt_of_choice(std::string_view key);
// Tasks that one choice was made for have its terms once, beside the first of them: no task of it is further
// from that one than so much, so that whoever looks for them knows where.
inline constexpr Sequence terms_reach = 1024;
struct AwardOf {
  Sequence sequence = 0;
  std::uint32_t attempt = 1;
};
std::string pack_terms(std::string_view packed, std::span<const AwardOf> awards);
// As they were packed, when the record is of this award as well; `first`: whose record it is.
std::optional<std::string_view> terms_of(std::string_view value, const AwardOf& first, const AwardOf& award);
std::string checkpoint_key(Sequence sequence);
std::string answer_key(Sequence sequence);
std::string dead_key(std::uint32_t queue, Sequence sequence);
std::string straggler_body_key(Sequence sequence);  // value: a body record of it alone
std::string straggler_end_key(Sequence sequence);   // value: a part of facts that holds only its end
std::string replay_key(Sequence sequence);  // value: the sequence of the task that it was submitted again as
// The tags of records that belong to one task or segment by number, and go with it.
inline constexpr std::string_view task_record_tags = "xkarbeqhpnc";
inline constexpr char segment_record_tag = 'f';
std::string record_key(char tag, std::uint64_t number);
std::uint64_t number_of_record(std::string_view key);  // of a record_key
std::string result_table_key(std::uint64_t segment, std::uint64_t commit);
std::string idempotency_key(std::string_view tenant, std::string_view key);
// A task is found by the greatest record that begins with the key: unique_record_key(key, its sequence).
std::string unique_key(std::uint32_t queue, std::string_view tenant, std::string_view key);
inline bool is_unique_key(std::string_view key) {
  return key.starts_with('u');
}
std::string unique_record_key(std::string key, Sequence sequence);

// The first submission under an idempotency key.
struct KeyRecord {
  Sequence sequence = 0;
  std::string digest;  // of type and payload
  Millis expires = 0;
  template <typename A>
  void archive(A& a) {
    a(sequence, digest, expires);
  }
};

// An attempt that did not end its task.
struct AttemptRecord {
  std::uint32_t worker = 0;
  std::string agent;
  Millis started = 0;
  Millis ended = 0;
  Outcome outcome = Outcome::failed;
  State next = State::ready;
  Millis due = 0;
  SuspendedOn on = SuspendedOn::none;
  Tries tries;
  Place place;
  std::string error_code;
  std::string error;
  Reasons reasons;
  std::string usage;  // as usage.h writes it
  template <typename A>
  void archive(A& a) {
    a(worker, agent, started, ended, outcome, next, due, on, tries, place, error_code, error, reasons);
    // Records from before usage was kept end here.
    if constexpr (A::reading) {
      if (a.unpacker().remaining() != 0) a(usage);
    } else if (!usage.empty()) {
      a(usage);
    }
  }
};

struct DeadRecord {
  Millis at = 0;
  std::uint64_t commit = 0;
  template <typename A>
  void archive(A& a) {
    a(at, commit);
  }
};

// The record of a task that outlives its neighbours: its body, copied out of a chunk.
std::string straggler_body(Sequence sequence, Millis submitted, const Chunk& chunk, std::uint32_t offset);
// Its end: Ended with one item, or Dropped.
template <typename Fact>
std::string straggler_end(Millis at, Fact& fact) {
  std::string part;
  begin_part(part, at);
  write_fact(part, fact);
  return part;
}

// The same out of a part of facts; empty when it does not tell that end.
std::string straggler_end_in(std::string_view part, Sequence sequence);

template <typename T>
std::string encode_record(const T& record) {
  std::string out;
  out.push_back(1);  // version
  ArchiveOut a(out);
  const_cast<T&>(record).archive(a);
  return out;
}

template <typename T>
bool decode_record(std::string_view value, T& record) {
  if (value.empty() || value[0] != 1) return false;
  ArchiveIn a(value.substr(1));
  record.archive(a);
  return a.finished();
}

// --- pages of the ready order ---

struct PageEntry {
  PagedItem item;
  ChunkRef chunk;  // none: the body is in family bodies
  std::uint32_t offset = 0;
};

// Bodies are copied in when they lie scattered (inline), else referred to.
std::string encode_page(std::vector<PageEntry>& entries);
Result<std::vector<PageEntry>> decode_page(std::string_view value, TemplatePool& pool);
Result<std::vector<PageEntry>> decode_page(std::string_view value);

}  // namespace hirehall::engine
