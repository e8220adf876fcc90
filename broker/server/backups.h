// Backups of the running store: one job at a time, on a thread of its own. The command thread asks, looks and
// never waits.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/server/wakeup.h"
#include "broker/store/backup_folder.h"
#include "broker/store/store.h"

namespace hirehall::server {

struct BackupSettings {
  std::string folder;                  // empty: no backups
  std::size_t keep = 7;                // after each new one; 0: all
  std::int64_t every_ms = 0;           // 0: only when asked
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
};

struct BackupJob {
  enum class What : std::uint8_t { create, verify, remove };
  std::uint64_t number = 0;  // of the job; 0: there was none yet
  What what = What::create;
  bool running = false;
  std::uint64_t backup = 0;
  std::uint64_t done = 0, total = 0;  // bytes
  std::int64_t began_at = 0;          // wall clock, ms
  std::optional<store::BackupManifest> made;
  std::vector<std::uint64_t> removed;
  std::optional<Error> error;
};
std::string_view name_of(BackupJob::What what);

struct BackupCounts {
  std::uint64_t succeeded = 0, failed = 0;
  std::int64_t last_at = 0;  // wall clock of the newest backup, ms; 0: none
  std::uint64_t last_bytes = 0;
  std::int64_t last_took_ms = 0;
};

class BackupKeeper {
 public:
  BackupKeeper(const store::Store& store, BackupSettings settings);
  ~BackupKeeper();  // gives up what runs
  BackupKeeper(const BackupKeeper&) = delete;

  // invalid: the folder cannot be used. Notes the store's incarnation there, so that no restore gives it
  // again.
  static Status prepare(const store::Store& store, const BackupSettings& settings);

  const BackupSettings& settings() const { return settings_; }
  // The job's number. busy while another runs.
  Result<std::uint64_t> begin(BackupJob::What what, std::uint64_t backup, std::int64_t now);
  BackupJob job() const;
  BackupCounts counts() const;
  void look(std::int64_t now);  // begins one when it is time

 private:
  void run(BackupJob job);
  Status work(BackupJob& job);
  bool progressed(std::uint64_t done, std::uint64_t total);

  const store::Store& store_;
  const BackupSettings settings_;
  mutable std::mutex mutex_;
  BackupJob job_;
  BackupCounts counts_;
  std::int64_t tried_at_ = 0;  // by the clock, not by somebody
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace hirehall::server
