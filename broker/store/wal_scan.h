// Reads RocksDB's logs before RocksDB does. Its recovery stops at the first bad record and opens what lies
// before it; if an intact record behind the bad one carries a later commit number, that prefix is not all
// that was acknowledged, and opening it would also delete the rest. One committer writes one synced batch at
// a time, so an unfinished tail has nothing behind it: whatever does is proof of damage.
#pragma once

#include <cstdint>
#include <string>

#include "common/error.h"

namespace hirehall::store {

struct WalScan {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_commit = 0;  // 0: the logs hold no commit
  std::uint64_t last_commit = 0;   // the greatest number that can be read
  bool damaged = false;            // an unreadable place, also one at the very end
  std::string damage;              // where the first one is: file and offset
  bool gap = false;                // damage with a readable later commit behind it …
  std::uint64_t gap_after = 0;     // … after this commit; 0: nothing readable before it
  std::string disorder;            // a file with a commit not later than those before it: exchanged or copied
};

// Of the *.log files in `directory`, oldest first.
Result<WalScan> scan_wal(const std::string& directory);

}  // namespace hirehall::store
