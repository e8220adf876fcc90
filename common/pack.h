// The store's own compact form: varints, zigzag differences and length-prefixed bytes.
// The reader has the rules of msgpack::Reader: no allocation, after the first bad byte ok() is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hirehall {

class Packer {
 public:
  explicit Packer(std::string& out) : out_(&out) {}

  void u8(std::uint8_t v) { out_->push_back(static_cast<char>(v)); }
  void uint(std::uint64_t v) {
    if (v < 128) return u8(static_cast<std::uint8_t>(v));
    char buffer[10];
    std::size_t n = 0;
    while (v >= 128) {
      buffer[n++] = static_cast<char>(v | 128);
      v >>= 7;
    }
    buffer[n++] = static_cast<char>(v);
    out_->append(buffer, n);
  }
  void sint(std::int64_t v) {
    uint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void bytes(std::string_view v) {
    uint(v.size());
    out_->append(v);
  }
  void raw(std::string_view v) { out_->append(v); }
  std::string& out() { return *out_; }

 private:
  std::string* out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view data) : at_(data.data()), end_(data.data() + data.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == end_; }
  bool finished() const { return ok_ && at_ == end_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }
  void fail() { ok_ = false, at_ = end_; }

  std::uint8_t u8() {
    if (at_ == end_) {
      fail();
      return 0;
    }
    return static_cast<std::uint8_t>(*at_++);
  }
  std::uint64_t uint() {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 128) return static_cast<std::uint8_t>(*at_++);
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      auto b = static_cast<std::uint8_t>(*at_++);
      v |= static_cast<std::uint64_t>(b & 127u) << shift;
      if (b < 128) return v;
    }
    fail();
    return 0;
  }
  std::int64_t sint() {
    auto v = uint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view bytes() {
    auto n = uint();
    if (n > remaining()) {
      fail();
      return {};
    }
    std::string_view v{at_, static_cast<std::size_t>(n)};
    at_ += n;
    return v;
  }
  std::string_view raw(std::size_t n) {
    if (n > remaining()) {
      fail();
      return {};
    }
    std::string_view v{at_, n};
    at_ += n;
    return v;
  }
  // A count of elements of at least one byte each.
  std::size_t count() {
    auto n = uint();
    if (n > remaining()) {
      fail();
      return 0;
    }
    return static_cast<std::size_t>(n);
  }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace hirehall
