// What RocksDB writes about itself, in the file LOG beside its own: bounded, and of no consequence. RocksDB's
// own writer of it ends the process by an assertion when the disk refuses a line.
#pragma once

#include <rocksdb/env.h>

#include <atomic>
#include <cstdarg>
#include <cstddef>
#include <string>

#include "broker/store/files.h"

namespace hirehall::store {

class Diary : public rocksdb::Logger {
 public:
  static constexpr std::size_t bytes_max = 4 << 20;  // then it begins anew

  explicit Diary(const std::string& path);  // a file that cannot be opened is done without

  using rocksdb::Logger::Logv;
  void Logv(const char* format, std::va_list arguments) override;
  size_t GetLogFileSize() const override { return bytes_.load(); }

 private:
  File file_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace hirehall::store
