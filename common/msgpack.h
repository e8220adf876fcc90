// Bounded msgpack: a writer into a string and a pull reader over a view.
// The reader never allocates, never trusts a count (each element needs at least one byte of what remains),
// limits depth, refuses extension types, and yields views into the frame: copy before the frame is freed.
// After the first malformed byte every read returns a default and ok() is false; check ok() once at the end.
// Why not the library's unpack: it sizes containers from the header and has no limits by default; the library
// is the second decoder in our tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "common/limits.h"

namespace hirehall::msgpack {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(&out) {}

  void nil() { byte(0xc0); }
  void boolean(bool v) { byte(v ? 0xc3 : 0xc2); }
  void uint(std::uint64_t v) {
    if (v < 128)
      byte(static_cast<std::uint8_t>(v));
    else if (v <= 0xff)
      fixed(0xcc, v, 1);
    else if (v <= 0xffff)
      fixed(0xcd, v, 2);
    else if (v <= 0xffffffff)
      fixed(0xce, v, 4);
    else
      fixed(0xcf, v, 8);
  }
  void sint(std::int64_t v) {
    if (v >= 0)
      uint(static_cast<std::uint64_t>(v));
    else if (v >= -32)
      byte(static_cast<std::uint8_t>(v));
    else if (v >= INT8_MIN)
      fixed(0xd0, static_cast<std::uint64_t>(v), 1);
    else if (v >= INT16_MIN)
      fixed(0xd1, static_cast<std::uint64_t>(v), 2);
    else if (v >= INT32_MIN)
      fixed(0xd2, static_cast<std::uint64_t>(v), 4);
    else
      fixed(0xd3, static_cast<std::uint64_t>(v), 8);
  }
  void real(double v) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, 8);
    fixed(0xcb, bits, 8);
  }
  void str(std::string_view s) {
    if (s.size() < 32)
      byte(static_cast<std::uint8_t>(0xa0 | s.size()));
    else
      sized(0xd9, s.size());
    out_->append(s);
  }
  void bin(std::string_view s) {
    sized(0xc4, s.size());
    out_->append(s);
  }
  void array(std::size_t n) {
    if (n < 16)
      byte(static_cast<std::uint8_t>(0x90 | n));
    else if (n <= 0xffff)
      fixed(0xdc, n, 2);
    else
      fixed(0xdd, n, 4);
  }
  void map(std::size_t n) {
    if (n < 16)
      byte(static_cast<std::uint8_t>(0x80 | n));
    else if (n <= 0xffff)
      fixed(0xde, n, 2);
    else
      fixed(0xdf, n, 4);
  }
  // An array whose length is not known yet: patch it with array32_at once it is.
  std::size_t array32() {
    fixed(0xdd, 0, 4);
    return out_->size() - 4;
  }
  void array32_at(std::size_t position, std::size_t n) {
    for (std::size_t i = 0; i < 4; ++i) (*out_)[position + i] = static_cast<char>(n >> (24 - 8 * i));
  }
  void raw(std::string_view encoded) { out_->append(encoded); }

  // Map entries, key first.
  void entry(std::string_view key, std::string_view v) { str(key), str(v); }
  void entry(std::string_view key, const char* v) { str(key), str(v); }
  void entry_bin(std::string_view key, std::string_view v) { str(key), bin(v); }
  void entry_uint(std::string_view key, std::uint64_t v) { str(key), uint(v); }
  void entry_sint(std::string_view key, std::int64_t v) { str(key), sint(v); }
  void entry_bool(std::string_view key, bool v) { str(key), boolean(v); }

 private:
  void byte(std::uint8_t b) { out_->push_back(static_cast<char>(b)); }
  void fixed(std::uint8_t tag, std::uint64_t v, int width) {
    char buffer[9];
    buffer[0] = static_cast<char>(tag);
    for (int i = 0; i < width; ++i) buffer[1 + i] = static_cast<char>(v >> (8 * (width - 1 - i)));
    out_->append(buffer, static_cast<std::size_t>(1 + width));
  }
  void sized(std::uint8_t tag8, std::size_t n) {
    if (n <= 0xff)
      fixed(tag8, n, 1);
    else if (n <= 0xffff)
      fixed(static_cast<std::uint8_t>(tag8 + 1), n, 2);
    else
      fixed(static_cast<std::uint8_t>(tag8 + 2), n, 4);
  }

  std::string* out_;
};

enum class Kind : std::uint8_t { nil, boolean, uint, sint, real, str, bin, array, map, invalid };

class Reader {
 public:
  explicit Reader(std::string_view data) : at_(data.data()), end_(data.data() + data.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == end_; }
  bool finished() const { return ok_ && at_ == end_; }  // no trailing bytes
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }
  void fail() { ok_ = false, at_ = end_; }

  Kind peek() const;
  bool skip_nil() {  // consumes a nil if one is next
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) == 0xc0) {
      ++at_;
      return true;
    }
    return false;
  }
  bool boolean();
  std::uint64_t uint() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 128) return static_cast<std::uint8_t>(*at_++);
    return uint_slow();
  }
  std::int64_t sint();
  double real();           // accepts integers
  std::string_view str();  // fails on text that is not UTF-8
  std::string_view bin();  // accepts str as well: a payload may be sent as text, in any encoding
  std::size_t array() { return container(0x90, 0xdc, 1); }
  std::size_t map() { return container(0x80, 0xde, 2); }  // number of pairs
  void skip() { skip_at(0); }                             // one whole value of any kind
  std::string_view raw();                                 // the encoded bytes of one whole value

 private:
  std::string_view str_bytes();
  std::uint64_t uint_slow();
  std::uint64_t big_endian(std::size_t width) {
    if (remaining() < width) {
      fail();
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < width; ++i) v = (v << 8) | static_cast<std::uint8_t>(at_[i]);
    at_ += width;
    return v;
  }
  std::string_view bytes(std::size_t n) {
    if (n > remaining()) {
      fail();
      return {};
    }
    std::string_view v{at_, n};
    at_ += n;
    return v;
  }
  std::size_t container(std::uint8_t fix, std::uint8_t tag16, std::size_t bytes_each);
  void skip_at(std::size_t depth);

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace hirehall::msgpack
