#include "broker/store/rocksdb_disk.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>

namespace hirehall::store {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Flag = std::shared_ptr<std::atomic<bool>>;

constexpr std::size_t sector_bytes = 512;

class Manifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Manifest(std::unique_ptr<rocksdb::FSWritableFile> file, Flag counts)
      : FSWritableFileOwnerWrapper(std::move(file)), counts_(std::move(counts)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    for (std::size_t at = 0; at < data.size();) {
      const bool counts = counts_->load();
      if (counts && size_ % sector_bytes == 0 && size_ > 0)
        if (auto synced = Sync(options, debug); !synced.ok()) return synced;
      const std::size_t most = counts ? sector_bytes - size_ % sector_bytes : data.size();
      const std::size_t piece = std::min(most, data.size() - at);
      auto done = FSWritableFileOwnerWrapper::Append(Slice(data.data() + at, piece), options, debug);
      if (!done.ok()) return done;
      size_ += piece;
      at += piece;
    }
    return IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }

 private:
  Flag counts_;
  std::size_t size_ = 0;
};

class OrderedDisk final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "ordered"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    auto made = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (!made.ok() || !std::filesystem::path(path).filename().string().starts_with("MANIFEST-")) return made;
    const std::lock_guard lock(mutex_);
    newest_ = std::make_shared<std::atomic<bool>>(false);
    *file = std::make_unique<Manifest>(std::move(*file), newest_);
    return made;
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    const std::filesystem::path path(to);
    if (path.filename() != "CURRENT") return FileSystemWrapper::RenameFile(from, to, options, debug);
    if (auto synced = sync_names(path.parent_path().string(), options, debug); !synced.ok()) return synced;
    const std::lock_guard lock(mutex_);
    if (newest_) newest_->store(true);
    return FileSystemWrapper::RenameFile(from, to, options, debug);
  }

 private:
  IOStatus sync_names(const std::string& path, const IOOptions& options, IODebugContext* debug) {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    if (auto opened = target()->NewDirectory(path, options, &directory, debug); !opened.ok()) return opened;
    auto synced = directory->Fsync(options, debug);
    const auto closed = directory->Close(options, debug);
    return synced.ok() ? closed : synced;
  }

  std::mutex mutex_;
  Flag newest_;  // manifest; whether CURRENT names it
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_ordered_disk(rocksdb::Env* base) {
  const auto& disk = base == nullptr ? rocksdb::FileSystem::Default() : base->GetFileSystem();
  return rocksdb::NewCompositeEnv(std::make_shared<OrderedDisk>(disk));
}

}  // namespace hirehall::store
