// The store's own small files (watermark, format, the rename of a new database) bypass RocksDB. The linker
// leads our code's calls through here (--wrap in CMakeLists.txt), so that they are operations like all
// others.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "tests/images/disk_record.h"

namespace {

using hirehall::images::Operation;
using hirehall::images::Recorder;
using Kind = Operation::Kind;

std::mutex mutex;
std::map<int, std::string> paths;  // of descriptors under a recorder's root

std::string path_of(int descriptor) {
  const std::lock_guard lock(mutex);
  const auto found = paths.find(descriptor);
  return found == paths.end() ? std::string() : found->second;
}

int refuse(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
int __real_open(const char* path, int flags, ...);
int __real_close(int descriptor);
int __real_fsync(int descriptor);
int __real_rename(const char* from, const char* to);
ssize_t __real_pwrite(int descriptor, const void* bytes, size_t count, off_t offset);
int __real_mkdir(const char* path, mode_t mode);
int __real_unlink(const char* path);
int __real_rmdir(const char* path);
int __wrap_open(const char* path, int flags, ...);
int __wrap_mkdir(const char* path, mode_t mode);
int __wrap_unlink(const char* path);
int __wrap_rmdir(const char* path);
int __wrap_close(int descriptor);
int __wrap_fsync(int descriptor);
int __wrap_rename(const char* from, const char* to);
ssize_t __wrap_pwrite(int descriptor, const void* bytes, size_t count, off_t offset);

int __wrap_open(const char* path, int flags, ...) {
  unsigned mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, unsigned);
    va_end(rest);
  }
  Recorder* const recorder = Recorder::current();
  const bool watched = recorder != nullptr && recorder->watches(path);
  if (watched && (flags & O_CREAT) != 0) {
    const bool there = std::filesystem::exists(path);
    if (!there || (flags & O_TRUNC) != 0)
      if (const auto error = recorder->begin(Kind::make_file, path)) return refuse(*error);
  }
  const int descriptor = __real_open(path, flags, mode);
  if (watched && descriptor >= 0) {
    const std::lock_guard lock(mutex);
    paths[descriptor] = path;
  }
  return descriptor;
}

int __wrap_close(int descriptor) {
  {
    const std::lock_guard lock(mutex);
    paths.erase(descriptor);
  }
  return __real_close(descriptor);
}

int __wrap_fsync(int descriptor) {
  const std::string path = path_of(descriptor);
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && !path.empty()) {
    const Kind kind = std::filesystem::is_directory(path) ? Kind::sync_directory : Kind::sync;
    if (const auto error = recorder->begin(kind, path)) return refuse(*error);
  }
  return __real_fsync(descriptor);
}

int __wrap_rename(const char* from, const char* to) {
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && recorder->watches(from))
    if (const auto error = recorder->begin(Kind::rename, from, {}, 0, to)) return refuse(*error);
  return __real_rename(from, to);
}

ssize_t __wrap_pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  const std::string path = path_of(descriptor);
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && !path.empty()) {
    const std::string_view view(static_cast<const char*>(bytes), count);
    if (const auto error = recorder->begin(Kind::write, path, view, static_cast<std::uint64_t>(offset)))
      return refuse(*error);
  }
  return __real_pwrite(descriptor, bytes, count, offset);
}

int __wrap_mkdir(const char* path, mode_t mode) {
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && recorder->watches(path) && !std::filesystem::exists(path))
    if (const auto error = recorder->begin(Kind::make_directory, path)) return refuse(*error);
  return __real_mkdir(path, mode);
}

int __wrap_unlink(const char* path) {
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && recorder->watches(path) && std::filesystem::is_regular_file(path))
    if (const auto error = recorder->begin(Kind::erase, path)) return refuse(*error);
  return __real_unlink(path);
}

int __wrap_rmdir(const char* path) {
  Recorder* const recorder = Recorder::current();
  if (recorder != nullptr && recorder->watches(path))
    if (const auto error = recorder->begin(Kind::erase, path)) return refuse(*error);
  return __real_rmdir(path);
}
// NOLINTEND(bugprone-reserved-identifier)
}
