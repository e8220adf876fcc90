#include "broker/store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace hirehall::store {

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

void File::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

tl::unexpected<Error> system_failure(std::string_view verb, const std::string& path, int error) {
  const Code code = error == ENOENT ? Code::not_found : error == ENOSPC ? Code::disk_full : Code::io;
  return fail(code, "cannot " + std::string(verb) + ": " + std::generic_category().message(error), path);
}

Result<File> open_file(const std::string& path, int flags, unsigned mode) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (descriptor < 0) return system_failure("open", path, errno);
  return File(descriptor);
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  auto file = open_file(path, O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  std::string bytes(bytes_max, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file->descriptor(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", path, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

Status write_at(const File& file, const std::string& path, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file.descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_failure("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status sync(const File& file, const std::string& path) {
  if (::fsync(file.descriptor()) != 0) return system_failure("sync", path, errno);
  return {};
}

Status sync_directory(const std::string& path) {
  auto directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!directory) return tl::unexpected(directory.error());
  return sync(*directory, path);
}

Status replace_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  {
    auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return tl::unexpected(file.error());
    if (auto put = write_at(*file, temporary, bytes, 0); !put) return put;
    if (auto synced = sync(*file, temporary); !synced) return synced;
  }
  return rename_durably(temporary, path);
}

Status rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename", from, errno);
  const std::string parent = std::filesystem::path(to).parent_path().string();
  return sync_directory(parent.empty() ? "." : parent);
}

Status make_directory(const std::string& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  if (auto above = make_directory(std::filesystem::path(path).parent_path().string()); !above) return above;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_failure("make the directory", path, errno);
  const auto parent = std::filesystem::path(path).parent_path().string();
  return sync_directory(parent.empty() ? "." : parent);
}

Status remove_all(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return system_failure("remove", path, errno);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error))
    if (auto removed = remove_all(entry.path().string()); !removed) return removed;
  if (error) return system_failure("list", path, error.value());
  if (::rmdir(path.c_str()) != 0) return system_failure("remove", path, errno);
  return {};
}

}  // namespace hirehall::store
