// Submitted tasks in packed form (docs/storage.md, "Bodies"): how they are written, kept resident and read.
// One thread owns chunks; a chunk made by a reader thread is handed over whole before anybody else sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/ids.h"
#include "common/pack.h"
#include "common/task.h"

namespace hirehall::engine {

inline constexpr std::uint32_t no_number = 0xffffffff;

// What a packed task has beside its payload; decides whether applying it can take the short way.
enum BodyFlag : std::uint8_t {
  body_own = 1,        // options of its own, over its template's
  body_delayed = 2,    // not before a time
  body_timed = 4,      // a deadline or a time to live
  body_limited = 8,    // limit keys
  body_keyed = 16,     // an idempotency or unique key
  body_urgent = 32,    // a deadline: ordered by it
  body_held = 64,      // it has to be approved before its award
  body_batched = 128,  // it counts in a batch
};

struct LimitSet;

// The limit keys of a template in one lane and class, as a ledger last found them: good while that ledger's
// count of forgotten sets is the same.
struct KnownLimits {
  const void* ledger = nullptr;
  std::uint64_t forgotten = 0;
  LimitSet* set = nullptr;
};

// Options shared by many tasks. Immutable but for the caches of its owner, the engine.
struct Template {
  std::uint8_t flags = 0;
  // It says nothing but type, queue, tenant, limit keys and who sent it: what follows from that is known
  // without a look at the options, which are far too large to be in the cache.
  bool plain = false;
  mutable std::uint32_t lane = no_number;    // of options.queue and options.tenant, once resolved
  mutable std::uint32_t class_ = no_number;  // of options.type and requirements, once resolved
  mutable std::uint32_t number = 0;          // in the chunk it was last packed into: a guess, to be checked
  mutable KnownLimits known_limits;
  std::uint64_t producer = 0;  // options.producer
  std::string encoded;
  std::string fault;  // what was wrong with it as sent: each task that names it is refused
  TaskOptions options;
};
using TemplateRef = std::shared_ptr<const Template>;

TemplateRef make_template(TaskOptions options);
std::uint8_t flags_of(const TaskOptions& options);
// Later submissions with its unique key may become part of it: not when somebody approves what it says.
inline bool coalesces(std::uint8_t flags, const TaskOptions& options) {
  return options.on_conflict == OnConflict::coalesce && (flags & body_held) == 0;
}

// Templates by the bytes they came in: tasks that are read back from the store share them, however many
// records name them. Of one thread.
class TemplatePool {
 public:
  // Nothing when the bytes are no options.
  TemplateRef decode(std::string_view encoded);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, TemplateRef, Hash, std::equal_to<>> known_;  // never iterated
};

struct Body {
  std::uint8_t flags = 0;
  std::uint8_t priority = 0;
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint32_t template_ = 0;  // in its chunk's table
  std::string_view own;         // encoded options over the template's
  std::string_view payload;
};

void write_body(std::string& out, const Body& body);
// Reads the task at `offset`; `end` is set behind it. False when malformed.
bool read_body(std::string_view bytes, std::size_t offset, Body& body, std::size_t& end);

// Packed tasks in memory, shared by the entries that point into it.
class Chunk {
 public:
  std::string bytes;
  std::vector<TemplateRef> templates;

  Body body_at(std::uint32_t offset) const;  // the bytes were checked when the chunk was made
  TaskOptions options_of(const Body& body) const;
  std::string_view features_of(const Body& body) const;  // encoded; empty: it has none

 private:
  friend class ChunkRef;
  std::uint32_t references_ = 0;
  std::uint64_t* account_ = nullptr;  // resident bytes, of the engine that holds it
  std::uint64_t charged_ = 0;
};

class ChunkRef {
 public:
  ChunkRef() = default;
  explicit ChunkRef(Chunk* chunk) : chunk_(chunk) { retain(); }
  ChunkRef(const ChunkRef& other) : chunk_(other.chunk_) { retain(); }
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() {
    if (chunk_ != nullptr && --chunk_->references_ == 0) destroy();
  }

  static ChunkRef make() { return ChunkRef(new Chunk); }
  // From now on the chunk's bytes count in `account` until it is freed; call again when it has grown.
  void charge(std::uint64_t& account) const;
  Chunk* get() const { return chunk_; }
  Chunk* operator->() const { return chunk_; }
  Chunk& operator*() const { return *chunk_; }
  explicit operator bool() const { return chunk_ != nullptr; }

 private:
  void retain() {
    if (chunk_ != nullptr) ++chunk_->references_;
  }
  void destroy();

  Chunk* chunk_ = nullptr;
};

// One record of family bodies: consecutive sequences of one commit.
struct BodyRecord {
  Sequence first = 0;
  Millis time = 0;  // of submission
  ChunkRef chunk;
  std::vector<std::uint32_t> offsets;  // of task first + i
};

// `tasks` is `count` packed tasks that refer to `templates`.
std::string encode_body_record(Sequence first, Millis time, const std::vector<TemplateRef>& templates,
                               std::size_t count, std::string_view tasks);
// Checks every task; corrupt names what is wrong.
Result<BodyRecord> decode_body_record(std::string_view value, TemplatePool& pool);
Result<BodyRecord> decode_body_record(std::string_view value);

// Template tables, shared with page records.
void write_templates(std::string& out, const std::vector<TemplateRef>& templates);
bool read_templates(Unpacker& in, TemplatePool& pool, std::vector<TemplateRef>& templates);

}  // namespace hirehall::engine
