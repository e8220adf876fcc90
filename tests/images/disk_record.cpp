#include "tests/images/disk_record.h"

#include <atomic>
#include <filesystem>

#include "common/check.h"

namespace hirehall::images {

namespace {

std::atomic<Recorder*> watching = nullptr;

// RocksDB's diary and the locks tell nothing that a start would read.
bool is_silent(const std::string& name) {
  return name.starts_with("LOG") || name == "LOCK" || name == "lock";
}

std::string file_of(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (name.ends_with(".log")) return "log";
  if (name.ends_with(".sst")) return "table";
  if (name.starts_with("MANIFEST")) return "MANIFEST";
  if (name == "CURRENT" || name.ends_with(".dbtmp")) return "CURRENT";
  if (name.starts_with("watermark")) return "watermark";
  if (name.starts_with("format")) return "format";
  return "other";
}

}  // namespace

std::string name_of(const Operation& operation) {
  using Kind = Operation::Kind;
  const std::string file = file_of(operation.target.empty() ? operation.path : operation.target);
  switch (operation.kind) {
    case Kind::sync_directory:
      return "directory sync";
    case Kind::make_directory:
      return "directory made";
    case Kind::erase:
      return "delete";
    default:
      break;
  }
  if (file == "CURRENT" || file == "watermark" || file == "format" || file == "other") return file;
  if (operation.kind == Kind::make_file) return file + " made";
  return file + (operation.kind == Kind::sync ? " sync" : " append");
}

Recorder::Recorder(std::string root) : root_(std::move(root)) {
  HH_CHECK(watching.exchange(this) == nullptr, "one recorder at a time");
}

Recorder::~Recorder() {
  watching = nullptr;
}

Recorder* Recorder::current() {
  return watching;
}

bool Recorder::watches(const std::string& path) const {
  if (path != root_ && !path.starts_with(root_ + "/")) return false;
  return !is_silent(std::filesystem::path(path).filename().string());
}

std::string Recorder::relative(const std::string& path) const {
  return path.size() > root_.size() ? path.substr(root_.size() + 1) : std::string();
}

std::optional<int> Recorder::begin(Operation::Kind kind, const std::string& path, std::string_view bytes,
                                   std::uint64_t offset, const std::string& target) {
  if (!watches(path)) return std::nullopt;
  Operation operation{kind, relative(path), relative(target), offset, std::string(bytes), 0, 0};
  std::unique_lock lock(mutex_);
  operation.begun = begun_;
  operation.acknowledged = acknowledged_;
  if (const Fault fault = fault_; fault) {
    lock.unlock();  // it may wait
    if (const auto error = fault(operation)) return error;
    lock.lock();
  }
  operations_.push_back(std::move(operation));
  return std::nullopt;
}

void Recorder::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void Recorder::set_begun(std::uint64_t commit) {
  const std::lock_guard lock(mutex_);
  begun_ = commit;
}

void Recorder::set_acknowledged(std::uint64_t commit) {
  const std::lock_guard lock(mutex_);
  acknowledged_ = commit;
}

std::vector<Operation> Recorder::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

}  // namespace hirehall::images
