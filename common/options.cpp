#include "common/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/check.h"
#include "common/near.h"
#include "common/version.h"

namespace hirehall {
namespace {

namespace po = boost::program_options;
using From = OptionValues::From;
using Given = std::vector<std::string>;

constexpr std::size_t config_bytes_max = 1u << 20;  // a larger one is not a configuration file

// What one source says, before it is checked: name → texts, and where each stood, for messages.
struct Source {
  From from;
  std::vector<std::pair<std::string, Given>> values;
  std::function<std::string(const std::string& name)> where;
};

po::options_description library_description(const std::vector<OptionDeclaration>& declarations) {
  po::options_description out;
  for (const auto& d : declarations) {
    auto* value = po::value<Given>();
    if (d.shape == OptionShape::flag)
      value->zero_tokens()->implicit_value(Given{"true"}, "true");
    else
      value->composing();
    std::string name = d.letter == 0 ? d.name : d.name + "," + d.letter;
    out.add_options()(name.c_str(), value);
  }
  return out;
}

Status read_number(const OptionDeclaration& d, const std::string& text, std::int64_t& out) {
  std::optional<std::int64_t> parsed;
  if (d.shape == OptionShape::duration) {
    parsed = parse_duration(text);
  } else if (d.shape == OptionShape::bytes) {
    parsed = parse_bytes(text);
  } else {
    std::int64_t n = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error == std::errc() && end == text.data() + text.size()) parsed = n;
  }
  if (!parsed || *parsed < d.range.min || *parsed > d.range.max)
    return fail(Code::invalid, "'" + text + "' is not accepted: give " + d.accepts());
  out = *parsed;
  return {};
}

Status read_flag(const std::string& text, std::int64_t& out) {
  for (auto yes : {"true", "yes", "on", "1"})
    if (text == yes) return out = 1, Status{};
  for (auto no : {"false", "no", "off", "0"})
    if (text == no) return out = 0, Status{};
  return fail(Code::invalid, "'" + text + "' is not accepted: give true or false");
}

Status read_value(const OptionDeclaration& d, const Given& given, std::int64_t& number) {
  if (d.shape != OptionShape::texts && given.size() != 1)
    return fail(Code::invalid, "given " + std::to_string(given.size()) + " times; it takes one value");
  switch (d.shape) {
    case OptionShape::text:
    case OptionShape::texts:
      return {};
    case OptionShape::flag:
      return read_flag(given.front(), number);
    case OptionShape::choice:
      for (const auto& c : d.choices)
        if (c == given.front()) return {};
      return fail(Code::invalid, "'" + given.front() + "' is not accepted: give " + d.accepts());
    case OptionShape::number:
    case OptionShape::duration:
    case OptionShape::bytes:
      return read_number(d, given.front(), number);
  }
  return {};
}

// An option that is given again adds to its values.
void add_values(Source& source, const po::option& option) {
  auto found = std::find_if(source.values.begin(), source.values.end(),
                            [&](const auto& v) { return v.first == option.string_key; });
  if (found == source.values.end())
    source.values.emplace_back(option.string_key, option.value);
  else
    found->second.insert(found->second.end(), option.value.begin(), option.value.end());
}

// `word` with "--" before it on a command line, without in a file.
std::string unknown(std::string_view what, const std::vector<OptionDeclaration>& declarations,
                    std::string_view word) {
  std::vector<std::string> names;
  for (const auto& d : declarations) names.push_back((word.starts_with("--") ? "--" : "") + d.name);
  const auto* meant = nearest(word.substr(0, word.find('=')), names);
  return "unknown " + std::string(what) + "; " +
         (meant == nullptr ? std::string() : "did you mean " + *meant + "? ") +
         "see --help for the known ones";
}

Result<Source> read_flags(const std::vector<OptionDeclaration>& declarations,
                          const std::vector<std::string>& arguments, bool operands_allowed, Given& operands) {
  auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  Source source{From::flag, {}, [](const std::string& name) { return "--" + name; }};
  try {
    auto description = library_description(declarations);
    po::command_line_parser parser(arguments);
    parser.options(description).style(style).allow_unregistered();
    for (auto& option : parser.run().options) {
      if (option.position_key >= 0 || option.string_key.empty()) {
        operands.insert(operands.end(), option.value.begin(), option.value.end());
        continue;
      }
      if (option.unregistered) {
        return fail(Code::invalid, unknown("option", declarations, option.original_tokens.front()),
                    option.original_tokens.front());
      }
      if (option.value.empty()) option.value.emplace_back("true");
      add_values(source, option);
    }
  } catch (const po::error& e) {
    return fail(Code::invalid, std::string(e.what()) + "; see --help");
  }
  if (!operands_allowed && !operands.empty())
    return fail(Code::invalid, "takes options only; see --help", operands.front());
  return source;
}

std::size_t line_of(const std::string& text, const std::string& name) {
  std::istringstream in(text);
  std::string line;
  std::string section;
  for (std::size_t n = 1; std::getline(in, line); ++n) {
    auto from = line.find_first_not_of(" \t");
    if (from == std::string::npos) continue;
    if (line[from] == '[') section = line.substr(from + 1, line.find(']') - from - 1) + ".";
    auto key = line.substr(from, line.find_first_of(" \t=", from) - from);
    if (section + key == name) return n;
  }
  return 0;
}

Result<Source> read_file(const std::vector<OptionDeclaration>& declarations, const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(Code::not_found, "the configuration file cannot be read; check --config", path);
  std::string text(config_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > config_bytes_max)
    return fail(Code::too_large, "a configuration file has at most 1 MiB", path);
  auto where = [path, text](const std::string& name) {
    auto line = line_of(text, name);
    return path + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + name;
  };
  Source source{From::file, {}, where};
  try {
    std::istringstream stream(text);
    auto parsed = po::parse_config_file(stream, library_description(declarations), true);
    for (auto& option : parsed.options) {
      if (option.unregistered || option.string_key == "config")
        return fail(Code::invalid, unknown("key", declarations, option.string_key), where(option.string_key));
      add_values(source, option);
    }
  } catch (const po::error& e) {
    return fail(Code::invalid, std::string(e.what()) + "; a line reads `name = value`", path);
  }
  return source;
}

Source read_environment(const std::vector<OptionDeclaration>& declarations,
                        const OptionTable::Environment& get) {
  Source source{From::environment, {}, [&declarations](const std::string& name) {
                  for (const auto& d : declarations)
                    if (d.name == name) return d.variable();
                  return name;
                }};
  for (const auto& d : declarations) {
    const char* text = get(d.variable());
    if (text == nullptr || *text == 0) continue;
    Given given;
    if (d.shape == OptionShape::texts) {  // a variable holds one line: its values are separated by commas
      std::istringstream parts(text);
      for (std::string part; std::getline(parts, part, ',');) given.push_back(part);
    } else {
      given.emplace_back(text);
    }
    source.values.emplace_back(d.name, std::move(given));
  }
  return source;
}

const Given* find(const Source& source, const std::string& name) {
  for (const auto& [key, given] : source.values)
    if (key == name) return &given;
  return nullptr;
}

bool given_flag(const Source& source, const char* name) {
  return find(source, name) != nullptr;
}

std::pair<std::string, char> split_name(std::string name) {
  auto comma = name.find(',');
  if (comma == std::string::npos) return {std::move(name), char{0}};
  HH_CHECK(comma + 2 == name.size(), "a letter is one character");
  return {name.substr(0, comma), name[comma + 1]};
}

}  // namespace

