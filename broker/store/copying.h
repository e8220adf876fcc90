// Copies that are checked: bytes, their digest, and a sync before the name counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::store {

// Bytes done so far, of how many. False: stop, the work is given up.
using CopyProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

struct CopyPace {
  CopyProgress progress;               // may be empty
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  std::uint64_t done = 0, total = 0;   // of the whole work
  std::int64_t began_ms = 0;           // set by the first copy
};

// BLAKE2b, 32 bytes, as 64 hexadecimal digits.
std::string digest_of_bytes(std::string_view bytes);
// Of the first `bytes` of a file; corrupt when there are fewer.
Result<std::string> digest_of_file(const std::string& path, std::uint64_t bytes, CopyPace& pace);
// Gives the digest of what was copied. `to` must not exist; it is synced, its name is not.
Result<std::string> copy_file(const std::string& from, const std::string& to, std::uint64_t bytes,
                              CopyPace& pace);
Status write_new_file(const std::string& path, std::string_view bytes);  // synced, its name is not

}  // namespace hirehall::store
