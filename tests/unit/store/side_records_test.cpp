// Bytes on disk that other versions must be able to read. A change here is a change of the format.
#include "broker/store/side_records.h"

#include <gtest/gtest.h>

#include "broker/store/crc32c.h"

namespace hirehall::store {
namespace {

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return out;
}

Identity somebody() {
  Identity identity;
  identity.format = 1;
  identity.shard = 0x0203;
  identity.incarnation = 0x0405;
  for (std::size_t i = 0; i < identity.id_key.size(); ++i)
    identity.id_key[i] = static_cast<std::uint8_t>(i + 16);
  return identity;
}

TEST(SideRecords, IdentityBytesArePinned) {
  EXPECT_EQ(hex(encode(somebody())),
            "48486964"
            "00000001"
            "0203"
            "0405"
            "101112131415161718191a1b1c1d1e1f"
            "e1ff1c59d55ec29b2fc0ef21e8702bc6");
}

TEST(SideRecords, WatermarkBytesArePinned) {
  EXPECT_EQ(hex(encode(Mark{0x0102030405060708, 0x1112131415161718})),
            "4848776d"
            "00000001"
            "0102030405060708"
            "1112131415161718"
            "f5b98892eb6d2a63ecc8a81591dff156");
  EXPECT_EQ(tag_of(somebody().id_key), 0x98e1f141127930e2u);
}

TEST(SideRecords, IdentityComesBack) {
  const auto identity = decode_identity(encode(somebody()));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->shard, 0x0203);
  EXPECT_EQ(identity->incarnation, 0x0405);
  EXPECT_EQ(identity->id_key, somebody().id_key);
}

TEST(SideRecords, AnyFlippedBitIsNoticed) {
  const std::string identity = encode(somebody()), mark = encode(Mark{1, 2});
  for (std::size_t bit = 0; bit < identity.size() * 8; ++bit) {
    std::string hurt = identity;
    hurt[bit / 8] = static_cast<char>(hurt[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_identity(hurt)) << bit;
  }
  for (std::size_t bit = 0; bit < mark.size() * 8; ++bit) {
    std::string hurt = mark;
    hurt[bit / 8] = static_cast<char>(hurt[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_mark(hurt)) << bit;
  }
  EXPECT_FALSE(decode_identity(identity + "x"));
  EXPECT_FALSE(decode_mark(""));
}

TEST(SideRecords, IdentityOfAnotherFormatIsUnsupportedNotCorrupt) {
  Identity newer = somebody();
  newer.format = 2;
  const auto identity = decode_identity(encode(newer));
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, Code::unsupported);
}

TEST(SideRecords, ChecksumOfLogsIsTheKnownOne) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(""), 0u);
}

}  // namespace
}  // namespace hirehall::store
