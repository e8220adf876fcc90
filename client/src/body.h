// Bodies of requests: maps with string keys.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/src/convert.h"
#include "common/msgpack.h"

namespace hirehall::client {

// A map that is written pair by pair, with its size patched in at the end.
class Body {
 public:
  Body() : writer_(pairs_) {}
  void text(std::string_view key, std::string_view v) {
    if (!v.empty()) writer_.entry(key, v), ++count_;
  }
  void bin(std::string_view key, std::string_view v) { writer_.entry_bin(key, v), ++count_; }
  void number(std::string_view key, std::int64_t v) { writer_.entry_sint(key, v), ++count_; }
  void number(std::string_view key, const std::optional<std::int64_t>& v) {
    if (v) number(key, *v);
  }
  void real(std::string_view key, const std::optional<double>& v) {
    if (v) writer_.str(key), writer_.real(*v), ++count_;
  }
  void boolean(std::string_view key, bool v) { writer_.entry_bool(key, v), ++count_; }
  void numbers(std::string_view key, const std::map<std::string, std::int64_t>& v) {
    if (v.empty()) return;
    writer_.str(key);
    writer_.map(v.size());
    for (const auto& [name, value] : v) writer_.entry_sint(name, value);
    ++count_;
  }
  void ids(std::string_view key, std::span<const TaskId> v) {
    writer_.str(key);
    writer_.array(v.size());
    for (const auto& id : v) writer_.bin(raw_of(id));
    ++count_;
  }
  void raw(std::string_view key, std::string_view encoded) {
    writer_.str(key), writer_.raw(encoded), ++count_;
  }
  std::string take() const {
    std::string out;
    msgpack::Writer w(out);
    w.map(count_);
    w.raw(pairs_);
    return out;
  }

 private:
  std::string pairs_;
  msgpack::Writer writer_;
  std::size_t count_ = 0;
};

}  // namespace hirehall::client
