#include "tests/support/scratch.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "common/check.h"

namespace hirehall::test {

ScratchDirectory::ScratchDirectory(const std::string& parent) {
  const std::filesystem::path place =
      parent.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(parent);
  path_ = (place / "hirehall-test-XXXXXX").string();
  HH_CHECK(::mkdtemp(path_.data()) != nullptr, "a test needs a temporary directory");
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hirehall::test
