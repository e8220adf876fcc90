#include "tests/support/faulty_disk.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <mutex>

namespace hirehall::test {

struct FaultyDisk::Plan {
  std::mutex mutex;
  bool armed = false;
  Operation operation = Operation::write;
  Kind kind = Kind::io_error;
  std::string ending;
  std::uint64_t nth = 0;
  bool stays = true;
  std::uint64_t failures = 0;
  std::uint64_t counts[2] = {0, 0};

  // True when this operation is to fail.
  bool strike(Operation what, const std::string& name) {
    const std::lock_guard lock(mutex);
    counts[static_cast<int>(what)] += 1;
    if (!armed || what != operation || !name.ends_with(ending)) return false;
    if (nth > 1) {
      nth -= 1;
      return false;
    }
    armed = stays;
    failures += 1;
    return true;
  }

  rocksdb::IOStatus error() {
    return kind == Kind::no_space ? rocksdb::IOStatus::NoSpace("planned: no space")
                                  : rocksdb::IOStatus::IOError("planned: input/output error");
  }
};

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Operation = FaultyDisk::Operation;

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name,
             std::shared_ptr<FaultyDisk::Plan> plan)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), plan_(std::move(plan)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (plan_->strike(Operation::write, name_)) return plan_->error();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* debug) override {
    if (plan_->strike(Operation::write, name_)) return plan_->error();
    return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (plan_->strike(Operation::sync, name_)) return plan_->error();
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (plan_->strike(Operation::sync, name_)) return plan_->error();
    return FSWritableFileOwnerWrapper::Fsync(options, debug);
  }

 private:
  std::string name_;
  std::shared_ptr<FaultyDisk::Plan> plan_;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(std::shared_ptr<FaultyDisk::Plan> plan)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(std::move(plan)) {}

  const char* Name() const override { return "faulty"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) override {
    auto made = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (made.ok()) *file = std::make_unique<FaultyFile>(std::move(*file), name, plan_);
    return made;
  }

 private:
  std::shared_ptr<FaultyDisk::Plan> plan_;
};

}  // namespace

FaultyDisk::FaultyDisk()
    : plan_(std::make_shared<Plan>()),
      env_(rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(plan_))) {}

FaultyDisk::~FaultyDisk() = default;

rocksdb::Env* FaultyDisk::env() const {
  return env_.get();
}

void FaultyDisk::fail(Operation operation, Kind kind, std::string ending, std::uint64_t nth, bool stays) {
  const std::lock_guard lock(plan_->mutex);
  plan_->armed = true;
  plan_->operation = operation;
  plan_->kind = kind;
  plan_->ending = std::move(ending);
  plan_->nth = nth;
  plan_->stays = stays;
}

void FaultyDisk::heal() {
  const std::lock_guard lock(plan_->mutex);
  plan_->armed = false;
}

std::uint64_t FaultyDisk::failures() const {
  const std::lock_guard lock(plan_->mutex);
  return plan_->failures;
}

std::uint64_t FaultyDisk::count(Operation operation) const {
  const std::lock_guard lock(plan_->mutex);
  return plan_->counts[static_cast<int>(operation)];
}

}  // namespace hirehall::test
