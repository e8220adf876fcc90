// The durable store: RocksDB, synced per commit, with a watermark beside it (docs/storage.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/store/rocksdb_options.h"
#include "broker/store/space_guard.h"
#include "broker/store/store.h"

namespace hirehall::store {

struct RocksdbOptions {
  std::string path;  // a directory of the store's own
  bool create_if_missing = true;
  std::uint16_t shard = 0;  // of a new store; an existing one must have the same
  SpaceLimits space;
  MemoryProfile memory = MemoryProfile::standard;
  // Open although acknowledged commits are missing. Raises the incarnation, so no task id is given twice.
  bool accept_loss = false;
  rocksdb::Env* env = nullptr;  // for tests that break the disk
};

// Errors: conflict (another broker has it), not_found, invalid (not an empty directory, another shard),
// unsupported (another format), corrupt (damaged, or fewer commits than were acknowledged), io, disk_full.
Result<std::unique_ptr<Store>> open_rocksdb(const RocksdbOptions& options);

}  // namespace hirehall::store
