#include "tests/bench/slowsync.h"

#include <array>
#include <cstring>
#include <fstream>

#include "tests/bench/installation.h"

namespace hirehall::bench {

Result<std::vector<std::pair<std::string, std::string>>> slowed(double delay_ms,
                                                                const std::filesystem::path& count_file) {
  std::vector<std::pair<std::string, std::string>> environment;
  if (delay_ms <= 0) return environment;
  auto library = library_file("bench/libhirehall-slowsync.so");
  if (!library) return tl::unexpected(library.error());
  environment.emplace_back("LD_PRELOAD", *library);
  environment.emplace_back("HIREHALL_SYNC_DELAY_MS", std::to_string(delay_ms));
  environment.emplace_back("HIREHALL_SYNC_COUNT", count_file.string());
  return environment;
}

std::uint64_t syncs_counted(const std::filesystem::path& count_file) {
  std::ifstream in(count_file, std::ios::binary);
  std::array<char, sizeof(std::uint64_t)> bytes{};
  std::uint64_t count = 0;
  if (in.read(bytes.data(), bytes.size())) std::memcpy(&count, bytes.data(), bytes.size());
  return count;
}

}  // namespace hirehall::bench
