// How RocksDB is set up. Every choice and its reason: docs/storage.md, "Options".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/store/store.h"

namespace rocksdb {
class Cache;
class Env;
struct ColumnFamilyDescriptor;
struct DBOptions;
}  // namespace rocksdb

namespace hirehall::store {

// small: tests and tiny machines. tiny: tables and logs of a few KiB, so that a test sees all their changes.
enum class MemoryProfile { standard, small, tiny };

std::string column_family_of(Family family);
std::shared_ptr<rocksdb::Cache> make_block_cache(MemoryProfile profile);
rocksdb::DBOptions database_options(MemoryProfile profile, rocksdb::Env* env);
// In the order of Family.
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(MemoryProfile profile,
                                                             const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace hirehall::store
