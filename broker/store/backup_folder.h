// The folder where backups lie (docs/storage.md, "Backups"):
//
//   format        one line of text
//   lock          held by whoever changes the folder
//   counters      the next backup's number, and the highest incarnation of each store seen here
//   tables/       files that never change, shared by all backups that need them
//   N/            one backup: manifest, and the files that are its own
//   N.creating/   one that is being made, or was cut off: not a backup
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/store/backup_manifest.h"
#include "broker/store/copying.h"
#include "broker/store/frozen.h"
#include "broker/store/lock.h"
#include "broker/store/store.h"

namespace hirehall::store {

// What to know of a backup without its files.
struct BackupSummary {
  std::uint64_t number = 0;
  std::int64_t began_at = 0, took_ms = 0;
  std::uint16_t incarnation = 1;
  std::uint64_t commit = 0;
  std::uint64_t files = 0, bytes = 0, copied_bytes = 0;
  std::string damage;  // why it cannot be used; empty: nothing known
};

struct BackupRequest {
  Identity identity;
  std::int64_t now = 0;  // wall clock, ms
  std::string software;
  std::uint64_t bytes_per_second = 0;
  CopyProgress progress;
};

// One at a time: it holds the folder's lock.
class BackupFolder {
 public:
  // Makes the folder when there is nothing. conflict: somebody else works in it; invalid: other files are in
  // it.
  static Result<BackupFolder> open(const std::string& path);

  std::vector<BackupSummary> list() const;                      // by number
  Result<BackupManifest> manifest(std::uint64_t number) const;  // not_found, corrupt, unsupported
  // Copies what the folder does not have yet. disk_full before anything is written when it would not fit.
  // However it ends, the backups before it stay as they are.
  Result<BackupManifest> create(const Frozen& frozen, const BackupRequest& request);
  // Reads every file of a backup and compares it with its digest.
  Status verify(std::uint64_t number, CopyPace pace);
  Status remove(std::uint64_t number);
  // Removes the oldest ones but `keep`; gives their numbers.
  Result<std::vector<std::uint64_t>> retain(std::size_t keep);

  // The highest incarnation of this store that is known here, 0 when none is, and its durable raise.
  std::uint16_t incarnation(std::uint64_t store_tag) const;
  Status note_incarnation(std::uint64_t store_tag, std::uint16_t incarnation);

  std::string path_of(std::uint64_t number, const BackupFile& file) const;

 private:
  struct Counters {
    std::uint64_t next = 1;
    std::map<std::uint64_t, std::uint16_t> incarnations;  // by store tag
  };
  BackupFolder(std::string path, StoreLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string folder_of(std::uint64_t number) const { return path_ + "/" + std::to_string(number); }
  std::string tables() const { return path_ + "/tables"; }
  std::vector<std::uint64_t> numbers() const;
  Status clean_up();  // what was cut off, and tables that no backup needs
  Status read_counters();
  Status write_counters() const;
  std::map<std::string, std::string> known_tables() const;
  Result<BackupFile> copy(const FrozenFile& file, const std::string& into, CopyPace& pace);
  Status verify_file(std::uint64_t number, const BackupFile& file, CopyPace& pace) const;
  Status fits(std::uint64_t needed) const;
  Status fill(const Frozen& frozen, const BackupRequest& request, const std::string& creating,
              const std::map<std::string, std::string>& known, BackupManifest& manifest);

  std::string path_;
  StoreLock lock_;
  Counters counters_;
};

// The summaries of a folder that somebody else may be working in.
Result<std::vector<BackupSummary>> list_backups(const std::string& path);

}  // namespace hirehall::store
