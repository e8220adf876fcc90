// Maps of answers, pair by pair: what nobody reads is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/msgpack.h"

namespace hirehall::client {

// One pair at a time: the first call whose name is the key reads the value.
class Pair {
 public:
  explicit Pair(msgpack::Reader& r) : r_(r), key_(r.str()) {}

  bool text(std::string_view name, std::string& to) { return is(name) && (to = r_.str(), true); }
  bool number(std::string_view name, std::int64_t& to) { return is(name) && (to = r_.sint(), true); }
  bool count(std::string_view name, std::uint64_t& to) { return is(name) && (to = r_.uint(), true); }
  bool real(std::string_view name, double& to) { return is(name) && (to = r_.real(), true); }
  bool boolean(std::string_view name, bool& to) { return is(name) && (to = r_.boolean(), true); }
  bool is(std::string_view name) const { return key_ == name; }
  bool skip() {
    r_.skip();
    return true;
  }

 private:
  msgpack::Reader& r_;
  std::string_view key_;
};

template <typename Read>
void each_pair_of(msgpack::Reader& r, Read&& read) {
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    Pair pair(r);
    if (!read(pair)) pair.skip();
  }
}

template <typename Read>
void each_item_of(msgpack::Reader& r, Read&& read) {
  const auto items = r.array();
  for (std::size_t i = 0; i < items && r.ok(); ++i) read();
}

}  // namespace hirehall::client
