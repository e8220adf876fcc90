#include "common/ids.h"

#include <sodium/crypto_shorthash.h>

#include <cstring>

namespace hirehall {
namespace {

static_assert(crypto_shorthash_KEYBYTES == 16, "IdKey is a SipHash key");
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

__extension__ using Wide = unsigned __int128;

int digit_of(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  auto at = alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Sequence TaskId::sequence() const {
  Sequence s = 0;
  for (std::size_t i = 4; i < 11; ++i) s = (s << 8) | bytes[i];
  return s;
}

std::string TaskId::text() const {
  // 128 bits as 26 digits of 5 bits; the first digit carries 3.
  std::string out(26, '0');
  Wide v = 0;
  for (auto b : bytes) v = (v << 8) | b;
  for (std::size_t i = 26; i-- > 0;) {
    out[i] = alphabet[static_cast<std::size_t>(v & 31)];
    v >>= 5;
  }
  return out;
}

Result<TaskId> TaskId::parse(std::string_view text) {
  if (text.size() != 26)
    return fail(Code::invalid, "a task id has 26 characters, this has " + std::to_string(text.size()),
                std::string(text.substr(0, 64)));
  Wide v = 0;
  for (std::size_t i = 0; i < 26; ++i) {
    int d = digit_of(text[i]);
    if (d < 0 || (i == 0 && d > 7))
      return fail(Code::invalid, "a task id has the digits 0-9 and A-Z without I, L, O, U",
                  std::string(text));
    v = (v << 5) | static_cast<unsigned>(d);
  }
  TaskId id;
  for (std::size_t i = 16; i-- > 0;) {
    id.bytes[i] = static_cast<std::uint8_t>(v & 255);
    v >>= 8;
  }
  return id;
}

Result<TaskId> TaskId::from_raw(std::string_view raw) {
  if (raw.size() != 16) return fail(Code::invalid, "a task id has 16 bytes");
  TaskId id;
  std::memcpy(id.bytes.data(), raw.data(), 16);
  return id;
}

IdMaker::IdMaker(IdKey key, std::uint16_t shard, std::uint16_t incarnation)
    : key_(key), shard_(shard), spans_{{incarnation, 0}} {}

TaskId IdMaker::make(Sequence sequence, std::uint16_t incarnation) const {
  TaskId id;
  id.bytes[0] = static_cast<std::uint8_t>(shard_ >> 8);
  id.bytes[1] = static_cast<std::uint8_t>(shard_);
  id.bytes[2] = static_cast<std::uint8_t>(incarnation >> 8);
  id.bytes[3] = static_cast<std::uint8_t>(incarnation);
  for (std::size_t i = 0; i < 7; ++i) id.bytes[4 + i] = static_cast<std::uint8_t>(sequence >> (48 - 8 * i));
  std::array<std::uint8_t, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), id.bytes.data(), 11, key_.data());
  std::memcpy(id.bytes.data() + 11, hash.data(), 5);
  return id;
}

bool IdMaker::checks(const TaskId& id) const {
  auto expected = make(id.sequence(), id.incarnation());
  unsigned difference = 0;  // constant time: the check is a secret's image
  for (std::size_t i = 11; i < 16; ++i) difference |= static_cast<unsigned>(expected.bytes[i] ^ id.bytes[i]);
  return difference == 0;
}

bool IdMaker::genuine(const TaskId& id) const {
  return id.shard() == shard_ && id.incarnation() == incarnation_of(id.sequence()) && checks(id);
}

bool IdMaker::lost(const TaskId& id) const {
  return id.shard() == shard_ && id.incarnation() < incarnation_of(id.sequence()) && checks(id);
}

}  // namespace hirehall
