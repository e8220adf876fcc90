#include "broker/store/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace hirehall::store {

namespace {

std::string holder_of(const std::string& path) {
  const auto text = read_file(path, 32);
  if (!text || text->empty() || text->find_first_not_of("0123456789\n") != std::string::npos)
    return "pid unknown";
  return "pid " + text->substr(0, text->find('\n'));
}

}  // namespace

Result<StoreLock> StoreLock::take(const std::string& path, Kind kind) {
  const bool writer = kind == Kind::writer;
  auto file = open_file(path, writer ? O_RDWR | O_CREAT : O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  while (::flock(file->descriptor(), (writer ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return system_failure("lock", path, errno);
    return fail(Code::conflict,
                "another broker (" + holder_of(path) +
                    ") has this store open; stop it first, or give this one its own directory",
                path);
  }
  if (writer) {
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file->descriptor(), 0) != 0) return system_failure("truncate", path, errno);
    if (auto put = write_at(*file, path, pid, 0); !put) return tl::unexpected(put.error());
  }
  return StoreLock(std::move(*file));
}

}  // namespace hirehall::store
