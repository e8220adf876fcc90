// The number of the last commit, repeated outside RocksDB: a store that comes back with fewer commits was
// damaged. Two slots are written in turn, so a torn write leaves the other one; the file never grows after it
// was made.
#pragma once

#include <cstdint>
#include <string>

#include "broker/store/files.h"
#include "broker/store/side_records.h"

namespace hirehall::store {

class Watermark {
 public:
  // A new file with this mark; replaces what is there.
  static Result<Watermark> create(const std::string& path, const Mark& mark);
  // corrupt when no slot can be read, not_found when there is no file.
  static Result<Watermark> open(const std::string& path);
  static Result<Mark> read(const std::string& path);  // without the right to write

  const Mark& mark() const { return mark_; }
  // Synced when it returns. Numbers rise.
  Status advance(std::uint64_t commit);

 private:
  Watermark(std::string path, File file, Mark mark, unsigned next_slot)
      : path_(std::move(path)), file_(std::move(file)), mark_(mark), next_slot_(next_slot) {}
  std::string path_;
  File file_;
  Mark mark_;
  unsigned next_slot_ = 0;
};

}  // namespace hirehall::store
