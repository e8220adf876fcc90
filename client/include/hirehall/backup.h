// Backups that the broker makes of itself (docs/operating.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hirehall/error.h"
#include "hirehall/task.h"

namespace hirehall::client {

struct BackupInfo {
  std::uint64_t backup = 0;  // its number
  Millis began_at = 0, took_ms = 0;
  std::uint64_t incarnation = 0, commit = 0, files = 0;
  std::uint64_t bytes = 0, copied_bytes = 0;  // copied: what the backup before did not have yet
  std::string damage = {};                    // why it cannot be used
};

// One job at a time: the running one or the last.
struct BackupJob {
  std::uint64_t job = 0;  // 0: there was none yet
  std::string what = {};  // create, verify, delete
  bool running = false;
  std::uint64_t backup = 0;
  std::uint64_t bytes_done = 0, bytes_total = 0;
  Millis began_at = 0;
  std::vector<std::uint64_t> removed = {};  // numbers of backups that retention took
  std::optional<Error> error = {};          // why it failed
  std::optional<BackupInfo> made = {};
};

}  // namespace hirehall::client
