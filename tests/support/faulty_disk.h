// A file system under RocksDB that fails from the Nth write or sync on, for files with a given ending.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class Env;
}

namespace hirehall::test {

class FaultyDisk {
 public:
  enum class Operation { write, sync };
  enum class Kind { io_error, no_space };

  FaultyDisk();
  ~FaultyDisk();

  rocksdb::Env* env() const;  // lives as long as this
  // The Nth (from 1) such operation from now on fails, and, if it `stays`, all later ones too.
  void fail(Operation operation, Kind kind, std::string ending, std::uint64_t nth = 1, bool stays = true);
  void heal();
  std::uint64_t failures() const;
  std::uint64_t count(Operation operation) const;  // of all files, since the beginning

  struct Plan;

 private:
  std::shared_ptr<Plan> plan_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace hirehall::test
