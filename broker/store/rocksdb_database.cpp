#include "broker/store/rocksdb_database.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>

#include <algorithm>

#include "broker/store/diary.h"
#include "broker/store/rocksdb_disk.h"
#include "broker/store/side_records.h"
#include "common/check.h"

namespace hirehall::store {

namespace {

class Watcher final : public rocksdb::EventListener {
 public:
  Watcher(std::string path, std::shared_ptr<Failure> failure,
          std::shared_ptr<std::atomic<std::uint64_t>> stalls)
      : path_(std::move(path)), failure_(std::move(failure)), stalls_(std::move(stalls)) {}

  // Whatever the reason: the state on disk is unknown from here on, so nothing is acknowledged any more.
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    failure_->set(error_of(*status, "work in the background failed", path_));
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur != rocksdb::WriteStallCondition::kNormal) stalls_->fetch_add(1);
  }

 private:
  std::string path_;
  std::shared_ptr<Failure> failure_;
  std::shared_ptr<std::atomic<std::uint64_t>> stalls_;
};

// The offline tools must be able to look at a store on a read-only file system.
class SilentLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// RocksDB would open a store with a family it does not know only with an error of its own words.
Status check_families(const Database::Settings& settings, const rocksdb::DBOptions& options,
                      const std::vector<rocksdb::ColumnFamilyDescriptor>& ours) {
  std::vector<std::string> there;
  if (const auto status = rocksdb::DB::ListColumnFamilies(options, settings.path, &there); !status.ok())
    return tl::unexpected(error_of(status, "the database cannot be read", settings.path));
  const auto known = [&](const std::string& name) {
    return std::any_of(ours.begin(), ours.end(), [&](const auto& family) { return family.name == name; });
  };
  for (const std::string& name : there)
    if (!known(name))
      return fail(
          Code::unsupported,
          "the store has a family of records '" + name +
              "' that this program does not know; nothing was changed; use the program version that wrote it",
          settings.path);
  if (there.size() != ours.size())
    return fail(Code::corrupt, "families of records are missing from the store; restore it from a backup",
                settings.path);
  return {};
}

}  // namespace

Error error_of(const rocksdb::Status& status, std::string_view doing, const std::string& path) {
  const Code code = status.IsNoSpace()                                 ? Code::disk_full
                    : status.IsCorruption() || status.IsPathNotFound() ? Code::corrupt
                                                                       : Code::io;
  const char* advice = code == Code::disk_full ? "free space, then start again"
                       : code == Code::corrupt
                           ? "run hirehall-broker verify, and restore the store from a backup"
                           : "check the disk and its permissions, then start again";
  return {code, std::string(doing) + ": " + status.ToString() + "; " + advice, path, 0};
}

Result<std::unique_ptr<Database>> Database::open(const Settings& settings) {
  std::unique_ptr<Database> database(new Database(settings.path));
  database->disk_ = make_ordered_disk(settings.env);
  rocksdb::DBOptions options = database_options(settings.memory, database->disk_.get());
  options.create_if_missing = settings.create;
  options.create_missing_column_families = settings.create;
  options.error_if_exists = settings.create;
  if (settings.read_only)
    options.info_log = std::make_shared<SilentLog>();
  else
    options.info_log = make_diary(settings.path + "/LOG");
  if (settings.failure)
    options.listeners.push_back(std::make_shared<Watcher>(settings.path, settings.failure, settings.stalls));
  const auto families = column_families(settings.memory, make_block_cache(settings.memory));
  if (!settings.create)
    if (auto known = check_families(settings, options, families); !known)
      return tl::unexpected(known.error());

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = settings.read_only
                          ? rocksdb::DB::OpenForReadOnly(options, settings.path, families, &handles, &db)
                          : rocksdb::DB::Open(options, settings.path, families, &handles, &db);
  if (!status.ok()) return tl::unexpected(error_of(status, "the database cannot be opened", settings.path));
  HH_CHECK(handles.size() == family_count, "RocksDB gives one handle for each family");
  database->db_.reset(db);
  std::copy(handles.begin(), handles.end(), database->families_.begin());
  return database;
}

Database::Database(std::string path) : path_(std::move(path)) {}

Database::~Database() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : families_) {
    // The default family's handle belongs to us as well when it was opened by name.
    const auto status = db_->DestroyColumnFamilyHandle(handle);
    HH_CHECK(status.ok(), "a handle we own can be given back");
  }
  // Errors were told by commits and by the watcher; what is not synced here was never acknowledged.
  db_->Close().PermitUncheckedError();
}

Result<std::string> Database::meta(std::string_view key) const {
  std::string value;
  rocksdb::ReadOptions options;
  const auto status = db_->Get(options, family(Family::meta), rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return fail(Code::not_found, "no such record", std::string(key));
  if (!status.ok()) return tl::unexpected(error_of(status, "the meta records cannot be read", path_));
  return value;
}

Result<Identity> Database::identity() const {
  const auto bytes = meta(identity_key);
  if (!bytes && bytes.error().code == Code::not_found)
    return fail(Code::corrupt, "the store does not say who it is; restore it from a backup", path_);
  if (!bytes) return tl::unexpected(bytes.error());
  auto identity = decode_identity(*bytes);
  if (!identity) identity.error().context = path_;
  return identity;
}

Result<std::uint64_t> Database::last_commit() const {
  const auto bytes = meta(commit_key);
  if (!bytes && bytes.error().code == Code::not_found) return 0;
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->size() != 8)
    return fail(Code::corrupt, "the number of the last commit is damaged; restore the store from a backup",
                path_);
  return number_of(*bytes);
}

}  // namespace hirehall::store
