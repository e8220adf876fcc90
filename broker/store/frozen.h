// The files of an open store as they were at one moment, for a backup. While this exists none of them is
// deleted, so it costs the space of what the store would have dropped meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hirehall::store {

struct FrozenFile {
  std::string name;  // in the database
  std::string path;
  std::uint64_t bytes = 0;  // of the file on disk, which may be longer by now
  // Names the content for ever, over restarts and restores too: a file with this name need not be copied
  // twice. Empty: written on, copy it each time.
  std::string lasting_name;
  std::string content;  // instead of what is on disk, when not empty
};

class Frozen {
 public:
  virtual ~Frozen() = default;
  virtual const std::vector<FrozenFile>& files() const = 0;
  virtual std::uint64_t commit() const = 0;  // what they hold at least
};

}  // namespace hirehall::store
