// What RocksDB writes about itself, in the file LOG beside its own: bounded, and of no consequence. RocksDB's
// own writer of it ends the process by an assertion when the disk refuses a line.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace rocksdb {
class Logger;
}

namespace hirehall::store {

inline constexpr std::size_t diary_bytes_max = 4 << 20;  // then it begins anew

// A file that cannot be opened is done without.
std::shared_ptr<rocksdb::Logger> make_diary(const std::string& path);

}  // namespace hirehall::store
