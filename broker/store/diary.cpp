#include "broker/store/diary.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <utility>

#include "broker/store/files.h"

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

class Diary final : public rocksdb::Logger {
 public:
  explicit Diary(File file) : rocksdb::Logger(rocksdb::InfoLogLevel::INFO_LEVEL), file_(std::move(file)) {
    struct stat status {};
    if (file_ && ::fstat(file_.descriptor(), &status) == 0) bytes_ = static_cast<std::size_t>(status.st_size);
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, std::va_list arguments) override;
  size_t GetLogFileSize() const override { return bytes_.load(); }

 private:
  File file_;
  std::atomic<std::size_t> bytes_ = 0;
};

void Diary::Logv(const char* format, std::va_list arguments) {
  if (!file_) return;
  std::array<char, 2048> line{};
  auto length = put_time(line.data(), line.size());
  const auto text = std::vsnprintf(line.data() + length, line.size() - length, format, arguments);
  length = std::min(length + static_cast<std::size_t>(std::max(text, 0)), line.size() - 1);
  if (line[length - 1] != '\n') line[length++] = '\n';
  if (bytes_.load() > diary_bytes_max && ::ftruncate(file_.descriptor(), 0) == 0) bytes_ = 0;
  // A line that the disk refuses is lost; what matters is told by the operation that failed.
  if (const auto put = ::write(file_.descriptor(), line.data(), length); put > 0)
    bytes_ += static_cast<std::size_t>(put);
}

}  // namespace

std::shared_ptr<rocksdb::Logger> make_diary(const std::string& path) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  return std::make_shared<Diary>(file ? std::move(*file) : File());
}

}  // namespace hirehall::store
