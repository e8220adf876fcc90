#include "broker/store/diary.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace hirehall::store {
namespace {

std::size_t put_time(char* to, std::size_t room) {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  const auto seconds = std::strftime(to, room, "%Y-%m-%dT%H:%M:%S", &utc);
  const auto rest = std::snprintf(to + seconds, room - seconds, ".%03ldZ ", now.tv_nsec / 1'000'000);
  return seconds + static_cast<std::size_t>(std::max(rest, 0));
}

}  // namespace

Diary::Diary(const std::string& path) : rocksdb::Logger(rocksdb::InfoLogLevel::INFO_LEVEL) {
  auto opened = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!opened) return;
  file_ = std::move(*opened);
  struct stat status {};
  if (::fstat(file_.descriptor(), &status) == 0) bytes_ = static_cast<std::size_t>(status.st_size);
}

void Diary::Logv(const char* format, std::va_list arguments) {
  if (!file_) return;
  std::array<char, 2048> line{};
  auto length = put_time(line.data(), line.size());
  const auto text = std::vsnprintf(line.data() + length, line.size() - length, format, arguments);
  length = std::min(length + static_cast<std::size_t>(std::max(text, 0)), line.size() - 1);
  if (line[length - 1] != '\n') line[length++] = '\n';
  if (bytes_.load() > bytes_max && ::ftruncate(file_.descriptor(), 0) == 0) bytes_ = 0;
  // A line that the disk refuses is lost; what matters is told by the operation that failed.
  if (const auto put = ::write(file_.descriptor(), line.data(), length); put > 0)
    bytes_ += static_cast<std::size_t>(put);
}

}  // namespace hirehall::store
