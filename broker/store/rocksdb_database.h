// An open RocksDB with our families: what the store and the offline tools share.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "broker/store/failure.h"
#include "broker/store/rocksdb_options.h"
#include "broker/store/store.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Status;
}  // namespace rocksdb

namespace hirehall::store {

// corrupt, disk_full or io, with RocksDB's own words.
Error error_of(const rocksdb::Status& status, std::string_view doing, const std::string& path);

class Database {
 public:
  struct Settings {
    std::string path;
    MemoryProfile memory = MemoryProfile::standard;
    rocksdb::Env* env = nullptr;
    bool create = false;
    bool read_only = false;  // changes nothing on disk
    // Told about errors of work in the background, and counts stalls; may be null.
    std::shared_ptr<Failure> failure;
    std::shared_ptr<std::atomic<std::uint64_t>> stalls;
  };

  static Result<std::unique_ptr<Database>> open(const Settings& settings);
  ~Database();
  Database(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }
  const std::string& path() const { return path_; }

  // Both from the meta family.
  Result<Identity> identity() const;          // corrupt when there is none
  Result<std::uint64_t> last_commit() const;  // 0 when there was none
  std::unique_ptr<View> view() const;

 private:
  explicit Database(std::string path);
  Result<std::string> meta(std::string_view key) const;  // not_found

  std::string path_;
  std::unique_ptr<rocksdb::Env> disk_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> families_{};
};

}  // namespace hirehall::store
