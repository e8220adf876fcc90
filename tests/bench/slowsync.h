// The preloaded library that makes a program's disk slow (slowsync/slowsync.c).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

// The environment that a program needs so that each of its syncs takes longer; empty without a delay.
// The number of syncs is counted in `count_file`.
Result<std::vector<std::pair<std::string, std::string>>> slowed(double delay_ms,
                                                                const std::filesystem::path& count_file);
std::uint64_t syncs_counted(const std::filesystem::path& count_file);  // 0 when there is no such file

}  // namespace hirehall::bench
