#include "broker/store/store.h"

#include "common/check.h"

namespace hirehall::store {

std::string_view name_of(Family family) {
  switch (family) {
    case Family::meta:
      return "meta";
    case Family::bodies:
      return "bodies";
    case Family::facts:
      return "facts";
    case Family::pages:
      return "pages";
    case Family::timers:
      return "timers";
    case Family::records:
      return "records";
  }
  HH_CHECK(false, "a family without a name");
}

std::size_t CommitBatch::bytes() const {
  std::size_t sum = 0;
  for (const Write& write : writes) sum += write.key.size() + write.value.size();
  return sum;
}

namespace {

template <typename Number>
void append_big_endian(std::string& out, Number number) {
  for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((number >> shift) & 0xff));
}

}  // namespace

std::string number_key(std::uint64_t number) {
  std::string key;
  key.reserve(8);
  append_big_endian(key, number);
  return key;
}

std::string number_key(std::uint64_t number, std::uint32_t part) {
  std::string key;
  key.reserve(12);
  append_big_endian(key, number);
  append_big_endian(key, part);
  return key;
}

std::uint64_t number_of(std::string_view key) {
  HH_CHECK(key.size() >= 8, "a number key has at least 8 bytes");
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(key[i]);
  return number;
}

}  // namespace hirehall::store
