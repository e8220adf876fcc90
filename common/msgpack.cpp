#include "common/msgpack.h"

namespace hirehall::msgpack {

Kind Reader::peek() const {
  if (at_ == end_) return Kind::invalid;
  auto b = static_cast<std::uint8_t>(*at_);
  if (b < 0x80) return Kind::uint;
  if (b < 0x90) return Kind::map;
  if (b < 0xa0) return Kind::array;
  if (b < 0xc0) return Kind::str;
  if (b >= 0xe0) return Kind::sint;
  switch (b) {
    case 0xc0:
      return Kind::nil;
    case 0xc2:
    case 0xc3:
      return Kind::boolean;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return Kind::bin;
    case 0xca:
    case 0xcb:
      return Kind::real;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return Kind::uint;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return Kind::sint;
    case 0xd9:
    case 0xda:
    case 0xdb:
      return Kind::str;
    case 0xdc:
    case 0xdd:
      return Kind::array;
    case 0xde:
    case 0xdf:
      return Kind::map;
    default:
      return Kind::invalid;
  }
}

bool Reader::boolean() {
  if (at_ != end_) {
    auto b = static_cast<std::uint8_t>(*at_);
    if (b == 0xc2 || b == 0xc3) {
      ++at_;
      return b == 0xc3;
    }
  }
  fail();
  return false;
}

std::uint64_t Reader::uint_slow() {
  if (at_ == end_) {
    fail();
    return 0;
  }
  auto b = static_cast<std::uint8_t>(*at_);
  if (b >= 0xcc && b <= 0xcf) {
    ++at_;
    return big_endian(std::size_t{1} << (b - 0xcc));
  }
  auto v = sint();  // a non-negative signed form is accepted
  if (v < 0) fail();
  return ok_ ? static_cast<std::uint64_t>(v) : 0;
}

std::int64_t Reader::sint() {
  if (at_ == end_) {
    fail();
    return 0;
  }
  auto b = static_cast<std::uint8_t>(*at_);
  if (b < 0x80 || b >= 0xe0) {
    ++at_;
    return static_cast<std::int8_t>(b);
  }
  if (b >= 0xcc && b <= 0xcf) {
    ++at_;
    auto v = big_endian(std::size_t{1} << (b - 0xcc));
    if (v > static_cast<std::uint64_t>(INT64_MAX)) {
      fail();
      return 0;
    }
    return static_cast<std::int64_t>(v);
  }
  if (b < 0xd0 || b > 0xd3) {
    fail();
    return 0;
  }
  ++at_;
  auto width = std::size_t{1} << (b - 0xd0);
  auto v = big_endian(width);
  auto shift = 64 - 8 * width;
  return static_cast<std::int64_t>(v << shift) >> shift;
}

double Reader::real() {
  if (at_ == end_) {
    fail();
    return 0;
  }
  auto b = static_cast<std::uint8_t>(*at_);
  if (b == 0xcb) {
    ++at_;
    auto bits = big_endian(8);
    double v = 0;
    std::memcpy(&v, &bits, 8);
    return v;
  }
  if (b == 0xca) {
    ++at_;
    auto bits = static_cast<std::uint32_t>(big_endian(4));
    float v = 0;
    std::memcpy(&v, &bits, 4);
    return static_cast<double>(v);
  }
  return static_cast<double>(sint());
}

namespace {

bool ascii(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080ull) != 0) return false;
  }
  for (; i < text.size(); ++i)
    if (static_cast<std::uint8_t>(text[i]) >= 0x80) return false;
  return true;
}

// Shortest forms only, no surrogates, nothing above U+10FFFF.
bool utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<std::uint8_t>(text[i]);
    std::size_t more = lead < 0x80   ? 0
                       : lead < 0xc2 ? 9
                       : lead < 0xe0 ? 1
                       : lead < 0xf0 ? 2
                       : lead < 0xf5 ? 3
                                     : 9;
    if (i + more >= text.size()) return false;
    std::uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      auto b = static_cast<std::uint8_t>(text[i + k]);
      if ((b & 0xc0u) != 0x80) return false;
      point = (point << 6) | (b & 0x3fu);
    }
    if ((more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
        (more == 3 && (point < 0x10000 || point > 0x10ffff)))
      return false;
    i += more + 1;
  }
  return true;
}

}  // namespace

std::string_view Reader::str() {
  auto text = str_bytes();
  if (ascii(text) || utf8(text)) return text;
  fail();
  return {};
}

std::string_view Reader::str_bytes() {
  if (at_ != end_) {
    auto b = static_cast<std::uint8_t>(*at_);
    if (b >= 0xa0 && b < 0xc0) {
      ++at_;
      return bytes(b & 31u);
    }
    if (b >= 0xd9 && b <= 0xdb) {
      ++at_;
      return bytes(big_endian(std::size_t{1} << (b - 0xd9)));
    }
  }
  fail();
  return {};
}

std::string_view Reader::bin() {
  if (at_ != end_) {
    auto b = static_cast<std::uint8_t>(*at_);
    if (b >= 0xc4 && b <= 0xc6) {
      ++at_;
      return bytes(big_endian(std::size_t{1} << (b - 0xc4)));
    }
  }
  return str_bytes();
}

std::size_t Reader::container(std::uint8_t fix, std::uint8_t tag16, std::size_t bytes_each) {
  if (at_ == end_) {
    fail();
    return 0;
  }
  auto b = static_cast<std::uint8_t>(*at_);
  std::size_t n = 0;
  if ((b & 0xf0u) == fix) {
    ++at_;
    n = b & 15u;
  } else if (b == tag16) {
    ++at_;
    n = big_endian(2);
  } else if (b == tag16 + 1) {
    ++at_;
    n = big_endian(4);
  } else {
    fail();
    return 0;
  }
  if (n > remaining() / bytes_each) {
    fail();
    return 0;
  }
  return n;
}

void Reader::skip_at(std::size_t depth) {
  if (depth > limits::depth_max) return fail();
  switch (peek()) {
    case Kind::nil:
      ++at_;
      return;
    case Kind::boolean:
      boolean();
      return;
    case Kind::uint: {
      auto b = static_cast<std::uint8_t>(*at_);
      ++at_;
      if (b >= 0x80) big_endian(std::size_t{1} << (b - 0xcc));
      return;
    }
    case Kind::sint:
      sint();
      return;
    case Kind::real:
      real();
      return;
    case Kind::str:
      str();
      return;
    case Kind::bin:
      bin();
      return;
    case Kind::array: {
      auto n = array();
      for (std::size_t i = 0; i < n && ok_; ++i) skip_at(depth + 1);
      return;
    }
    case Kind::map: {
      auto n = map();
      for (std::size_t i = 0; i < 2 * n && ok_; ++i) skip_at(depth + 1);
      return;
    }
    case Kind::invalid:
      return fail();
  }
}

std::string_view Reader::raw() {
  const char* from = at_;
  skip();
  return ok_ ? std::string_view{from, static_cast<std::size_t>(at_ - from)} : std::string_view{};
}

}  // namespace hirehall::msgpack
