#include "broker/store/copying.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "broker/store/files.h"

namespace hirehall::store {

namespace {

constexpr std::size_t piece_bytes = 1u << 20;
// Written back as it goes, so that the last sync is short and the store's own syncs do not wait behind it.
constexpr std::uint64_t written_back_each = 16u << 20;

class Digest {
 public:
  Digest() { crypto_generichash_init(&state_, nullptr, 0, bytes_.size()); }
  void add(std::string_view bytes) {
    crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  std::string text() {
    static constexpr char digits[] = "0123456789abcdef";
    crypto_generichash_final(&state_, bytes_.data(), bytes_.size());
    std::string out;
    for (const unsigned char byte : bytes_) {
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
    return out;
  }

 private:
  crypto_generichash_state state_{};
  std::array<unsigned char, 32> bytes_{};
};

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// Tells what is done, and waits while it goes faster than asked for.
Status keep_pace(CopyPace& pace, std::uint64_t bytes) {
  constexpr std::int64_t nap_ms = 20;
  pace.done += bytes;
  for (;;) {
    if (pace.progress && !pace.progress(pace.done, pace.total))
      return fail(Code::unavailable, "given up: the broker stops");
    if (pace.bytes_per_second == 0) return {};
    const auto due = pace.began_ms + static_cast<std::int64_t>(pace.done * 1000 / pace.bytes_per_second);
    const auto ahead = due - now_ms();
    if (ahead <= 0) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(ahead, nap_ms)));
  }
}

Result<std::string> read_through(const std::string& from, std::uint64_t bytes, CopyPace& pace,
                                 const std::function<Status(std::string_view piece, std::uint64_t at)>& put) {
  if (pace.began_ms == 0) pace.began_ms = now_ms();
  auto file = open_file(from, O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  const auto piece = std::make_unique<char[]>(piece_bytes);
  Digest digest;
  for (std::uint64_t at = 0; at < bytes;) {
    const auto want = std::min<std::uint64_t>(piece_bytes, bytes - at);
    const ssize_t got = ::pread(file->descriptor(), piece.get(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", from, errno);
    if (got == 0)
      return fail(Code::corrupt,
                  "the file ends after " + std::to_string(at) + " of " + std::to_string(bytes) + " bytes",
                  from);
    const std::string_view have(piece.get(), static_cast<std::size_t>(got));
    digest.add(have);
    if (auto done = put(have, at); !done) return tl::unexpected(done.error());
    at += have.size();
    if (auto kept = keep_pace(pace, have.size()); !kept) return tl::unexpected(kept.error());
  }
  // Whoever serves tasks needs the cache more than a file that is read once.
  ::posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return digest.text();
}

}  // namespace

std::string digest_of_bytes(std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.text();
}

Result<std::string> digest_of_file(const std::string& path, std::uint64_t bytes, CopyPace& pace) {
  return read_through(path, bytes, pace, [](std::string_view, std::uint64_t) { return Status(); });
}

Result<std::string> copy_file(const std::string& from, const std::string& to, std::uint64_t bytes,
                              CopyPace& pace) {
  auto out = open_file(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!out) return tl::unexpected(out.error());
  std::uint64_t written_back = 0;
  auto digest = read_through(from, bytes, pace, [&](std::string_view piece, std::uint64_t at) -> Status {
    if (auto put = write_at(*out, to, piece, at); !put) return put;
    if (at + piece.size() - written_back < written_back_each) return {};
    written_back = at + piece.size();
    return sync(*out, to);
  });
  if (!digest) return digest;
  if (auto synced = sync(*out, to); !synced) return tl::unexpected(synced.error());
  ::posix_fadvise(out->descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return digest;
}

Status write_new_file(const std::string& path, std::string_view bytes) {
  auto out = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!out) return tl::unexpected(out.error());
  if (auto put = write_at(*out, path, bytes, 0); !put) return put;
  return sync(*out, path);
}

}  // namespace hirehall::store
