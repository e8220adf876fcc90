// The payload of task number n: a JSON text (any kind of agent can echo it) that differs from all others and
// can be recomputed, so a result is checked against it without keeping it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hirehall::bench {

class Payloads {
 public:
  static constexpr std::size_t bytes_min = 18;  // two quotes and sixteen digits

  explicit Payloads(std::size_t bytes);

  std::size_t bytes() const { return bytes_; }
  void write(std::uint64_t number, char* out) const;  // exactly bytes()
  std::string text(std::uint64_t number) const;
  // The number of the task whose payload this is; nothing when it is not one of ours, byte for byte.
  std::optional<std::uint64_t> number_of(std::string_view payload) const;

 private:
  const char* filler_of(std::uint64_t number) const;

  std::size_t bytes_;
  std::string noise_;  // each payload shows another part of it
};

}  // namespace hirehall::bench
