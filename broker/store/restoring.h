// From a backup to a store in an empty place. The incarnation rises, because ids, leases and sessions of
// the future that is lost are known outside.
#pragma once

#include <optional>

#include "broker/store/backup_folder.h"
#include "broker/store/rocksdb_options.h"

namespace hirehall::store {

struct RestoreRequest {
  std::string backups;
  std::string data;                     // empty or missing, or what a restore that was cut off left
  std::optional<std::uint64_t> number;  // the newest that can be read, unless given
  MemoryProfile memory = MemoryProfile::standard;
  CopyProgress progress;
};

struct Restored {
  BackupManifest manifest;
  Identity identity;
  std::uint64_t commit = 0;
};

// conflict: a store is there already. not_found, corrupt: of the backup. Until it returns there is no store.
Result<Restored> restore(const RestoreRequest& request);

}  // namespace hirehall::store
