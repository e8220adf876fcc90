#include "broker/store/space_guard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "broker/store/files.h"

namespace hirehall::store {

namespace {

// Files come and go while we look, so one that vanished counts nothing.
std::uint64_t bytes_below(const std::string& directory) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(directory, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    struct stat info {};
    if (::lstat(entry->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      sum += static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  return sum;
}

}  // namespace

Result<Space> measure_disk(const std::string& directory) {
  struct statvfs disk {};
  while (::statvfs(directory.c_str(), &disk) != 0)
    if (errno != EINTR) return system_failure("measure the free space of", directory, errno);
  return Space{std::uint64_t{disk.f_bavail} * disk.f_frsize, std::uint64_t{disk.f_blocks} * disk.f_frsize, 0};
}

SpaceGuard::SpaceGuard(std::string directory, std::string reserve_path, SpaceLimits limits, Probe probe)
    : directory_(std::move(directory)),
      reserve_path_(std::move(reserve_path)),
      limits_(limits),
      probe_(std::move(probe)) {
  struct stat info {};
  holds_reserve_ = ::stat(reserve_path_.c_str(), &info) == 0 && info.st_blocks > 0;
}

Status SpaceGuard::measure() {
  const auto disk = probe_(directory_);
  if (!disk) return tl::unexpected(disk.error());
  const std::uint64_t free = disk->free_bytes;
  const std::uint64_t total = disk->total_bytes;
  const std::uint64_t low = std::max(
      limits_.free_bytes_exact ? limits_.free_bytes_min : std::min(limits_.free_bytes_min, total / 10),
      total / 100 * limits_.free_percent_min);
  const std::uint64_t reserve = std::min(limits_.reserve_bytes, total / 100);
  // Reopened only with some air above the mark, so that admission does not flutter around it.
  const std::uint64_t reopen = low + low / 8;
  admits_ = free >= (admits_ ? low : reopen);

  // Submits were refused long before it goes; it must go some flushes before nothing is left, for they come
  // in bursts.
  if (holds_reserve_ && free < std::min(std::max(reserve, low / 4), low)) release_reserve();
  if (!holds_reserve_ && reserve > 0 && free >= reopen + reserve) take_reserve(reserve);

  free_ = free;
  total_ = total;
  used_ = bytes_below(directory_);
  return {};
}

Space SpaceGuard::space() const {
  return {free_, total_, used_};
}

// No room for it is an answer, not a failure: the next measure() tries again.
void SpaceGuard::take_reserve(std::uint64_t bytes) {
  auto file = open_file(reserve_path_, O_WRONLY | O_CREAT);
  if (!file) return;
  if (::posix_fallocate(file->descriptor(), 0, static_cast<off_t>(bytes)) != 0) {
    ::unlink(reserve_path_.c_str());
    return;
  }
  holds_reserve_ = true;
}

void SpaceGuard::release_reserve() {
  if (::unlink(reserve_path_.c_str()) == 0 || errno == ENOENT) holds_reserve_ = false;
}

}  // namespace hirehall::store
