// The steps from a directory to a database that can be trusted: make it, or check it before and after
// RocksDB's recovery.
#pragma once

#include <memory>

#include "broker/store/layout.h"
#include "broker/store/rocksdb_database.h"
#include "broker/store/rocksdb_store.h"
#include "broker/store/watermark.h"

namespace hirehall::store {

struct Opened {
  std::unique_ptr<Database> database;
  Watermark watermark;
  Identity identity;
  std::uint64_t last_commit = 0;
};

// More would leave no lease tokens that were never given.
inline constexpr std::uint16_t incarnation_max = 250;
Status write_identity(const Database& database, const Identity& identity);

// The caller holds the lock of the directory.
Status create_store(const Layout& layout, const RocksdbOptions& options);
Result<Opened> open_store(const Layout& layout, const RocksdbOptions& options,
                          const Database::Settings& settings);

}  // namespace hirehall::store
