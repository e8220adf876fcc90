#include "broker/server/fingerprint.h"

#include <algorithm>
#include <cctype>

#include "common/digest.h"

namespace hirehall::server {
namespace {

constexpr std::size_t message_bytes_read = 1024;
constexpr std::size_t hex_word_min = 8;
constexpr std::size_t fingerprint_bytes = 6;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

void put_word(std::string& out, std::string_view word) {
  bool hex = word.size() >= hex_word_min && std::all_of(word.begin(), word.end(), is_hex) &&
             std::any_of(word.begin(), word.end(), is_digit);
  if (hex) {
    out += '#';
    return;
  }
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (!is_digit(word[i]))
      out += word[i];
    else if (i == 0 || !is_digit(word[i - 1]))
      out += '#';
  }
}

}  // namespace

std::string error_pattern(std::string_view message) {
  message = message.substr(0, message_bytes_read);
  std::string out;
  for (std::size_t at = 0; at < message.size();) {
    char c = message[at];
    auto from = at;
    if (is_word(c)) {
      while (at < message.size() && is_word(message[at])) ++at;
      put_word(out, message.substr(from, at - from));
    } else if (auto close = message.find(c, at + 1);
               (c == '"' || c == '\'' || c == '`') && close != std::string_view::npos) {
      out += "\"\"";
      at = close + 1;
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      while (at < message.size() && std::isspace(static_cast<unsigned char>(message[at])) != 0) ++at;
      out += ' ';
    } else {
      out += c;
      ++at;
    }
  }
  return out;
}

std::string error_fingerprint(std::string_view type, std::string_view code, std::string_view message) {
  auto digest = digest_of(type, std::string(code) + '\n' + error_pattern(message));
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < fingerprint_bytes && i < digest.size(); ++i) {
    auto byte = static_cast<unsigned char>(digest[i]);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace hirehall::server
