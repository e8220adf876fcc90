#include "common/trace.h"

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

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const auto version = text.substr(0, 2), trace = text.substr(trace_at, trace_digits),
             span = text.substr(span_at, span_digits);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(span) || !is_hex(text.substr(flags_at, 2))) return false;
  if (version == "ff" || is_zero(trace) || is_zero(span)) return false;
  return text.size() == length || (version != "00" && text[length] == '-');
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
