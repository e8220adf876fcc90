// A directory that is there for one test.
#pragma once

#include <string>

namespace hirehall::test {

class ScratchDirectory {
 public:
  // In the directory for temporary files, or in `parent`.
  explicit ScratchDirectory(const std::string& parent = {});
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace hirehall::test
