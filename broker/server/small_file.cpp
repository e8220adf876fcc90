#include "broker/server/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/secret_file.h"

namespace hirehall::server {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string octal(unsigned mode) {
  std::string text = "0000";
  for (std::size_t i = 0; i < 4; ++i) text[3 - i] = static_cast<char>('0' + ((mode >> (3 * i)) & 7u));
  return text;
}

Status check(const struct stat& info, const std::string& path, std::size_t bytes_max, unsigned forbidden) {
  if (!S_ISREG(info.st_mode)) return fail(Code::invalid, "this is not a regular file; name a file", path);
  const bool secret = forbidden == group_or_others_may_anything;
  if (secret ? !keeps_secret(info) : (info.st_mode & forbidden) != 0) {
    const unsigned mode = info.st_mode & 07777u;
    return fail(Code::invalid,
                "the file has mode " + octal(mode) + " and is open to others; run: chmod " +
                    octal(mode & ~forbidden) + " on it and make sure that nobody has used it",
                path);
  }
  if (static_cast<std::size_t>(info.st_size) > bytes_max) {
    return fail(Code::invalid,
                "the file has " + std::to_string(info.st_size) + " bytes; at most " +
                    std::to_string(bytes_max) + " are read: is it the right file?",
                path);
  }
  return {};
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max, unsigned forbidden) {
  // O_NONBLOCK: a fifo in the file's place must not hang the start.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    return fail(Code::io, std::string("cannot open the file: ") + std::strerror(errno), path);
  }
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) {
    return fail(Code::io, std::string("cannot stat the file: ") + std::strerror(errno), path);
  }
  if (auto fine = check(info, path, bytes_max, forbidden); !fine) return tl::unexpected(fine.error());

  std::string text(bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::io, std::string("cannot read the file: ") + std::strerror(errno), path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > bytes_max) return fail(Code::invalid, "the file grew while it was read; try again", path);
  text.resize(filled);
  return text;
}

}  // namespace hirehall::server
