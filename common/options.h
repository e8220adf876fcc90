// The options of a program: flag, HIREHALL_… variable and configuration file key share one declaration with
// shape, range, default and description. `--help` and the annotated configuration file are generated from it.
//
//   OptionTable table("hirehall-worker", "Runs agents for a broker.");
//   table.text("broker", "tcp://127.0.0.1:7420", "endpoint of the broker", "ENDPOINT")
//        .number("slots", 4, {1, 4096}, "attempts that run at the same time")
//        .duration("stop-timeout", 30'000, {0, 86'400'000}, "how long a stop waits for running attempts")
//        .flag("insecure", "accept peers without keys");
//   auto values = table.parse(argc, argv);
//   if (!values) { print describe_usage(values.error()); return 2; }
//   if (values->answer()) { print *values->answer(); return 0; }      // --help, --version, --print-…
//   values->number("slots");
//
// Every table also has --help, --version, --print-config, --print-man and --config FILE. Where a value is
// given twice the flag wins over the variable, the variable over the file. The file has lines `name = value`,
// comments with
// #, and [sections] that become `section.name`. Unknown options and values out of range are errors that name
// file, key and what is accepted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall {

struct OptionRange {
  std::int64_t min = 0;
  std::int64_t max = INT64_MAX;
};

enum class OptionShape : std::uint8_t { text, texts, choice, number, duration, bytes, flag };

// One declaration, for tests and generated documents.
struct OptionDeclaration {
  std::string name;
  char letter = 0;  // 0: long form only
  OptionShape shape = OptionShape::text;
  std::string fallback;  // as it would be written in the file
  std::string help;
  std::string placeholder;           // what --help shows after the name
  std::vector<std::string> choices;  // of a choice
  OptionRange range;
  std::string variable() const;     // HIREHALL_STOP_TIMEOUT
  std::string accepts() const;      // "a number from 1 to 4096"
  std::string explanation() const;  // help, what it accepts and its default, as --help prints them
};

class OptionValues {
 public:
  enum class From : std::uint8_t { fallback, file, environment, flag };

  // Asking for a name that was not declared, or in another shape, is a bug and asserts.
  const std::string& text(std::string_view name) const;  // also of a choice
  const std::vector<std::string>& texts(std::string_view name) const;
  std::int64_t number(std::string_view name) const;  // also milliseconds of a duration, bytes of a size
  bool flag(std::string_view name) const;
  bool declared(std::string_view name) const;
  From from(std::string_view name) const;  // fallback: nobody gave it
  const std::vector<std::string>& operands() const { return operands_; }
  const std::optional<std::string>& answer() const { return answer_; }  // print it and end with 0

 private:
  friend class OptionTable;
  struct Value {
    OptionDeclaration declaration;
    From from = From::fallback;
    std::vector<std::string> texts;
    std::int64_t number = 0;
  };
  const Value& value(std::string_view name) const;

  std::vector<Value> values_;
  std::vector<std::string> operands_;
  std::optional<std::string> answer_;
};

class OptionTable {
 public:
  using Environment = std::function<const char*(const std::string& variable)>;  // nullptr: not set

  OptionTable(std::string program, std::string summary);

  // A name may carry a letter: "output,o".
  OptionTable& text(std::string name, std::string fallback, std::string help,
                    std::string placeholder = "TEXT");
  OptionTable& texts(std::string name, std::string help,
                     std::string placeholder = "TEXT");  // may be repeated
  OptionTable& choice(std::string name, std::string fallback, std::vector<std::string> choices,
                      std::string help);
  OptionTable& number(std::string name, std::int64_t fallback, OptionRange range, std::string help);
  // 250ms, 30s, 5m, 2h, 1d, or a plain number of milliseconds; the range is in milliseconds.
  OptionTable& duration(std::string name, std::int64_t fallback, OptionRange range, std::string help);
  // 4096, 64KiB, 2MiB, 1GiB; the range is in bytes.
  OptionTable& bytes(std::string name, std::int64_t fallback, OptionRange range, std::string help);
  OptionTable& flag(std::string name, std::string help);
  OptionTable& operands(std::string placeholder, std::string help,
                        std::size_t max);   // without it: none accepted
  OptionTable& epilogue(std::string text);  // exit codes, examples: printed below the options by --help
  OptionTable& section(int number);         // of the manual; 1 unless given, 8 is for daemons

  const std::string& program() const { return program_; }
  const std::vector<OptionDeclaration>& declarations() const { return declarations_; }
  std::string help() const;
  std::string man_page() const;          // roff, made from the same declarations as help()
  std::string annotated_config() const;  // every option commented out with its default: a file to start from

  Result<OptionValues> parse(int argc, const char* const* argv) const;  // with the process's environment
  Result<OptionValues> parse(const std::vector<std::string>& arguments, const Environment& environment) const;

 private:
  OptionTable& add(std::string name, OptionDeclaration declaration);

  std::string program_;
  std::string summary_;
  std::string epilogue_;
  std::string operand_placeholder_;
  std::string operand_help_;
  std::size_t operands_max_ = 0;
  int section_ = 1;
  std::vector<OptionDeclaration> declarations_;
};

// Text with what roff would take for a command of its own made harmless.
std::string roff_escaped(std::string_view text);

// Whole texts with a unit, as accepted by duration() and bytes(). nullopt: not one.
std::optional<std::int64_t> parse_duration(std::string_view text);
std::optional<std::int64_t> parse_bytes(std::string_view text);
// An amount of cost units, at most six digits behind the point, as millionths: 0.25 is 250000.
std::optional<std::int64_t> parse_cost(std::string_view text);
std::string render_cost(std::int64_t millionths);  // the shortest exact form
std::string render_duration(std::int64_t ms);      // the shortest exact form
std::string render_bytes(std::int64_t bytes);

}  // namespace hirehall
