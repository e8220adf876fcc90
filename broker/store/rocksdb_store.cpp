#include "broker/store/rocksdb_store.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "broker/store/files.h"
#include "broker/store/layout.h"
#include "broker/store/lock.h"
#include "broker/store/opening.h"
#include "broker/store/rocksdb_frozen.h"
#include "common/check.h"

namespace hirehall::store {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds side_turn{250};
constexpr int turns_between_marks = 2;  // the watermark lags half a second and a sync

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

class RocksdbStore final : public Store {
 public:
  RocksdbStore(StoreLock lock, std::unique_ptr<SpaceGuard> space, Opened opened,
               std::shared_ptr<Failure> failure, std::shared_ptr<std::atomic<std::uint64_t>> stalls)
      : lock_(std::move(lock)),
        space_(std::move(space)),
        failure_(std::move(failure)),
        stalls_(std::move(stalls)),
        database_(std::move(opened.database)),
        identity_(opened.identity),
        last_commit_(opened.last_commit),
        watermark_(std::move(opened.watermark)),
        side_([this] { tend(); }) {}

  ~RocksdbStore() override {
    {
      const std::lock_guard lock(stop_mutex_);
      stop_ = true;
    }
    stopped_.notify_one();
    side_.join();
  }

  const Identity& identity() const override { return identity_; }
  std::uint64_t last_commit() const override { return last_commit_.load(std::memory_order_acquire); }

  Status commit(const CommitBatch& batch) override {
    if (auto failed = failure_->get()) return tl::unexpected(*failed);
    HH_CHECK(batch.number == last_commit() + 1, "commit numbers are contiguous");
    stage(batch);
    rocksdb::WriteOptions options;
    options.sync = true;
    if (const auto status = database_->db().Write(options, &staged_); !status.ok()) {
      failure_->set(
          error_of(status, "commit " + std::to_string(batch.number) + " failed", database_->path()));
      return tl::unexpected(*failure_->get());
    }
    last_commit_.store(batch.number, std::memory_order_release);
    commits_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(staged_.GetDataSize(), std::memory_order_relaxed);
    return {};
  }

  std::unique_ptr<View> view() const override { return database_->view(); }

  Status drop_before(Family family, std::string_view end) override {
    if (auto failed = failure_->get()) return tl::unexpected(*failed);
    const rocksdb::Slice bound = slice(end);
    const auto status =
        rocksdb::DeleteFilesInRange(&database_->db(), database_->family(family), nullptr, &bound, false);
    if (status.ok()) return {};
    failure_->set(error_of(status, "dropping old files failed", database_->path()));
    return tl::unexpected(*failure_->get());
  }

  std::optional<Error> failure() const override { return failure_->get(); }
  Space space() const override { return space_->space(); }
  bool admits_submits() const override { return space_->admits(); }

  Result<std::unique_ptr<Frozen>> freeze() const override { return store::freeze(*database_, last_commit()); }

  Counts counts() const override {
    const std::uint64_t commits = commits_.load(std::memory_order_relaxed);
    return {commits, commits, bytes_.load(std::memory_order_relaxed), stalls_->load()};
  }

 private:
  // The commit number comes first: the log scanner finds it at the head of the record.
  void stage(const CommitBatch& batch) {
    staged_.Clear();
    put(Family::meta, commit_key, number_key(batch.number));
    for (const Write& write : batch.writes) {
      HH_CHECK(write.family != Family::meta || (write.key != commit_key && write.key != identity_key),
               "these keys belong to the store");
      if (!write.erase) {
        put(write.family, write.key, write.value);
        continue;
      }
      const auto staged = staged_.Delete(database_->family(write.family), write.key);
      HH_CHECK(staged.ok(), "a write batch in memory takes what it is given");
    }
  }

  void put(Family family, std::string_view key, std::string_view value) {
    const auto staged = staged_.Put(database_->family(family), slice(key), slice(value));
    HH_CHECK(staged.ok(), "a write batch in memory takes what it is given");
  }

  // The side thread: free space every turn, the watermark every other, once more at the end.
  void tend() {
    for (int turn = 1;; ++turn) {
      std::unique_lock lock(stop_mutex_);
      const bool stop = stopped_.wait_for(lock, side_turn, [this] { return stop_; });
      lock.unlock();
      if (stop || turn % turns_between_marks == 0) mark();
      if (stop) return;
      if (auto measured = space_->measure(); !measured) failure_->set(measured.error());
    }
  }

  void mark() {
    const std::uint64_t commit = last_commit();
    if (commit == watermark_.mark().commit || failure_->get()) return;
    if (auto advanced = watermark_.advance(commit); !advanced) failure_->set(advanced.error());
  }

  StoreLock lock_;  // first: given back when all else is closed
  std::unique_ptr<SpaceGuard> space_;
  std::shared_ptr<Failure> failure_;
  std::shared_ptr<std::atomic<std::uint64_t>> stalls_;
  std::unique_ptr<Database> database_;
  const Identity identity_;

  // The committer's.
  rocksdb::WriteBatch staged_;
  std::atomic<std::uint64_t> last_commit_;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;

  // The side thread's.
  Watermark watermark_;
  std::mutex stop_mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread side_;
};

Status find_or_make_directory(const RocksdbOptions& options) {
  std::error_code error;
  if (std::filesystem::is_directory(options.path, error)) return {};
  if (!options.create_if_missing) return fail(Code::not_found, "there is no store here", options.path);
  return make_directory(options.path);
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb(const RocksdbOptions& options) {
  if (auto made = find_or_make_directory(options); !made) return tl::unexpected(made.error());
  const Layout layout(options.path);
  // Not even a lock is left in a directory that is not ours.
  if (const auto ours = examine(layout); !ours) return tl::unexpected(ours.error());
  auto lock = StoreLock::take(layout.lock, StoreLock::Kind::writer);
  if (!lock) return tl::unexpected(lock.error());
  const auto presence = examine(layout);
  if (!presence) return tl::unexpected(presence.error());
  if (*presence == Presence::absent && !options.create_if_missing)
    return fail(Code::not_found, "there is no store here; let it be created or give the right directory",
                options.path);
  // Before the database: after a disk ran full, recovery may need the reserve.
  auto space = std::make_unique<SpaceGuard>(layout.directory, layout.reserve, options.space);
  if (auto measured = space->measure(); !measured) return tl::unexpected(measured.error());
  if (*presence == Presence::absent)
    if (auto created = create_store(layout, options); !created) return tl::unexpected(created.error());

  Database::Settings settings;
  settings.path = layout.database;
  settings.memory = options.memory;
  settings.env = options.env;
  settings.failure = std::make_shared<Failure>();
  settings.stalls = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto opened = open_store(layout, options, settings);
  if (!opened) return tl::unexpected(opened.error());
  return std::make_unique<RocksdbStore>(std::move(*lock), std::move(space), std::move(*opened),
                                        settings.failure, settings.stalls);
}

}  // namespace hirehall::store
