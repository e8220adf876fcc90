// The table of commands says true things: its examples parse, and what is made from it is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/cli/command.h"

namespace hirehall::cli {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

// The words of each `hirehall …` in a line of a shell, up to the next pipe, redirection or list operator.
std::vector<Words> calls_in(const std::string& line) {
  std::vector<Words> calls(1);
  std::string word;
  char quote = 0;
  bool inside = false;
  auto end_word = [&] {
    if (inside) calls.back().push_back(word);
    word.clear();
    inside = false;
  };
  for (char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      inside = true;
    } else if (c == '|' || c == '>' || c == '(' || c == ')' || c == '&' || c == ';') {
      end_word();
      calls.emplace_back();
    } else if (c == '#' && !inside) {
      break;
    } else if (c == ' ') {
      end_word();
    } else {
      word += c;
      inside = true;
    }
  }
  end_word();
  std::vector<Words> out;
  for (auto& call : calls)
    if (!call.empty() && call[0] == "hirehall") out.emplace_back(call.begin() + 1, call.end());
  return out;
}

// "" or why these words are no command.
std::string refusal(const Words& words) {
  if (words == Words{"--help"} || words == Words{"--version"}) return {};
  auto at = static_cast<std::ptrdiff_t>(noun_at(words));
  Words rest(words.begin() + at, words.end());
  auto [command, count] = find_command(rest);
  if (command == nullptr) return "no such command";
  Words arguments(words.begin(), words.begin() + at);
  arguments.insert(arguments.end(), rest.begin() + static_cast<std::ptrdiff_t>(count), rest.end());
  auto values =
      table_of(*command).parse(arguments, [](const std::string&) -> const char* { return nullptr; });
  if (!values) return values.error().message + " " + values.error().context;
  bool needs_one = !command->operands.empty() && command->operands[0] != '[';
  return needs_one && !values->answer() && values->operands().empty() ? "an operand is missing" : "";
}

TEST(Table, EveryCommandHasAnExampleOfItselfThatParses) {
  for (const auto& c : commands()) {
    std::istringstream lines{std::string(c.examples)};
    bool of_itself = false;
    for (std::string line; std::getline(lines, line);) {
      auto calls = calls_in(line);
      EXPECT_FALSE(calls.empty()) << line;
      for (const auto& call : calls) {
        EXPECT_EQ(refusal(call), "") << line;
        auto at = noun_at(call);
        of_itself = of_itself || find_command(std::span(call).subspan(at)).command == &c;
      }
    }
    EXPECT_TRUE(of_itself) << name_of(c);
  }
}

TEST(Table, TheExamplesAreReallyChecked) {
  EXPECT_NE(refusal({"task", "list", "--colour-of-the-sky"}), "");
  EXPECT_NE(refusal({"task", "lst"}), "");
  EXPECT_NE(refusal({"queue", "show"}), "");
  EXPECT_EQ(calls_in("a | hirehall task run x '1 | 2' || echo $?").at(0),
            (Words{"task", "run", "x", "1 | 2"}));
}

TEST(Table, JsonHoldsEveryCommandWithItsOptions) {
  auto json = nlohmann::json::parse(table_json());
  EXPECT_EQ(json["commands"].size(), commands().size());
  EXPECT_EQ(json["exit_codes"].size(), exits_of(commands()[0]).size());
  for (const auto& c : json["commands"]) {
    for (const auto& option : c["options"]) {
      EXPECT_FALSE(option["help"].get<std::string>().empty()) << c["verb"] << option["name"];
      EXPECT_TRUE(option.contains("shape"));
    }
    EXPECT_FALSE(c["examples"].empty());
  }
  auto submit = json["commands"][0]["options"];
  auto priority =
      std::find_if(submit.begin(), submit.end(), [](const auto& o) { return o["name"] == "priority"; });
  ASSERT_NE(priority, submit.end());
  EXPECT_EQ((*priority)["min"], 1);
  EXPECT_EQ((*priority)["default"], "5");
}

TEST(Table, ManualPagesNameEveryOption) {
  for (const auto& c : commands()) {
    auto table = table_of(c);
    auto page = table.man_page();
    EXPECT_THAT(page, HasSubstr(".TH HIREHALL-"));
    for (const auto& d : table.declarations()) EXPECT_THAT(page, HasSubstr(roff_escaped("--" + d.name)));
    EXPECT_THAT(overview_man(), HasSubstr(roff_escaped(std::string(c.summary))));
  }
}

TEST(Table, RoffRequestsAreMadeHarmless) {
  EXPECT_EQ(roff_escaped(".nf\n'a\\b-c"), "\\&.nf\n\\&'a\\eb\\-c");
}

}  // namespace
}  // namespace hirehall::cli
