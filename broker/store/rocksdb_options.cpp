#include "broker/store/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include "common/check.h"

namespace hirehall::store {

namespace {

constexpr std::size_t kib = 1u << 10;
constexpr std::size_t mib = 1u << 20;

struct Sizes {
  std::size_t memtables, log, cache, packed_buffer, small_buffer;
};

Sizes sizes_of(MemoryProfile profile) {
  if (profile == MemoryProfile::small) return {16 * mib, 16 * mib, 4 * mib, 4 * mib, 2 * mib};
  if (profile == MemoryProfile::tiny) return {192 * kib, 64 * kib, mib, 64 * kib, 64 * kib};
  return {128 * mib, 96 * mib, 32 * mib, 32 * mib, 8 * mib};
}

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache, bool packed) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  // Index and filter live in the cache like data, in pieces: memory does not grow with the number of records.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.metadata_block_size = 4096;
  table.block_size = packed ? 32 * 1024 : 8 * 1024;
  if (!packed) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.partition_filters = true;
  }
  return table;
}

// Keys rise and values are large: files never overlap, so compaction only renames them from level to level.
rocksdb::ColumnFamilyOptions packed_family(const Sizes& sizes, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = sizes.packed_buffer;
  family.max_write_buffer_number = 2;
  family.compression = rocksdb::kNoCompression;
  family.bottommost_compression = rocksdb::kNoCompression;
  family.target_file_size_base = 2 * sizes.packed_buffer;
  // Whole-file drops begin at level 1; a flushed file must get there at once.
  family.level0_file_num_compaction_trigger = 1;
  family.level_compaction_dynamic_level_bytes = true;
  family.max_bytes_for_level_base = 16 * sizes.packed_buffer;
  family.ttl = 0;
  family.periodic_compaction_seconds = 0;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, true)));
  return family;
}

rocksdb::ColumnFamilyOptions small_family(const Sizes& sizes, const std::shared_ptr<rocksdb::Cache>& cache,
                                          bool deleted_in_order) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = sizes.small_buffer;
  family.max_write_buffer_number = 2;
  family.compression = rocksdb::kLZ4Compression;
  family.target_file_size_base = 4 * sizes.small_buffer;
  family.level_compaction_dynamic_level_bytes = true;
  family.max_bytes_for_level_base = 16 * sizes.small_buffer;
  family.ttl = 0;
  family.periodic_compaction_seconds = 0;
  // What is read in order and deleted behind the cursor leaves runs of tombstones; compact them away before
  // they are walked.
  if (deleted_in_order)
    family.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(4096, 1024));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, false)));
  return family;
}

}  // namespace

std::string column_family_of(Family family) {
  // RocksDB insists on a family of this name.
  return family == Family::meta ? rocksdb::kDefaultColumnFamilyName : std::string(name_of(family));
}

std::shared_ptr<rocksdb::Cache> make_block_cache(MemoryProfile profile) {
  return rocksdb::NewLRUCache(sizes_of(profile).cache, 2);
}

rocksdb::DBOptions database_options(MemoryProfile profile, rocksdb::Env* env) {
  const Sizes sizes = sizes_of(profile);
  rocksdb::DBOptions options;
  if (env != nullptr) options.env = env;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.manual_wal_flush = false;
  options.wal_bytes_per_sync = 0;
  options.recycle_log_file_num = 0;
  options.unordered_write = false;
  options.two_write_queues = false;
  options.enable_pipelined_write = false;
  options.track_and_verify_wals_in_manifest = false;
  options.max_bgerror_resume_count = 0;
  options.max_total_wal_size = sizes.log;
  options.db_write_buffer_size = sizes.memtables;
  options.max_background_jobs = 2;
  options.max_subcompactions = 1;
  options.max_open_files = 256;
  options.bytes_per_sync = mib;
  options.max_manifest_file_size = 32 * mib;
  options.keep_log_file_num = 4;
  options.max_log_file_size = 4 * mib;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  HH_CHECK(options.paranoid_checks && options.max_total_wal_size <= 128 * mib,
           "see docs/storage.md, options");
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(MemoryProfile profile,
                                                             const std::shared_ptr<rocksdb::Cache>& cache) {
  const Sizes sizes = sizes_of(profile);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < family_count; ++i) {
    const auto family = static_cast<Family>(i);
    const bool packed = family == Family::bodies || family == Family::facts;
    const bool deleted_in_order = family == Family::pages || family == Family::timers;
    auto options = packed ? packed_family(sizes, cache) : small_family(sizes, cache, deleted_in_order);
    // Pages live shortly and each is read alone: unpacking a block for one of them costs more than its bytes.
    if (family == Family::pages) options.compression = rocksdb::kNoCompression;
    families.emplace_back(column_family_of(family), std::move(options));
  }
  return families;
}

}  // namespace hirehall::store
