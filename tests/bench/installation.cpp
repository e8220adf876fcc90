#include "tests/bench/installation.h"

#include <unistd.h>

namespace hirehall::bench {

namespace fs = std::filesystem;

std::string own_program() {
  std::error_code none;
  return fs::read_symlink("/proc/self/exe", none).string();
}

fs::path own_directory() {
  return fs::path(own_program()).parent_path();
}

Result<std::string> program_in(const fs::path& directory, std::string_view name) {
  auto path = directory / name;
  if (access(path.c_str(), X_OK) == 0) return path.string();
  return fail(Code::not_found,
              std::string(name) + " is not there; build or install it, or say where it is with --bin DIR",
              path.string());
}

Result<std::string> library_file(std::string_view name) {
  auto lib = own_directory() / ".." / "lib";
  // A build tree has no folder per architecture, an installation on Debian does.
  for (const auto& base : {lib, lib / HIREHALL_LIBDIR_NAME}) {
    std::error_code none;
    auto found = fs::canonical(base / "hirehall" / name, none);
    if (!none) return found.string();
  }
  return fail(Code::not_found, "a part of hirehall-bench is not there; build or install all of it",
              (lib / "hirehall" / name).string());
}

}  // namespace hirehall::bench
