#include "tests/bench/payload.h"

#include <charconv>
#include <cstring>

#include "common/check.h"

namespace hirehall::bench {
namespace {

constexpr std::size_t digits = 16;
constexpr std::uint64_t noise_places = 1u << 14;

}  // namespace

Payloads::Payloads(std::size_t bytes) : bytes_(bytes), noise_(bytes + noise_places, '\0') {
  HH_CHECK(bytes >= bytes_min, "a payload holds its number");
  constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  std::uint64_t state = 1;
  for (auto& c : noise_) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    c = alphabet[state >> 58];
  }
}

const char* Payloads::filler_of(std::uint64_t number) const {
  return noise_.data() + (number * 0x9e3779b97f4a7c15u >> 50);
}

void Payloads::write(std::uint64_t number, char* out) const {
  out[0] = '"';
  for (std::size_t i = 0; i < digits; ++i) out[1 + i] = "0123456789abcdef"[(number >> (60 - 4 * i)) & 15];
  std::memcpy(out + 1 + digits, filler_of(number), bytes_ - bytes_min);
  out[bytes_ - 1] = '"';
}

std::string Payloads::text(std::uint64_t number) const {
  std::string out(bytes_, '\0');
  write(number, out.data());
  return out;
}

std::optional<std::uint64_t> Payloads::number_of(std::string_view payload) const {
  if (payload.size() != bytes_ || payload.front() != '"' || payload.back() != '"') return std::nullopt;
  std::uint64_t number = 0;
  const char* first = payload.data() + 1;
  auto [end, error] = std::from_chars(first, first + digits, number, 16);
  if (error != std::errc{} || end != first + digits) return std::nullopt;
  if (std::memcmp(end, filler_of(number), bytes_ - bytes_min) != 0) return std::nullopt;
  return number;
}

}  // namespace hirehall::bench
