// What fuzz targets share. Each is a file with LLVMFuzzerTestOneInput; a finding ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/check.h"

// Both are called by libFuzzer, or by replay.cc.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace hirehall::fuzz {

inline std::string_view view_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// How many inputs were not refused. A corpus of which nothing is accepted any more (its format is of the
// past) tests only the refusal: replay.cc takes that for a failure.
inline std::uint64_t accepted = 0;

}  // namespace hirehall::fuzz
