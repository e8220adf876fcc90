// The few file operations that RocksDB does not do for us, each synced where it must be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/error.h"

namespace hirehall::store {

// Owns one descriptor.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File() { close(); }

  int descriptor() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  void close();

 private:
  int descriptor_ = -1;
};

// "cannot <verb> <path>: <reason of errno>"
tl::unexpected<Error> system_failure(std::string_view verb, const std::string& path, int error);

Result<File> open_file(const std::string& path, int flags, unsigned mode = 0600);
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);  // not_found when absent
Status write_at(const File& file, const std::string& path, std::string_view bytes, std::uint64_t offset);
Status sync(const File& file, const std::string& path);
// So that names made in it survive a power cut.
Status sync_directory(const std::string& path);
// For the owner alone (0700), with those above it, and with names that survive a power cut; one that is there
// stays as it is.
Status make_directory(const std::string& path);
// A file, or a directory with all in it; nothing there is no error.
Status remove_all(const std::string& path);
// And the directory that holds the new name is synced.
Status rename_durably(const std::string& from, const std::string& to);
// Whole or not at all, also across a power cut: temporary file, sync, rename, sync of the directory.
Status replace_file(const std::string& path, std::string_view bytes);

}  // namespace hirehall::store
