// Bytes of the small records that the store keeps for itself: who it is and how far it has come. Pinned by
// tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/store/store.h"

namespace hirehall::store {

// Format of the whole store; a store of another format is refused, never touched.
inline constexpr std::uint32_t format_version = 1;

// "HHid" · format u32 · shard u16 · incarnation u16 · id key 16 bytes · checksum 16 bytes, big-endian.
inline constexpr std::size_t identity_bytes = 44;
std::string encode(const Identity& identity);
Result<Identity> decode_identity(std::string_view bytes);  // corrupt, or unsupported for another format

// Which store a watermark belongs to; tells nothing about the key itself.
std::uint64_t tag_of(const IdKey& key);

// "HHwm" · version u32 · store tag u64 · commit number u64 · checksum 16 bytes, big-endian.
struct Mark {
  std::uint64_t store_tag = 0;
  std::uint64_t commit = 0;
};
inline constexpr std::size_t mark_bytes = 40;
std::string encode(const Mark& mark);
Result<Mark> decode_mark(std::string_view bytes);  // corrupt

}  // namespace hirehall::store
