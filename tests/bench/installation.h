// Where the parts of one build or installation lie, seen from this program.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::bench {

std::filesystem::path own_directory();
std::string own_program();
// A program in that directory.
Result<std::string> program_in(const std::filesystem::path& directory, std::string_view name);
// A file below lib/hirehall: "agents/echo.so".
Result<std::string> library_file(std::string_view name);

}  // namespace hirehall::bench
