#include "broker/store/wal_scan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/store/crc32c.h"
#include "broker/store/files.h"
#include "broker/store/store.h"

namespace hirehall::store {

namespace {

// RocksDB's log format: blocks of 32 KiB; in them fragments of crc u32 · length u16 · type u8 · bytes; a
// record is one `full` fragment or first, middle …, last. A fragment never crosses a block, so each block is
// a new chance to read on.
constexpr std::size_t block_bytes = 32768;
constexpr std::size_t header_bytes = 7;
enum FragmentType : unsigned char { zero = 0, full = 1, first = 2, middle = 3, last = 4 };

// A record is a write batch: sequence u64 · count u32 · operations. Ours begin with the commit number.
constexpr std::size_t batch_header_bytes = 12;
constexpr char put_in_default_family = 0x01;
constexpr std::size_t head_bytes = 64;

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// Logs keep the checksum rotated and shifted, so that a checksum of bytes that hold checksums stays good.
std::uint32_t masked(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::optional<std::uint64_t> commit_of(std::string_view record) {
  if (record.size() < batch_header_bytes) return std::nullopt;
  record.remove_prefix(batch_header_bytes);
  std::string prefix{put_in_default_family, static_cast<char>(commit_key.size())};
  prefix += commit_key;
  prefix.push_back(8);
  if (!record.starts_with(prefix) || record.size() < prefix.size() + 8) return std::nullopt;
  return number_of(record.substr(prefix.size(), 8));
}

class Scanner {
 public:
  explicit Scanner(WalScan& found) : found_(found) {}

  void begin_file(std::string name) {
    blank_is_damage();
    file_ = std::move(name);
    in_record_ = false;
    damaged_in_file_ = false;
  }

  void block(std::string_view bytes, std::uint64_t offset) {
    const std::size_t size = bytes.size();
    while (bytes.size() >= header_bytes) {
      const std::uint64_t at = offset + (size - bytes.size());
      const std::size_t length = little_endian(bytes.substr(4, 2));
      const auto type = static_cast<unsigned char>(bytes[6]);
      if (type == zero && length == 0) {
        if (in_record_)
          damage(at);
        else if (!blank_)
          blank_ = at;
        return;
      }
      if (type == zero || type > last || header_bytes + length > bytes.size()) return damage(at);
      // Damaged bytes, but the length may well be right: what follows proves itself by its own checksum.
      // Searching at every offset instead would find records that somebody put into a payload.
      const bool whole = masked(crc32c(bytes.substr(6, 1 + length))) == little_endian(bytes.substr(0, 4));
      if (whole)
        fragment(type, bytes.substr(header_bytes, length), at);
      else
        damage(at);
      bytes.remove_prefix(header_bytes + length);
    }
  }

 private:
  void fragment(unsigned char type, std::string_view bytes, std::uint64_t at) {
    blank_is_damage();
    const bool begins = type == full || type == first;
    if (begins == in_record_) damage(at);  // a record without an end, or an end without a beginning
    if (!begins && !in_record_) return;
    if (begins) {
      in_record_ = true;
      head_.clear();
    }
    head_ += bytes.substr(0, head_bytes - std::min(head_bytes, head_.size()));
    if (type == full || type == last) {
      in_record_ = false;
      if (const auto commit = commit_of(head_)) saw(*commit);
    }
  }

  // Zeros at the very end are space that was never written; with something behind them they were records.
  void blank_is_damage() {
    if (blank_) damage(*std::exchange(blank_, std::nullopt));
  }

  void damage(std::uint64_t at) {
    in_record_ = false;
    damaged_since_last_ = true;
    damaged_in_file_ = true;
    if (found_.damaged) return;
    found_.damaged = true;
    found_.damage = file_ + " at offset " + std::to_string(at);
  }

  // A gap without damage is no proof: logs that are not needed any more may have been deleted in any order.
  // Nor is damage before the first commit of all when it lies in an older file: that may be the unfinished
  // tail of a log that held nothing else.
  void saw(std::uint64_t commit) {
    const bool is_first = found_.first_commit == 0;
    if (commit <= found_.last_commit && found_.disorder.empty()) found_.disorder = file_;
    if (is_first) found_.first_commit = commit;
    const bool missing = is_first ? damaged_in_file_ : commit > found_.last_commit + 1;
    if (damaged_since_last_ && missing && !found_.gap) {
      found_.gap = true;
      found_.gap_after = found_.last_commit;
    }
    found_.last_commit = std::max(found_.last_commit, commit);
    damaged_since_last_ = false;
  }

  WalScan& found_;
  std::string file_;
  std::string head_;
  bool in_record_ = false;
  bool damaged_since_last_ = false;
  bool damaged_in_file_ = false;
  std::optional<std::uint64_t> blank_;  // where this file has zeros instead of a fragment
};

Status scan_file(const std::string& path, WalScan& found, Scanner& scanner) {
  auto file = open_file(path, O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  scanner.begin_file(std::filesystem::path(path).filename().string());
  std::string buffer(block_bytes * 32, '\0');
  std::uint64_t offset = 0;
  for (;;) {
    std::size_t have = 0;
    while (have < buffer.size()) {
      const ssize_t got = ::pread(file->descriptor(), buffer.data() + have, buffer.size() - have,
                                  static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_failure("read", path, errno);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    for (std::size_t at = 0; at < have; at += block_bytes)
      scanner.block(std::string_view(buffer).substr(at, std::min(block_bytes, have - at)), offset + at);
    offset += have;
    if (have < buffer.size()) break;
  }
  found.files += 1;
  found.bytes += offset;
  return {};
}

}  // namespace

Result<WalScan> scan_wal(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (entry->path().extension() == ".log") paths.push_back(entry->path().string());
  if (error) return system_failure("list", directory, error.value());
  std::sort(paths.begin(), paths.end());  // names are numbers of fixed width

  WalScan found;
  Scanner scanner(found);
  for (const std::string& path : paths)
    if (auto scanned = scan_file(path, found, scanner); !scanned) return tl::unexpected(scanned.error());
  return found;
}

}  // namespace hirehall::store
