// Reading configuration and key files: capped, and with a look at who else may touch them.
#pragma once

#include <cstddef>
#include <string>

#include "common/error.h"

namespace hirehall::server {

// Mode bits that must be off, as in stat.
inline constexpr unsigned others_may_write = 0002;
inline constexpr unsigned group_or_others_may_anything = 0077;

// The whole content. invalid: not a regular file, larger than `bytes_max`, or a mode bit of `forbidden` is
// set; io: the system refused.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max, unsigned forbidden);

}  // namespace hirehall::server
