#include "tests/images/recording_disk.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cerrno>
#include <filesystem>

#include "tests/images/disk_record.h"

namespace hirehall::images {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Kind = Operation::Kind;

IOStatus status_of(int error) {
  return error == ENOSPC ? IOStatus::NoSpace("planned: no space")
                         : IOStatus::IOError("planned: input/output error");
}

std::string_view view_of(const Slice& data) {
  return {data.data(), data.size()};
}

class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, std::uint64_t size,
       Recorder& recorder)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        size_(size),
        recorder_(recorder) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::write, path_, view_of(data), size_))
      return status_of(*error);
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::truncate, path_, {}, size)) return status_of(*error);
    size_ = size;
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::sync, path_)) return status_of(*error);
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::sync, path_)) return status_of(*error);
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  const std::string path_;
  std::uint64_t size_;
  Recorder& recorder_;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path, Recorder& recorder)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), recorder_(recorder) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::sync_directory, path_)) return status_of(*error);
    return FSDirectoryWrapper::Fsync(options, debug);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& directory) override {
    if (const auto error = recorder_.begin(Kind::sync_directory, path_)) return status_of(*error);
    return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory);
  }

 private:
  const std::string path_;
  Recorder& recorder_;
};

class RecordingDisk final : public rocksdb::FileSystemWrapper {
 public:
  explicit RecordingDisk(Recorder& recorder)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), recorder_(recorder) {}

  const char* Name() const override { return "recording"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::make_file, path)) return status_of(*error);
    auto made = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (made.ok()) *file = std::make_unique<File>(std::move(*file), path, 0, recorder_);
    return made;
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error)
      if (const auto refused = recorder_.begin(Kind::make_file, path)) return status_of(*refused);
    auto made = FileSystemWrapper::ReopenWritableFile(path, options, file, debug);
    if (made.ok())
      *file = std::make_unique<File>(std::move(*file), path, error ? 0 : std::uint64_t{size}, recorder_);
    return made;
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("logs are not recycled here; the recorder does not know how");
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* debug) override {
    auto made = FileSystemWrapper::NewDirectory(path, options, directory, debug);
    if (made.ok()) *directory = std::make_unique<Directory>(std::move(*directory), path, recorder_);
    return made;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::make_directory, path)) return status_of(*error);
    return FileSystemWrapper::CreateDir(path, options, debug);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* debug) override {
    if (!std::filesystem::exists(path))
      if (const auto error = recorder_.begin(Kind::make_directory, path)) return status_of(*error);
    return FileSystemWrapper::CreateDirIfMissing(path, options, debug);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::erase, path)) return status_of(*error);
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }
  IOStatus Truncate(const std::string& path, std::size_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::truncate, path, {}, size)) return status_of(*error);
    return FileSystemWrapper::Truncate(path, size, options, debug);
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (const auto error = recorder_.begin(Kind::rename, from, {}, 0, to)) return status_of(*error);
    return FileSystemWrapper::RenameFile(from, to, options, debug);
  }
  IOStatus LinkFile(const std::string&, const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("the recorder knows no links");
  }

 private:
  Recorder& recorder_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_recording_disk(Recorder& recorder) {
  return rocksdb::NewCompositeEnv(std::make_shared<RecordingDisk>(recorder));
}

}  // namespace hirehall::images
