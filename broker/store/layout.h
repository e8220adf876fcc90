// What lies in a data directory (docs/storage.md), and whether it is a store we may touch.
#pragma once

#include <string>

#include "common/error.h"

namespace hirehall::store {

struct Layout {
  explicit Layout(std::string directory);
  std::string directory;
  std::string format;     // text: the format of everything beside it
  std::string lock;       // held by the broker; its process id
  std::string watermark;  // last commit, outside RocksDB
  std::string reserve;    // space set aside
  std::string database;   // RocksDB
  std::string creating;   // RocksDB of a store that is not one yet; renamed when whole
  std::string restoring;  // the same, of a store that comes out of a backup
};

enum class Presence { absent, whole };

// unsupported: another format. corrupt: parts are missing. invalid: a directory with other things in it.
Result<Presence> examine(const Layout& layout);
Status write_format(const Layout& layout);

}  // namespace hirehall::store
