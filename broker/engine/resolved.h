// An item of a submit, looked at: what its names stand for, or why it is refused.
#pragma once

#include <cstdint>
#include <string>

#include "broker/engine/records.h"

namespace hirehall::engine {

struct Resolved {
  std::uint32_t lane = 0, class_ = 0;
  std::uint8_t priority = 0, flags = 0;
  std::uint32_t code = 0;
  Sequence existing = 0;
  Millis retention_ms = 0;
  std::string message, own, key, unique, digest, batch;
  std::string slot;  // its unique key, when that goes by a rule
  bool coalesces = false;
  Sequence replaces = 0;
  Millis due = 0;  // of what is coalesced
};

}  // namespace hirehall::engine