OptionTable::OptionTable(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {
  flag("help,h", "print this and end");
  flag("version", "print the version and end");
  flag("print-config", "print an annotated configuration file with the defaults and end");
  flag("print-man", "print the manual page (roff) and end");
  text("config", "", "configuration file with lines `name = value`", "FILE");
}

OptionTable& OptionTable::add(std::string name, OptionDeclaration declaration) {
  std::tie(declaration.name, declaration.letter) = split_name(std::move(name));
  for (const auto& d : declarations_) HH_CHECK(d.name != declaration.name, "an option is declared once");
  declarations_.push_back(std::move(declaration));
  return *this;
}

OptionTable& OptionTable::text(std::string name, std::string fallback, std::string help,
                               std::string placeholder) {
  return add(
      std::move(name),
      {{}, 0, OptionShape::text, std::move(fallback), std::move(help), std::move(placeholder), {}, {}});
}

OptionTable& OptionTable::texts(std::string name, std::string help, std::string placeholder) {
  return add(std::move(name),
             {{}, 0, OptionShape::texts, {}, std::move(help), std::move(placeholder), {}, {}});
}

OptionTable& OptionTable::choice(std::string name, std::string fallback, std::vector<std::string> choices,
                                 std::string help) {
  std::string placeholder;
  for (const auto& c : choices) placeholder += (placeholder.empty() ? "" : "|") + c;
  return add(std::move(name), {{},
                               0,
                               OptionShape::choice,
                               std::move(fallback),
                               std::move(help),
                               std::move(placeholder),
                               std::move(choices),
                               {}});
}

OptionTable& OptionTable::number(std::string name, std::int64_t fallback, OptionRange range,
                                 std::string help) {
  return add(std::move(name),
             {{}, 0, OptionShape::number, std::to_string(fallback), std::move(help), "N", {}, range});
}

OptionTable& OptionTable::duration(std::string name, std::int64_t fallback, OptionRange range,
                                   std::string help) {
  return add(
      std::move(name),
      {{}, 0, OptionShape::duration, render_duration(fallback), std::move(help), "DURATION", {}, range});
}

OptionTable& OptionTable::bytes(std::string name, std::int64_t fallback, OptionRange range,
                                std::string help) {
  return add(std::move(name),
             {{}, 0, OptionShape::bytes, render_bytes(fallback), std::move(help), "BYTES", {}, range});
}

OptionTable& OptionTable::flag(std::string name, std::string help) {
  return add(std::move(name), {{}, 0, OptionShape::flag, "false", std::move(help), {}, {}, {}});
}

OptionTable& OptionTable::operands(std::string placeholder, std::string help, std::size_t max) {
  operand_placeholder_ = std::move(placeholder);
  operand_help_ = std::move(help);
  operands_max_ = max;
  return *this;
}

OptionTable& OptionTable::epilogue(std::string text) {
  epilogue_ = std::move(text);
  return *this;
}

OptionTable& OptionTable::section(int number) {
  section_ = number;
  return *this;
}

Result<OptionValues> OptionTable::parse(int argc, const char* const* argv) const {
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return parse(arguments, [](const std::string& name) { return std::getenv(name.c_str()); });
}

Result<OptionValues> OptionTable::parse(const std::vector<std::string>& arguments,
                                        const Environment& environment) const {
  OptionValues out;
  auto flags = read_flags(declarations_, arguments, operands_max_ > 0, out.operands_);
  if (!flags) return tl::unexpected(flags.error());
  if (out.operands_.size() > operands_max_)
    return fail(Code::invalid,
                (operands_max_ == 0 ? "it takes options only"
                                    : "it takes at most " + std::to_string(operands_max_) +
                                          (operands_max_ == 1 ? " operand" : " operands")) +
                    "; see --help",
                out.operands_.back());
  if (given_flag(*flags, "help")) out.answer_ = help();
  if (given_flag(*flags, "version")) out.answer_ = program_ + " " + std::string(software_version()) + "\n";
  if (given_flag(*flags, "print-config")) out.answer_ = annotated_config();
  if (given_flag(*flags, "print-man")) out.answer_ = man_page();
  if (out.answer_) return out;

  std::vector<Source> sources;
  sources.push_back(std::move(*flags));
  sources.push_back(read_environment(declarations_, environment));
  const Given* path = find(sources[0], "config");
  if (path == nullptr) path = find(sources[1], "config");
  if (path != nullptr) {
    auto file = read_file(declarations_, path->back());
    if (!file) return tl::unexpected(file.error());
    sources.push_back(std::move(*file));
  }
  for (const auto& d : declarations_) {
    OptionValues::Value value{d, From::fallback, {}, 0};
    if (d.shape != OptionShape::texts) value.texts = {d.fallback};
    auto status = d.fallback.empty() ? Status{} : read_value(d, value.texts, value.number);
    HH_CHECK(status.has_value(), "the default of an option is in its range");
    for (const auto& source : sources) {  // the strongest last reader wins, but every source is checked
      const Given* given = find(source, d.name);
      if (given == nullptr) continue;
      std::int64_t number = 0;
      if (auto s = read_value(d, *given, number); !s)
        return fail(Code::invalid, s.error().message, source.where(d.name));
      if (value.from != From::fallback) continue;
      value.from = source.from;
      value.texts = *given;
      value.number = number;
    }
    out.values_.push_back(std::move(value));
  }
  return out;
}

bool OptionValues::declared(std::string_view name) const {
  return std::ranges::any_of(values_, [&](const Value& v) { return v.declaration.name == name; });
}

const OptionValues::Value& OptionValues::value(std::string_view name) const {
  for (const auto& v : values_)
    if (v.declaration.name == name) return v;
  HH_CHECK(false, "an option is declared before it is asked for");
  return values_.front();
}

const std::string& OptionValues::text(std::string_view name) const {
  const auto& v = value(name);
  HH_CHECK(v.declaration.shape != OptionShape::texts, "ask for texts()");
  return v.texts.front();
}

const std::vector<std::string>& OptionValues::texts(std::string_view name) const {
  const auto& v = value(name);
  HH_CHECK(v.declaration.shape == OptionShape::texts, "ask for text()");
  return v.texts;
}

std::int64_t OptionValues::number(std::string_view name) const {
  const auto& v = value(name);
  HH_CHECK(v.declaration.shape == OptionShape::number || v.declaration.shape == OptionShape::duration ||
               v.declaration.shape == OptionShape::bytes,
           "this option is no number");
  return v.number;
}

bool OptionValues::flag(std::string_view name) const {
  const auto& v = value(name);
  HH_CHECK(v.declaration.shape == OptionShape::flag, "this option is no flag");
  return v.number != 0;
}

OptionValues::From OptionValues::from(std::string_view name) const {
  return value(name).from;
}

}  // namespace hirehall
