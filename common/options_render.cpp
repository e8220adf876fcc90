// The texts made from option declarations: help, annotated configuration, units.
#include <array>
#include <cctype>
#include <charconv>

#include "common/options.h"

namespace hirehall {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// Largest first: the first one that divides renders shortest.
constexpr std::array<Unit, 5> time_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> byte_units{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}};

template <std::size_t N>
std::optional<std::int64_t> parse_units(std::string_view text, const std::array<Unit, N>& units) {
  std::int64_t n = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc()) return std::nullopt;
  auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (rest.empty()) return n;
  for (const Unit& unit : units) {
    if (rest != unit.name) continue;
    if (n > INT64_MAX / unit.factor || n < INT64_MIN / unit.factor) return std::nullopt;
    return n * unit.factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string render_units(std::int64_t value, const std::array<Unit, N>& units) {
  if (value == 0) return "0";
  for (const Unit& unit : units)
    if (value % unit.factor == 0) return std::to_string(value / unit.factor) + std::string(unit.name);
  return std::to_string(value);
}

// Words of `text` in lines of at most `width`, each after the first behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    auto space = text.find(' ');
    auto word = text.substr(0, space);
    if (column > 0 && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    }
    if (column > 0) out += ' ', ++column;
    out += word;
    column += word.size();
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return out;
}

bool bounded(const OptionRange& range) {
  return range.max != INT64_MAX || range.min != 0;
}

}  // namespace

std::string OptionDeclaration::explanation() const {
  std::string out = help;
  if (shape == OptionShape::texts) out += "; may be repeated";
  if ((shape == OptionShape::number || shape == OptionShape::duration || shape == OptionShape::bytes) &&
      bounded(range))
    out += "; " + accepts();
  if (shape != OptionShape::flag && !fallback.empty()) out += " [" + fallback + "]";
  return out;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  return parse_units(text, time_units);
}
std::optional<std::int64_t> parse_bytes(std::string_view text) {
  return parse_units(text, byte_units);
}

std::optional<std::int64_t> parse_cost(std::string_view text) {
  constexpr std::size_t places = 6;
  const auto point = text.find('.');
  std::string digits(text.substr(0, point));
  const auto fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const bool bare = digits.empty() || (point != std::string_view::npos && fraction.empty());
  if (bare || digits.size() > 12 || fraction.size() > places) return std::nullopt;
  digits += fraction;
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  digits.append(places - fraction.size(), '0');
  std::int64_t value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::string render_cost(std::int64_t millionths) {
  constexpr std::int64_t unit = 1'000'000;
  const auto size = static_cast<std::uint64_t>(millionths < 0 ? -millionths : millionths);
  auto out = (millionths < 0 ? "-" : "") + std::to_string(size / unit);
  if (size % unit == 0) return out;
  auto fraction = std::to_string(unit + static_cast<std::int64_t>(size % unit)).substr(1);
  return out + "." + fraction.substr(0, fraction.find_last_not_of('0') + 1);
}

std::string render_duration(std::int64_t ms) {
  return render_units(ms, time_units);
}
std::string render_bytes(std::int64_t bytes) {
  return render_units(bytes, byte_units);
}

std::string OptionDeclaration::variable() const {
  std::string out = "HIREHALL_";
  for (char c : name)
    out += c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string OptionDeclaration::accepts() const {
  auto between = [this](const char* what, auto render) {
    if (range.max == INT64_MAX) return std::string(what) + " of at least " + render(range.min);
    return std::string(what) + " from " + render(range.min) + " to " + render(range.max);
  };
  switch (shape) {
    case OptionShape::text:
    case OptionShape::texts:
      return "a text";
    case OptionShape::flag:
      return "true or false";
    case OptionShape::choice: {
      std::string out;
      for (const auto& c : choices) out += (out.empty() ? "one of " : ", ") + c;
      return out;
    }
    case OptionShape::number:
      return between("a number", [](std::int64_t n) { return std::to_string(n); });
    case OptionShape::duration:
      return between("a duration like 250ms, 30s, 5m, 2h,", render_duration);
    case OptionShape::bytes:
      return between("a size like 64KiB, 2MiB, 1GiB,", render_bytes);
  }
  return {};
}

std::string OptionTable::help() const {
  constexpr std::size_t column = 30;
  constexpr std::size_t width = 80;
  std::string out = "Usage: " + program_ + " [options]";
  if (operands_max_ > 0) out += " " + operand_placeholder_;
  out += "\n" + wrapped(summary_, 0, width + column) + "\n";
  if (!operand_help_.empty())
    out += "\n" + wrapped(operand_placeholder_ + ": " + operand_help_, 2, width) + "\n";
  out += "\nOptions (each also as variable HIREHALL_NAME, and as `name = value` in the file of --config):\n";
  for (const auto& d : declarations_) {
    std::string left =
        d.letter == 0 ? "      --" + d.name : "  -" + std::string(1, d.letter) + ", --" + d.name;
    if (d.shape != OptionShape::flag) left += " " + d.placeholder;
    left +=
        left.size() + 2 > column ? "\n" + std::string(column, ' ') : std::string(column - left.size(), ' ');
    out += left + wrapped(d.explanation(), column, width) + "\n";
  }
  if (!epilogue_.empty()) out += "\n" + epilogue_ + (epilogue_.back() == '\n' ? "" : "\n");
  return out;
}

std::string OptionTable::annotated_config() const {
  std::string out = "# Configuration of " + program_ +
                    " (--config FILE). Every line below is a default: take the # away to change it.\n"
                    "# A flag (--name VALUE) and a variable (HIREHALL_NAME) win over this file.\n";
  for (const auto& d : declarations_) {
    if (d.name == "help" || d.name == "version" || d.name == "config" || d.name.starts_with("print-"))
      continue;
    std::string about = d.help;
    if (d.shape != OptionShape::text && d.shape != OptionShape::texts) about += "; " + d.accepts();
    if (d.shape == OptionShape::texts) about += "; may be repeated";
    out += "\n# " + wrapped(about, 0, 110);
    for (auto at = out.rfind("\n# ") + 1; (at = out.find('\n', at)) != std::string::npos; at += 3)
      out.insert(at + 1, "# ");
    out += "\n#" + d.name + " = " + d.fallback + "\n";
  }
  return out;
}

}  // namespace hirehall
