// The form of the principals file (YAML; configs/principals.yaml shows it). Errors name file and line.
#pragma once

#include <string_view>
#include <vector>

#include "broker/server/principals.h"
#include "common/error.h"

namespace hirehall::server {

inline constexpr std::size_t principals_max = 10000;

Result<std::vector<Principal>> read_principals(std::string_view yaml, std::string_view file);

}  // namespace hirehall::server
