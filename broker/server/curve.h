// CURVE keys as files and text. Secrets come from files that only their owner can read, never from the
// command line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::server {

struct CurveKeys {
  std::string public_key;  // z85, 40 characters
  std::string secret_key;
};

// Reads a file with one z85 secret key and derives the public one. Refused: files that group or others may
// read, and keys printed in manuals.
Result<CurveKeys> load_curve_keys(const std::string& path);

// 40 characters of z85 to 32 bytes; `context` (file:line) goes into the error.
Result<std::array<std::uint8_t, 32>> decode_key(std::string_view z85, std::string_view context);

// The test keys of zmq_curve(7), public or secret: everybody has them.
bool is_published_key(std::string_view z85);

}  // namespace hirehall::server
