// One process at a time has a store open.
#pragma once

#include <string>

#include "broker/store/files.h"
#include "common/error.h"

namespace hirehall::store {

// Held until destroyed or the process ends, however it ends. The file stays; its content is the holder's
// process id.
class StoreLock {
 public:
  enum class Kind { writer, reader };  // readers share it with readers: the offline tools
  static Result<StoreLock> take(const std::string& path, Kind kind);

 private:
  explicit StoreLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace hirehall::store
