// Inputs that are lists of messages, and a mutator that knows msgpack: it changes values in their place, so
// that most of what it makes is decoded and reaches what lies behind the decoder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "common/msgpack.h"

namespace hirehall::fuzz {

struct Message {
  std::uint8_t peer = 0;
  std::uint8_t kind = 0;  // of the wire protocol; 0: time passes
  std::string body;
};

inline std::vector<Message> messages_of(std::string_view input) {
  std::vector<Message> messages;
  while (input.size() >= 4 && messages.size() < 64) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(input[i]); };
    const std::size_t length = static_cast<std::size_t>(byte(2)) | static_cast<std::size_t>(byte(3)) << 8;
    messages.push_back({byte(0), byte(1), std::string(input.substr(4, length))});
    input.remove_prefix(std::min(input.size(), 4 + length));
  }
  return messages;
}

inline std::string bytes_of(const std::vector<Message>& messages) {
  std::string out;
  for (const auto& message : messages) {
    const std::size_t length = std::min<std::size_t>(message.body.size(), 0xffff);
    out.push_back(static_cast<char>(message.peer));
    out.push_back(static_cast<char>(message.kind));
    out.push_back(static_cast<char>(length));
    out.push_back(static_cast<char>(length >> 8));
    out.append(message.body, 0, length);
  }
  return out;
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

// One value that tends to lie at a border.
inline void write_any(msgpack::Writer& w, Dice& dice) {
  static constexpr std::string_view texts[] = {"",        "default", "echo",   "local", "results",
                                               "session", "queue",   "failed", "ready", "k",
                                               "input",   "*",       "a b",    "\xff"};
  switch (dice.below(9)) {
    case 0:
      return w.nil();
    case 1:
      return w.boolean(dice.below(2) == 0);
    case 2:
      return w.uint(dice.below(12));
    case 3:
      return w.uint((1 + dice.below(6)) << 20 | dice.below(4));  // a token
    case 4:
      return w.uint(std::uint64_t{1} << dice.below(64));
    case 5:
      return w.sint(-static_cast<std::int64_t>(std::uint64_t{1} << dice.below(63)));
    case 6:
      return w.str(texts[dice.below(std::size(texts))]);
    case 7: {
      std::string id = "\xff\xffID";
      id.push_back(static_cast<char>(dice.below(12)));
      id.resize(16, '\0');
      return w.bin(id);
    }
    default:
      return dice.below(2) == 0 ? w.array(0) : w.map(0);
  }
}

// Copies one value; the value with the number `chosen` (counted in order) becomes another one, is left out of
// its array, or stands twice in it.
class Copy {
 public:
  Copy(std::string& out, Dice& dice, std::size_t chosen) : out_(out), dice_(dice), left_(chosen) {}

  void value(msgpack::Reader& r, int depth) {
    const bool here = left_ == 0;
    --left_;
    msgpack::Writer w(out_);
    if (here && dice_.below(3) != 0) {
      r.skip();
      return write_any(w, dice_);
    }
    const auto kind = r.peek();
    if (depth > 20 || (kind != msgpack::Kind::array && kind != msgpack::Kind::map)) return w.raw(r.raw());
    const bool array = kind == msgpack::Kind::array;
    const std::size_t count = array ? r.array() : r.map();
    const std::size_t twice = here && count > 0 ? dice_.below(count) : SIZE_MAX;
    if (array)
      w.array(count + (twice == SIZE_MAX ? 0 : 1));
    else
      w.map(count + (twice == SIZE_MAX ? 0 : 1));
    for (std::size_t i = 0; i < count && r.ok(); ++i) {
      const std::size_t from = out_.size();
      if (!array) w.raw(r.raw());
      value(r, depth + 1);
      if (i == twice) out_ += std::string(out_.substr(from));
    }
  }

 private:
  std::string& out_;
  Dice& dice_;
  std::size_t left_;
};

inline std::string changed(std::string_view body, Dice& dice) {
  std::string out;
  msgpack::Reader r(body);
  Copy(out, dice, dice.below(1 + std::min<std::size_t>(body.size(), 40))).value(r, 0);
  return r.ok() ? out : std::string(body);
}

}  // namespace hirehall::fuzz
