// What a program does to a disk, operation by operation: the recorder sits under the store (recording_disk.h,
// side_files.cpp) and may also refuse an operation.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hirehall::images {

struct Operation {
  enum class Kind { make_file, make_directory, write, truncate, sync, sync_directory, rename, erase };
  Kind kind = Kind::write;
  std::string path;    // relative to the data directory; empty: the directory itself
  std::string target;  // of a rename
  std::uint64_t offset = 0;
  std::string bytes;
  // Commits when the operation began.
  std::uint64_t begun = 0;
  std::uint64_t acknowledged = 0;
};

// What a row of the table is called: the kind of file and what was done to it.
std::string name_of(const Operation& operation);

// Used by any thread.
class Recorder {
 public:
  // errno of a failure, or nothing: the operation goes on.
  using Fault = std::function<std::optional<int>(const Operation&)>;

  explicit Recorder(std::string root);
  ~Recorder();
  Recorder(const Recorder&) = delete;

  // Called before the operation is done. A refused one is not recorded.
  std::optional<int> begin(Operation::Kind kind, const std::string& path, std::string_view bytes = {},
                           std::uint64_t offset = 0, const std::string& target = {});
  bool watches(const std::string& path) const;

  void set_fault(Fault fault);
  void set_begun(std::uint64_t commit);
  void set_acknowledged(std::uint64_t commit);
  std::vector<Operation> operations() const;

  // The one that is told about files that are not RocksDB's; null when there is none.
  static Recorder* current();

 private:
  std::string relative(const std::string& path) const;

  const std::string root_;
  mutable std::mutex mutex_;
  Fault fault_;
  std::uint64_t begun_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::vector<Operation> operations_;
};

}  // namespace hirehall::images
