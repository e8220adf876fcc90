// The mixing function of the wire protocol (docs/protocol.md, worker_heartbeat).
#pragma once

#include <cstdint>

namespace hirehall {

constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace hirehall
