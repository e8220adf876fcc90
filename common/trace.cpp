#include "common/trace.h"

#include <algorithm>
#include <vector>

#include "common/digest.h"

namespace hirehall {
namespace {

constexpr std::size_t length = 55;
constexpr std::size_t trace_at = 3, trace_digits = 32;
constexpr std::size_t span_at = 36, span_digits = 16;
constexpr std::size_t flags_at = 53;
constexpr std::string_view digits = "0123456789abcdef";

bool is_hex(std::string_view text) {
  return text.find_first_not_of(digits) == std::string_view::npos;
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

std::string hex_of(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

constexpr std::size_t tracestate_members_max = 32, baggage_members_max = 180;
constexpr std::size_t tracestate_key_max = 256, tracestate_value_max = 256;

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Calls check(member) for each that is not empty.
template <typename Check>
bool each_member(std::string_view text, std::size_t members_max, Check&& check) {
  std::size_t members = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(',', from), text.size());
    const auto member = without_blanks(text.substr(from, to - from));
    if (!member.empty() && (++members > members_max || !check(member))) return false;
    from = to + 1;
  }
  return members != 0;
}

bool is_low(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_tracestate_key(std::string_view key) {
  if (key.empty() || key.size() > tracestate_key_max || !(is_low(key[0]) || is_digit(key[0]))) return false;
  return std::ranges::all_of(key, [](char c) {
    return is_low(c) || is_digit(c) || std::string_view("_-*/@").find(c) != std::string_view::npos;
  });
}

bool is_tracestate_value(std::string_view value) {
  if (value.empty() || value.size() > tracestate_value_max) return false;
  return std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_low(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_baggage_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\",;\\").find(c) == std::string_view::npos;
  });
}

bool is_property(std::string_view text) {
  const auto equals = text.find('=');
  if (!is_token(without_blanks(text.substr(0, equals)))) return false;
  return equals == std::string_view::npos || is_baggage_value(without_blanks(text.substr(equals + 1)));
}

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const auto version = text.substr(0, 2), trace = text.substr(trace_at, trace_digits),
             span = text.substr(span_at, span_digits);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(span) || !is_hex(text.substr(flags_at, 2))) return false;
  if (version == "ff" || is_zero(trace) || is_zero(span)) return false;
  return text.size() == length || (version != "00" && text[length] == '-');
}

bool is_tracestate(std::string_view text) {
  std::vector<std::string_view> keys;
  return each_member(text, tracestate_members_max, [&](std::string_view member) {
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    const auto key = member.substr(0, equals);
    if (std::ranges::find(keys, key) != keys.end()) return false;
    keys.push_back(key);
    return is_tracestate_key(key) && is_tracestate_value(member.substr(equals + 1));
  });
}

bool is_baggage(std::string_view text) {
  return each_member(text, baggage_members_max, [](std::string_view member) {
    if (member.substr(0, member.find(';')).find('=') == std::string_view::npos) return false;
    for (std::size_t from = 0; from <= member.size();) {
      const auto to = std::min(member.find(';', from), member.size());
      if (!is_property(member.substr(from, to - from))) return false;
      from = to + 1;
    }
    return true;
  });
}

SpanName span_of(std::string_view traceparent) {
  return {std::string(traceparent.substr(trace_at, trace_digits)),
          std::string(traceparent.substr(span_at, span_digits)),
          digits.find(traceparent[flags_at + 1]) % 2 == 1};
}

std::string traceparent_of(const SpanName& name) {
  return "00-" + name.trace + "-" + name.span + (name.sampled ? "-01" : "-00");
}

SpanName attempt_span(std::string_view raw_id, std::uint32_t attempt) {
  const auto number = std::to_string(attempt);
  return {hex_of(digest_of(raw_id, "trace " + number)),
          hex_of(digest_of(raw_id, "span " + number)).substr(0, span_digits)};
}

std::string task_span(std::string_view raw_id) {
  return hex_of(digest_of(raw_id, "task")).substr(0, span_digits);
}

}  // namespace hirehall
