// What the last commits did that a picture of the store may not show yet.
#pragma once

#include <cstdint>
#include <string>

#include "broker/engine/records.h"

namespace hirehall::engine {

struct TimerChange {
  std::uint64_t commit;
  bool erase;
  std::string key, value;
};

struct RecentKey {
  std::uint64_t commit = 0;
  KeyRecord record;
};

}  // namespace hirehall::engine
