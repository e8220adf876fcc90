// What one backup consists of. The file says by itself whether it is whole: its first line has the digest of
// the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall::store {

inline constexpr std::uint32_t backup_format_version = 1;

struct BackupFile {
  std::string name;    // in the database
  std::string stored;  // in the folder of tables; empty: in the backup's own folder, under `name`
  std::uint64_t bytes = 0;
  std::string digest;  // BLAKE2b, 64 hexadecimal digits
};

struct BackupManifest {
  std::uint64_t number = 0;
  std::int64_t began_at = 0;  // wall clock, ms
  std::int64_t took_ms = 0;
  std::uint64_t store_tag = 0;  // of the store and what was restored from it
  std::uint16_t shard = 0;
  std::uint16_t incarnation = 1;
  std::uint64_t commit = 0;        // it holds this commit and all before it
  std::uint64_t copied_bytes = 0;  // the rest was there from backups before it
  std::string software;
  std::vector<BackupFile> files;

  std::uint64_t bytes() const;
};

std::string encode(const BackupManifest& manifest);
// corrupt; unsupported for another format.
Result<BackupManifest> decode_backup_manifest(std::string_view text, const std::string& path);

}  // namespace hirehall::store
