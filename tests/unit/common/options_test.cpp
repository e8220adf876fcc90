// One declaration serves flag, variable and file; mistakes are named with their place and what is accepted.
#include "common/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace hirehall {
namespace {

using From = OptionValues::From;
using testing::ElementsAre;
using testing::HasSubstr;

struct OptionsTest : testing::Test {
  OptionTable table{"hirehall-thing", "Does a thing."};
  std::map<std::string, std::string> environment;
  std::filesystem::path folder;

  void SetUp() override {
    table.text("broker,b", "tcp://127.0.0.1:7420", "endpoint", "ENDPOINT")
        .number("slots", 4, {1, 4096}, "attempts at the same time")
        .duration("stop-timeout", 30'000, {0, 86'400'000}, "patience")
        .bytes("cache", 1 << 20, {4096, 1 << 30}, "memory")
        .choice("mode", "fast", {"fast", "safe"}, "how")
        .texts("label", "labels", "K=V")
        .flag("insecure", "no keys");
    std::string pattern = (std::filesystem::temp_directory_path() / "options-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Result<OptionValues> parse(const std::vector<std::string>& arguments) {
    return table.parse(arguments, [this](const std::string& name) -> const char* {
      auto it = environment.find(name);
      return it == environment.end() ? nullptr : it->second.c_str();
    });
  }
  std::string file(const std::string& text) {
    auto path = folder / "thing.conf";
    std::ofstream(path) << text;
    return path.string();
  }
  std::string error(const std::vector<std::string>& arguments) {
    auto values = parse(arguments);
    return values ? "accepted" : describe(values.error());
  }
};

TEST_F(OptionsTest, DefaultsHoldWhenNobodySaysAnything) {
  auto values = parse({});
  ASSERT_TRUE(values);
  EXPECT_EQ(values->text("broker"), "tcp://127.0.0.1:7420");
  EXPECT_EQ(values->number("slots"), 4);
  EXPECT_EQ(values->number("stop-timeout"), 30'000);
  EXPECT_FALSE(values->flag("insecure"));
  EXPECT_EQ(values->from("slots"), From::fallback);
}

TEST_F(OptionsTest, FlagWinsOverVariableAndVariableOverFile) {
  auto path = file("slots = 5\nbroker = ipc://file\nstop-timeout = 1m\n");
  environment = {{"HIREHALL_SLOTS", "6"}, {"HIREHALL_STOP_TIMEOUT", "2m"}};
  auto values = parse({"--config", path, "--slots", "7"});
  ASSERT_TRUE(values) << describe(values.error());
  EXPECT_EQ(values->number("slots"), 7);
  EXPECT_EQ(values->from("slots"), From::flag);
  EXPECT_EQ(values->number("stop-timeout"), 120'000);
  EXPECT_EQ(values->from("stop-timeout"), From::environment);
  EXPECT_EQ(values->text("broker"), "ipc://file");
  EXPECT_EQ(values->from("broker"), From::file);
}

TEST_F(OptionsTest, RepeatedTextsComeFromTheStrongestSourceOnly) {
  auto path = file("label = a=1\nlabel = b=2\ninsecure = true\n");
  auto values = parse({"--config", path});
  ASSERT_TRUE(values) << describe(values.error());
  EXPECT_THAT(values->texts("label"), ElementsAre("a=1", "b=2"));
  EXPECT_TRUE(values->flag("insecure"));
  environment = {{"HIREHALL_LABEL", "c=3,d=4"}};
  EXPECT_THAT(parse({"--config", path})->texts("label"), ElementsAre("c=3", "d=4"));
}

TEST_F(OptionsTest, AnUnknownKeyIsRefusedWithFileAndLine) {
  auto path = file("# a comment\nslots = 5\nslotz = 6\n");
  EXPECT_THAT(error({"--config", path}),
              AllOf(HasSubstr("thing.conf:3: slotz"), HasSubstr("unknown key; did you mean slots?")));
  EXPECT_THAT(error({"--slotz", "6"}),
              AllOf(HasSubstr("--slotz"), HasSubstr("unknown option; did you mean --slots?")));
}

TEST_F(OptionsTest, AValueOutOfRangeIsRefusedWithItsPlaceAndTheRange) {
  EXPECT_THAT(error({"--slots", "5000"}),
              AllOf(HasSubstr("5000"), HasSubstr("1 to 4096"), HasSubstr("--slots")));
  auto path = file("\nslots = none\n");
  EXPECT_THAT(error({"--config", path, "--slots", "7"}), HasSubstr("thing.conf:2: slots"))
      << "a bad value is told even when a flag overrides it";
  environment = {{"HIREHALL_MODE", "slow"}};
  EXPECT_THAT(error({}), AllOf(HasSubstr("HIREHALL_MODE"), HasSubstr("one of fast, safe")));
}

TEST_F(OptionsTest, OperandsAreRefusedUnlessDeclared) {
  EXPECT_THAT(error({"stray"}), HasSubstr("stray"));
  table.operands("FILE...", "what to read", 2);
  auto values = parse({"one", "--slots", "2", "two"});
  ASSERT_TRUE(values) << describe(values.error());
  EXPECT_THAT(values->operands(), ElementsAre("one", "two"));
  EXPECT_THAT(error({"1", "2", "3"}), HasSubstr("at most 2"));
}

TEST_F(OptionsTest, TheAnnotatedConfigurationIsAcceptedAsItIsAndUncommented) {
  auto text = table.annotated_config();
  EXPECT_THAT(text, AllOf(HasSubstr("#slots = 4"), HasSubstr("from 1 to 4096")));
  std::string uncommented;
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.find('\n', at);
    auto line = text.substr(at, end - at);
    bool setting =
        line.size() > 1 && line[0] == '#' && line[1] != ' ' && line.find("label") == std::string::npos;
    uncommented += (setting ? line.substr(1) : line) + "\n";
    at = end + 1;
  }
  auto values = parse({"--config", file(uncommented)});
  ASSERT_TRUE(values) << describe(values.error());
  EXPECT_EQ(values->from("slots"), From::file);
  EXPECT_EQ(values->number("cache"), 1 << 20);
}

TEST_F(OptionsTest, HelpNamesEveryOptionAndIsAnAnswer) {
  auto values = parse({"--help"});
  ASSERT_TRUE(values && values->answer());
  for (const auto& d : table.declarations()) EXPECT_THAT(*values->answer(), HasSubstr("--" + d.name));
}

TEST(Units, DurationsAndSizesGoThereAndBack) {
  for (std::int64_t ms : {0ll, 1ll, 250ll, 1000ll, 90'000ll, 3'600'000ll, 86'400'000ll})
    EXPECT_EQ(parse_duration(render_duration(ms)), ms);
  for (std::int64_t n : {0ll, 1ll, 4096ll, 1ll << 20, 3ll << 30}) EXPECT_EQ(parse_bytes(render_bytes(n)), n);
  for (auto bad : {"", "s", "1 s", "1x", "99999999999999999999", "9223372036854775807d"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

TEST(Costs, AreWholeMillionthsAndReadAsWritten) {
  EXPECT_EQ(parse_cost("0.25"), 250'000);
  EXPECT_EQ(parse_cost("12"), 12'000'000);
  EXPECT_EQ(parse_cost("0.000001"), 1);
  for (std::int64_t amount : {0ll, 1ll, 250'000ll, 1'000'000ll, 12'345'678ll, 999'999'999'999ll})
    EXPECT_EQ(parse_cost(render_cost(amount)), amount) << render_cost(amount);
  EXPECT_EQ(render_cost(1'500'000), "1.5");
  EXPECT_EQ(render_cost(-250'000), "-0.25");
  for (auto bad : {"", ".", "1.", ".5", "-1", "1e3", "0.0000001", "1 ", "nan", "9999999999999"})
    EXPECT_EQ(parse_cost(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace hirehall
