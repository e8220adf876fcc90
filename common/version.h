// The version of this software, as printed by --version and said in hello messages.
#pragma once

#include <string_view>

namespace hirehall {

std::string_view software_version();  // "0.1.0"

}  // namespace hirehall
