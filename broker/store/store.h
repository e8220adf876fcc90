// The durable side of the broker, seen from above: ordered families of records and atomic, synced commit
// batches. What keys and values mean is the engine's business (docs/storage.md); the store guarantees that a
// batch is there whole or not at all, that commit() returned means synced, and that fewer commits than were
// acknowledged is noticed.
//
// Threads: commit() is called by one committer thread; everything else by any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/store/frozen.h"
#include "common/error.h"
#include "common/ids.h"

namespace hirehall::store {

enum class Family : std::uint8_t {
  meta = 0,     // identity and engine snapshots: few, small
  bodies = 1,   // submitted tasks, packed; keys rise; dropped by range
  facts = 2,    // all other facts of a commit, packed; keys rise; dropped by range
  pages = 3,    // ready order that left memory; written once, read once, deleted
  timers = 4,   // what is due at a time; ordered by time; deleted when it fires
  records = 5,  // per-task records of the rare paths, result tables, idempotency keys, dead letters
};
inline constexpr std::size_t family_count = 6;
std::string_view name_of(Family family);

struct Write {
  Family family = Family::meta;
  bool erase = false;
  std::string key;
  std::string value;
};

// Keys of the meta family that the store writes itself; a batch must not.
inline constexpr std::string_view commit_key = "commit";      // number of the last commit
inline constexpr std::string_view identity_key = "identity";  // see Identity

struct CommitBatch {
  std::uint64_t number = 0;  // one more than the last
  std::vector<Write> writes;

  std::size_t bytes() const;
};

struct Identity {
  std::uint32_t format = 0;
  IdKey id_key{};
  std::uint16_t shard = 0;
  std::uint16_t incarnation = 1;  // rises at each restore or reseed
};

struct Item {
  std::string key;
  std::string value;
};

// A consistent picture of the store at one moment, except that dropped ranges (drop_before) may be missing
// from it. It must not outlive its store.
class View {
 public:
  virtual ~View() = default;
  // Nothing when there is no such key.
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;
  // The greatest key ≤ `key`.
  virtual Result<std::optional<Item>> floor(Family family, std::string_view key) const = 0;
  // Calls visit(key, value) for from ≤ key < to in order until it returns false. An empty `to` means to the
  // end.
  virtual Status scan(
      Family family, std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  // The same from the greatest key < to downwards, while key ≥ from.
  virtual Status scan_back(
      Family family, std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

struct Space {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;  // by this store
};

struct Counts {
  std::uint64_t commits = 0;
  std::uint64_t syncs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stalled = 0;  // writes that the engine below slowed down
};

class Store {
 public:
  virtual ~Store() = default;

  virtual const Identity& identity() const = 0;
  // The number of the last commit in the store; 0 when new.
  virtual std::uint64_t last_commit() const = 0;
  // Returns after the batch is synced. After an error the store is failed: every later commit gives the same
  // error, and the owner ends the process. Never retried, never resumed.
  virtual Status commit(const CommitBatch& batch) = 0;
  virtual std::unique_ptr<View> view() const = 0;
  // Frees the space of records with key < end, whole files only. The owner's durable state must already say
  // that they are not needed (a crash may keep or drop them). Takes some 20 ms a file: no call for the
  // committer thread.
  virtual Status drop_before(Family family, std::string_view end) = 0;
  // The error that ended this store, be it from a commit or from work in the background: look at it once per
  // turn.
  virtual std::optional<Error> failure() const = 0;
  // As last measured (some 250 ms ago); cheap.
  virtual Space space() const = 0;
  // False while the disk is too full for new work; what runs may still be completed.
  virtual bool admits_submits() const = 0;
  virtual Counts counts() const = 0;
  // For a backup; any thread, one at a time. It must not outlive its store. unsupported without files.
  virtual Result<std::unique_ptr<Frozen>> freeze() const = 0;
};

// Keys that sort by number.
std::string number_key(std::uint64_t number);                      // 8 bytes, big-endian
std::string number_key(std::uint64_t number, std::uint32_t part);  // 12 bytes
std::uint64_t number_of(std::string_view key);                     // of the first 8 bytes

}  // namespace hirehall::store
