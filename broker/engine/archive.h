// One description of a fact's fields serves writing and reading: `template <class A> void archive(A& a) {
// a(x, y); }`.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/pack.h"

namespace hirehall::engine {

class ArchiveOut {
 public:
  static constexpr bool reading = false;
  explicit ArchiveOut(std::string& out) : pack_(out) {}

  template <typename... T>
  void operator()(T&... values) {
    (one(values), ...);
  }

 private:
  template <typename T>
  void one(T& v) {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>)
      pack_.bytes(v);
    else if constexpr (std::is_enum_v<T>)
      pack_.uint(static_cast<std::uint64_t>(v));
    else if constexpr (std::is_same_v<T, bool>)
      pack_.u8(v ? 1 : 0);
    else if constexpr (std::unsigned_integral<T>)
      pack_.uint(v);
    else if constexpr (std::signed_integral<T>)
      pack_.sint(v);
    else
      v.archive(*this);
  }
  template <typename T>
  void one(std::vector<T>& v) {
    pack_.uint(v.size());
    for (auto& e : v) one(e);
  }
  template <typename V>
  void one(std::map<std::string, V, std::less<>>& v) {
    pack_.uint(v.size());
    for (auto& [key, value] : v) {
      pack_.bytes(key);
      one(value);
    }
  }

  Packer pack_;
};

class ArchiveIn {
 public:
  static constexpr bool reading = true;
  explicit ArchiveIn(std::string_view data) : in_(data) {}
  explicit ArchiveIn(Unpacker in) : in_(in) {}

  bool finished() const { return in_.finished(); }
  bool ok() const { return in_.ok(); }
  Unpacker& unpacker() { return in_; }

  template <typename... T>
  void operator()(T&... values) {
    (one(values), ...);
  }

 private:
  template <typename T>
  void one(T& v) {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>)
      v = in_.bytes();
    else if constexpr (std::is_enum_v<T>)
      v = static_cast<T>(in_.uint());
    else if constexpr (std::is_same_v<T, bool>)
      v = in_.u8() != 0;
    else if constexpr (std::unsigned_integral<T>)
      v = static_cast<T>(in_.uint());
    else if constexpr (std::signed_integral<T>)
      v = static_cast<T>(in_.sint());
    else
      v.archive(*this);
  }
  template <typename T>
  void one(std::vector<T>& v) {
    auto n = in_.count();
    v.clear();
    v.reserve(n);
    for (std::size_t i = 0; i < n && in_.ok(); ++i) one(v.emplace_back());
  }
  template <typename V>
  void one(std::map<std::string, V, std::less<>>& v) {
    auto n = in_.count();
    v.clear();
    for (std::size_t i = 0; i < n && in_.ok(); ++i) {
      std::string key{in_.bytes()};
      one(v[std::move(key)]);
    }
  }

  Unpacker in_;
};

}  // namespace hirehall::engine
