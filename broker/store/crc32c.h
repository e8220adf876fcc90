// CRC-32C (Castagnoli), the checksum in RocksDB's log records; its own is not part of its interface.
#pragma once

#include <cstdint>
#include <string_view>

namespace hirehall::store {

std::uint32_t crc32c(std::string_view bytes);

}  // namespace hirehall::store
