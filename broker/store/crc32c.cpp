#include "broker/store/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace hirehall::store {

namespace {

// Eight tables take eight bytes a turn: logs of 100 MB are checked at every start.
constexpr std::size_t stride = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, stride>;

constexpr Tables make_tables() {
  constexpr std::uint32_t reversed_polynomial = 0x82f63b78;
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? reversed_polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t byte = 0; byte < 256; ++byte)
    for (std::size_t table = 1; table < stride; ++table) {
      const std::uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  return tables;
}

constexpr Tables tables = make_tables();
static_assert(std::endian::native == std::endian::little, "words are taken as they lie in memory");

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  while (bytes.size() >= stride) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), stride);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < stride; ++i) crc ^= tables[stride - 1 - i][(word >> (8 * i)) & 0xff];
    bytes.remove_prefix(stride);
  }
  for (const char byte : bytes) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

}  // namespace hirehall::store
