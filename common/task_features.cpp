#include "common/task_features.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall {
namespace {

using msgpack::Kind;
using msgpack::Reader;
using msgpack::Writer;

constexpr unsigned option_number = 60;
constexpr const char* numbers_accepted = "accepted: finite numbers from -1e15 to 1e15";
constexpr double exact_max = 9007199254740992.0;  // whole numbers up to it are what they are in a double

tl::unexpected<Error> wrong(std::string_view name, const std::string& what) {
  return fail(Code::invalid,
              "feature '" + std::string(clip(name, 2 * limits::feature_name_bytes_max)) + "' " + what,
              "features");
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::feature_name_bytes_max &&
         std::ranges::all_of(
             name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

Status check_name(std::string_view name) {
  if (is_name(name)) return {};
  return wrong(name, "has no name that is accepted: 1 to 32 of a-z, 0-9 and _");
}

Status check_word(std::string_view name, std::string_view word) {
  if (!word.empty() && word.size() <= limits::feature_word_bytes_max) return {};
  return wrong(name, "is a text of " + std::to_string(word.size()) + " bytes; accepted: 1 to 64");
}

std::string shown(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), number).ptr;
  return {text.begin(), end};
}

Status check_number(std::string_view name, double number) {
  if (std::isfinite(number) && std::abs(number) <= limits::feature_number_max) return {};
  return wrong(name, "is " + shown(number) + "; " + numbers_accepted);
}

bool is_number(Kind kind) {
  return kind == Kind::uint || kind == Kind::sint || kind == Kind::real;
}

Status read_value(Reader& r, TaskFeature& feature) {
  const auto kind = r.peek();
  if (is_number(kind)) {
    feature.numeric = true;
    feature.number = r.real();
    return check_number(feature.name, feature.number);
  }
  if (kind != Kind::str) return wrong(feature.name, "is neither a number nor a text; accepted: one of both");
  feature.word = r.str();
  return check_word(feature.name, feature.word);
}

}  // namespace

Result<std::vector<TaskFeature>> read_features(std::string_view encoded) {
  Reader r(encoded);
  if (r.peek() != Kind::map)
    return fail(Code::invalid, "features are not a map of names and numbers or texts", "features");
  const auto count = r.map();
  if (count > limits::features_max)
    return fail(Code::invalid, "features are " + std::to_string(count) + "; accepted: at most 16",
                "features");
  std::vector<TaskFeature> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    if (r.peek() != Kind::str) return fail(Code::invalid, "a feature has a name that is no text", "features");
    TaskFeature feature;
    feature.name = r.str();
    if (auto named = check_name(feature.name); !named) return tl::unexpected<Error>(named.error());
    if (std::ranges::any_of(out, [&](const auto& other) { return other.name == feature.name; }))
      return wrong(feature.name, "is given twice");
    if (auto read = read_value(r, feature); !read) return tl::unexpected<Error>(read.error());
    out.push_back(feature);
  }
  if (!r.finished()) return fail(Code::invalid, "features are cut short, or no UTF-8", "features");
  return out;
}

Status check_features(std::string_view encoded) {
  if (auto read = read_features(encoded); !read) return tl::unexpected<Error>(read.error());
  return {};
}

Result<TaskFeature> parse_feature(std::string_view text) {
  const auto at = text.find('=');
  if (at == std::string_view::npos)
    return fail(Code::invalid, "a feature is NAME=VALUE, not '" + std::string(clip(text, 100)) + "'",
                "features");
  TaskFeature out;
  out.name = text.substr(0, at);
  if (auto named = check_name(out.name); !named) return tl::unexpected<Error>(named.error());
  const auto value = text.substr(at + 1);
  // `nan` and `inf` may be words: only what begins like a number is read as one.
  if (!value.empty() && (value[0] == '-' || value[0] == '.' || (value[0] >= '0' && value[0] <= '9'))) {
    const auto* end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, out.number);
    out.numeric = read.ptr == end;
    if (out.numeric && read.ec == std::errc::result_out_of_range)
      return wrong(out.name, "is " + std::string(value) + "; " + numbers_accepted);
  }
  if (!out.numeric) out.word = value;
  const auto fits = out.numeric ? check_number(out.name, out.number) : check_word(out.name, out.word);
  if (!fits) return tl::unexpected<Error>(fits.error());
  return out;
}

std::string write_features(const std::vector<TaskFeature>& features) {
  std::string out;
  Writer w(out);
  w.map(features.size());
  for (const auto& feature : features) {
    w.str(feature.name);
    if (!feature.numeric)
      w.str(feature.word);
    else if (feature.number == std::floor(feature.number) && std::abs(feature.number) <= exact_max)
      w.sint(static_cast<std::int64_t>(feature.number));
    else
      w.real(feature.number);
  }
  return out;
}

std::string_view features_among(std::string_view options) {
  Reader r(options);
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.uint() == option_number) return r.raw();
    r.skip();
  }
  return {};
}

}  // namespace hirehall
