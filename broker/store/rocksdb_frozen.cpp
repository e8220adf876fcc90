#include "broker/store/rocksdb_frozen.h"

#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>

#include <map>

namespace hirehall::store {

namespace {

class RocksdbFrozen final : public Frozen {
 public:
  RocksdbFrozen(rocksdb::DB& db, std::uint64_t commit) : db_(db), commit_(commit) {}
  ~RocksdbFrozen() override {
    if (held_) db_.EnableFileDeletions(false).PermitUncheckedError();
  }

  rocksdb::Status hold() {
    auto status = db_.DisableFileDeletions();
    held_ = status.ok();
    return status;
  }
  const std::vector<FrozenFile>& files() const override { return files_; }
  std::uint64_t commit() const override { return commit_; }
  std::vector<FrozenFile> files_;

 private:
  rocksdb::DB& db_;
  std::uint64_t commit_;
  bool held_ = false;
};

// Names that RocksDB gave the tables when it wrote them, by file name. One that a compaction took meanwhile
// is not among them, and is copied under the backup's own name.
Result<std::map<std::string, std::string>> lasting_names(const Database& database) {
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < family_count; ++i) {
    rocksdb::TablePropertiesCollection tables;
    const auto status =
        database.db().GetPropertiesOfAllTables(database.family(static_cast<Family>(i)), &tables);
    if (!status.ok())
      return tl::unexpected(error_of(status, "the tables' own names cannot be read", database.path()));
    for (const auto& [path, properties] : tables) {
      std::string id;
      if (!rocksdb::GetUniqueIdFromTableProperties(*properties, &id).ok()) continue;
      names[path.substr(path.rfind('/') + 1)] = rocksdb::UniqueIdToHumanString(id);
    }
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<Frozen>> freeze(const Database& database, std::uint64_t commit) {
  auto& db = database.db();
  const auto failed = [&](const rocksdb::Status& status) {
    return tl::unexpected(error_of(status, "the store's files cannot be held", database.path()));
  };
  auto frozen = std::make_unique<RocksdbFrozen>(db, commit);
  if (auto held = frozen->hold(); !held.ok()) return failed(held);
  // Families are flushed one after another, so the logs belong to the picture: recovery makes them agree.
  std::vector<rocksdb::LiveFileStorageInfo> live;
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = 0;
  if (auto listed = db.GetLiveFilesStorageInfo(options, &live); !listed.ok()) return failed(listed);
  auto names = lasting_names(database);
  if (!names) return tl::unexpected(names.error());
  for (const auto& file : live) {
    FrozenFile one;
    one.name = file.relative_filename;
    one.path = file.directory + "/" + file.relative_filename;
    one.bytes = file.size;
    one.content = file.replacement_contents;
    if (const auto name = names->find(one.name);
        name != names->end() && file.file_type == rocksdb::kTableFile)
      one.lasting_name = name->second + "-" + std::to_string(file.size);
    frozen->files_.push_back(std::move(one));
  }
  return frozen;
}

}  // namespace hirehall::store
