// The in-memory twin of the durable store, for tests and simulation: same contract, same refusals, no file.
// The disk outlives the stores on it, so a crash and a restart can be played: what was committed is there
// again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "broker/store/store.h"

namespace hirehall::store {

// What stores leave behind. Used by any thread.
class MemoryDisk {
 public:
  explicit MemoryDisk(Identity identity);  // deterministic: the caller chooses the key
  ~MemoryDisk();

  void set_space(Space space);  // what space() tells
  void set_admits_submits(bool admits);
  // The commit with this number fails, before anything of it is kept; so does every later one on that store.
  void fail_commit(std::uint64_t number, Error error);

  struct Content;
  Content& content() const { return *content_; }

 private:
  std::unique_ptr<Content> content_;
};

// conflict while another store is open on this disk.
Result<std::unique_ptr<Store>> open_memory(std::shared_ptr<MemoryDisk> disk);

}  // namespace hirehall::store
