#include "client/cli/reading.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "client/cli/command.h"

namespace hirehall::cli {
namespace {

constexpr std::size_t digest_shown = 12;

bool is_time(std::string_view key) {
  return key == "at" || key.ends_with("_at") || key == "not_before" || key == "deadline" ||
         key == "last_seen";
}
// What a task carries or an agent says is its owner's, and shown as it is.
bool is_payload(std::string_view key) {
  return key == "payload" || key == "result" || key == "value" || key == "checkpoint" || key == "input";
}
bool is_size(std::string_view key) {
  return key == "bytes" || key.ends_with("_bytes");
}
bool is_share(std::string_view key) {
  return key == "utilisation" || key == "success" || key == "success_low" || key == "success_high" ||
         key == "success_without_features" || key.ends_with("_per_mille");
}

std::string rounded(double value, int digits) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  std::string text(buffer.data());
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Three digits that count.
std::string short_number(double value) {
  auto size = std::fabs(value);
  return rounded(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4);
}

std::string two_units(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> units{{{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}}};
  for (std::size_t u = 0; u + 1 < units.size(); ++u) {
    if (seconds < units[u].seconds) continue;
    auto text = std::to_string(seconds / units[u].seconds) + " " + units[u].name;
    auto rest = seconds % units[u].seconds / units[u + 1].seconds;
    return rest == 0 ? text : text + " " + std::to_string(rest) + " " + units[u + 1].name;
  }
  return std::to_string(seconds) + " s";
}

std::string of_number(const std::string& key, const std::string& text, double value) {
  if (key.ends_with("_ms")) return reading_of_ms(value);
  if (is_size(key)) return reading_of_bytes(value);
  const bool whole_number = text.find_first_of(".eE") == std::string::npos;
  if (key == "progress") return rounded(value * 100, 1) + " %";
  if (is_share(key)) return rounded(whole_number ? value / 10 : value * 100, 1) + " %";
  return whole_number ? text : short_number(value);
}

std::optional<double> number_in(const std::string& text) {
  char* end = nullptr;
  auto value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0) return std::nullopt;
  return value;
}

std::string of_list(const std::vector<Document>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item.text("");
  return out;
}

// An error as one says it; other small objects as name=value.
std::string of_object(const Document& object) {
  auto keys = object.keys();
  if (object.has("code") && object.has("message"))
    return object.text("code") + (object.text("code").empty() || object.text("message").empty() ? "" : ": ") +
           object.text("message");
  std::string out;
  for (const auto& key : keys)
    out += (out.empty() ? "" : " ") + key + "=" +
           (is_time(key) && object.number(key) > 0 ? render_time(object.number(key)) : object.text(key));
  return out;
}

std::string unguarded(const Document& object, const std::string& key, bool whole) {
  auto text = object.text(key);
  if (is_payload(key)) return text;
  if (is_time(key) && object.number(key) > 0) return render_time(object.number(key));
  const bool has_unit = key.ends_with("_ms") || is_size(key) || is_share(key);
  if (auto value = number_in(text); value && (has_unit || object.is_number(key)))
    return of_number(key, text, *value);
  if (key == "digest" && !whole) return text.substr(0, digest_shown);
  if (text == "{}" || text == "[]") return whole ? "none" : "";
  if (auto items = object.items(key); object.has(key) && !items.empty() && items.front().keys().empty())
    return of_list(items);
  if (auto child = object.child(key); !child.keys().empty()) return of_object(child);
  return text;
}

}  // namespace

std::string name_for_people(std::string_view key) {
  for (std::string_view unit : {"_ms", "_per_mille"})
    if (key.ends_with(unit)) key.remove_suffix(unit.size());
  return std::string(key);
}

std::string for_terminal(std::string text, bool lines) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool c0 = (byte(i) < 0x20 && !(lines && byte(i) == '\n')) || byte(i) == 0x7f;
    const bool c1 = byte(i) == 0xc2 && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0;
    // U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows.
    const bool turns =
        byte(i) == 0xe2 && ((byte(i + 1) == 0x80 && byte(i + 2) >= 0xaa && byte(i + 2) <= 0xae) ||
                            (byte(i + 1) == 0x81 && byte(i + 2) >= 0xa6 && byte(i + 2) <= 0xa9));
    const std::size_t length = turns ? 3 : c1 ? 2 : c0 ? 1 : 0;
    if (length != 0) text.replace(i, length, " ");
  }
  return text;
}

std::string reading(const Document& object, const std::string& key, bool whole) {
  return for_terminal(unguarded(object, key, whole), false);
}

std::string reading_of_ms(double ms) {
  if (ms < 0) return "-";
  if (ms == 0) return "0";
  if (ms < 1000) return short_number(ms) + " ms";
  if (ms < 60'000) return rounded(ms / 1000, ms < 10'000 ? 2 : 1) + " s";
  return two_units(static_cast<std::int64_t>(std::min(ms / 1000, 9e15)));
}

std::string reading_of_bytes(double bytes) {
  static constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return short_number(bytes) + " " + units[unit];
}

}  // namespace hirehall::cli
