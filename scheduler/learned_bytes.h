// How learned numbers are kept: eight bytes each, as they are in memory, least first.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "common/pack.h"

namespace hirehall::scheduler {

inline void put_number(Packer& out, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (unsigned shift = 0; shift < 64; shift += 8) out.u8(static_cast<std::uint8_t>(bits >> shift));
}

// Fails on what no belief can be: not a number, infinite, or below `least`.
inline double take_number(Unpacker& in, double least = -1e12) {
  std::uint64_t bits = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) bits |= std::uint64_t{in.u8()} << shift;
  const double value = std::bit_cast<double>(bits);
  if (std::isfinite(value) && value >= least && value <= 1e12) return value;
  in.fail();
  return 0;
}

}  // namespace hirehall::scheduler
