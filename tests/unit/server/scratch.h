// A folder of one test that goes away with it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace hirehall::server {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hh.XXXXXX").string();
    const char* made = ::mkdtemp(pattern.data());
    directory_ = made == nullptr ? "" : made;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string file(const std::string& name, const std::string& content, mode_t mode) const {
    std::ofstream(path(name), std::ios::trunc) << content;
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }

 private:
  std::string directory_;
};

}  // namespace hirehall::server
