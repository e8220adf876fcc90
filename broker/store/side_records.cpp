#include "broker/store/side_records.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "common/check.h"

namespace hirehall::store {

namespace {

constexpr std::size_t checksum_bytes = crypto_generichash_BYTES_MIN;
static_assert(checksum_bytes == 16);
constexpr std::string_view identity_magic = "HHid";
constexpr std::string_view mark_magic = "HHwm";
constexpr std::uint32_t mark_version = 1;

std::string checksum(std::string_view bytes) {
  std::array<unsigned char, checksum_bytes> out{};
  const int done = crypto_generichash(
      out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
  HH_CHECK(done == 0, "a checksum of bytes in memory cannot fail");
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

void append(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = bytes * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((number >> shift) & 0xff));
}

std::uint64_t take(std::string_view& in, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes; ++i) number = number << 8 | static_cast<unsigned char>(in[i]);
  in.remove_prefix(bytes);
  return number;
}

// The record without magic and checksum, or nothing when either is wrong.
bool unwrap(std::string_view& bytes, std::string_view magic, std::size_t size) {
  if (bytes.size() != size || bytes.substr(0, magic.size()) != magic) return false;
  const std::string_view covered = bytes.substr(0, size - checksum_bytes);
  if (checksum(covered) != bytes.substr(covered.size())) return false;
  bytes = covered.substr(magic.size());
  return true;
}

}  // namespace

std::string encode(const Identity& identity) {
  std::string out(identity_magic);
  append(out, identity.format, 4);
  append(out, identity.shard, 2);
  append(out, identity.incarnation, 2);
  out.append(reinterpret_cast<const char*>(identity.id_key.data()), identity.id_key.size());
  out += checksum(out);
  return out;
}

Result<Identity> decode_identity(std::string_view bytes) {
  if (!unwrap(bytes, identity_magic, identity_bytes))
    return fail(Code::corrupt,
                "the identity record of the store is damaged; restore the store from a backup");
  Identity identity;
  identity.format = static_cast<std::uint32_t>(take(bytes, 4));
  if (identity.format != format_version)
    return fail(Code::unsupported, "the store has format " + std::to_string(identity.format) +
                                       " and this program knows format " + std::to_string(format_version) +
                                       "; use the program version that wrote it");
  identity.shard = static_cast<std::uint16_t>(take(bytes, 2));
  identity.incarnation = static_cast<std::uint16_t>(take(bytes, 2));
  std::copy_n(reinterpret_cast<const std::uint8_t*>(bytes.data()), identity.id_key.size(),
              identity.id_key.begin());
  return identity;
}

std::uint64_t tag_of(const IdKey& key) {
  std::string salted("hirehall watermark");
  salted.append(reinterpret_cast<const char*>(key.data()), key.size());
  const std::string sum = checksum(salted);
  std::string_view rest = sum;
  return take(rest, 8);
}

std::string encode(const Mark& mark) {
  std::string out(mark_magic);
  append(out, mark_version, 4);
  append(out, mark.store_tag, 8);
  append(out, mark.commit, 8);
  out += checksum(out);
  return out;
}

Result<Mark> decode_mark(std::string_view bytes) {
  if (!unwrap(bytes, mark_magic, mark_bytes) || take(bytes, 4) != mark_version)
    return fail(Code::corrupt, "a watermark record is damaged");
  Mark mark;
  mark.store_tag = take(bytes, 8);
  mark.commit = take(bytes, 8);
  return mark;
}

}  // namespace hirehall::store
