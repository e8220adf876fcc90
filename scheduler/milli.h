// Beliefs in whole thousandths: so they are shown and kept, and an award can be worked out again from them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hirehall::scheduler {

inline std::int64_t milli(double value) {
  return std::llround(std::clamp(value, -1e6, 1e6) * 1000);
}

inline double from_milli(std::int64_t value) {
  return static_cast<double>(value) / 1000;
}

}  // namespace hirehall::scheduler
