// Named brokers: the file is read strictly, and the option wins over the variable, the variable over the
// context.
#include "client/cli/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace hirehall::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Words = std::vector<std::string>;

struct ContextsTest : testing::Test {
  fs::path folder;

  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "contexts-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    ::setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
    for (const char* name : {"HIREHALL_BROKER", "HIREHALL_CONTEXT", "HIREHALL_TENANT", "HIREHALL_CONFIG"})
      ::unsetenv(name);
  }
  void TearDown() override {
    ::unsetenv("XDG_CONFIG_HOME");
    ::unsetenv("HIREHALL_BROKER");
    ::unsetenv("HIREHALL_CONTEXT");
    fs::remove_all(folder);
  }

  int hirehall(const Words& words) {
    std::ostringstream out_stream, err_stream;
    int code = run(words, out_stream, err_stream);
    out = out_stream.str(), err = err_stream.str();
    return code;
  }
  static OptionValues settled(const Words& command, const Words& arguments) {
    auto values = settle(*find_command(command).command, arguments);
    EXPECT_TRUE(values) << (values ? "" : values.error().message);
    return *values;
  }
  void two_contexts() {
    ASSERT_EQ(hirehall({"context", "set", "prod", "--broker", "tcp://prod:1", "--key-file", "/k", "--tenant",
                        "acme"}),
              0);
    ASSERT_EQ(hirehall({"context", "set", "test", "--broker", "tcp://test:2"}), 0);
  }

  std::string out, err;
};

TEST_F(ContextsTest, TheFirstOneIsUsedAndOthersByName) {
  two_contexts();
  auto values = settled({"stats"}, {});
  EXPECT_EQ(values.text("broker"), "tcp://prod:1");
  EXPECT_EQ(values.text("key-file"), "/k");
  EXPECT_EQ(settled({"stats"}, {"--context", "test"}).text("broker"), "tcp://test:2");
  EXPECT_EQ(hirehall({"context", "use", "test"}), 0);
  EXPECT_EQ(settled({"stats"}, {}).text("broker"), "tcp://test:2");
  EXPECT_EQ(hirehall({"context", "use", "--none"}), 0);
  EXPECT_EQ(settled({"stats"}, {}).text("broker"), "");
}

TEST_F(ContextsTest, OptionWinsOverVariableAndVariableOverContextAndContextOverFile) {
  std::ofstream(folder / "ignored") << "";
  fs::create_directories(folder / "hirehall");
  std::ofstream(folder / "hirehall" / "hirehall.conf") << "broker = tcp://file:9\noutput = json\n";
  EXPECT_EQ(settled({"stats"}, {}).text("broker"), "tcp://file:9");
  two_contexts();
  EXPECT_EQ(settled({"stats"}, {}).text("broker"), "tcp://prod:1");
  EXPECT_EQ(settled({"stats"}, {}).text("output"), "json");
  ::setenv("HIREHALL_BROKER", "tcp://variable:3", 1);
  EXPECT_EQ(settled({"stats"}, {}).text("broker"), "tcp://variable:3");
  EXPECT_EQ(settled({"stats"}, {"--broker", "tcp://option:4"}).text("broker"), "tcp://option:4");
}

TEST_F(ContextsTest, KeysOfAContextAreNotUsedWithAnotherEndpoint) {
  two_contexts();
  EXPECT_EQ(settled({"stats"}, {"--broker", "tcp://else:1"}).text("key-file"), "");
  EXPECT_EQ(settled({"stats"}, {"--broker", "tcp://else:1", "--context", "prod"}).text("key-file"), "/k");
}

TEST_F(ContextsTest, TheTenantIsForTasksAndNeverNarrowsAPause) {
  two_contexts();
  EXPECT_EQ(settled({"task", "submit"}, {"echo"}).text("tenant"), "acme");
  EXPECT_EQ(settled({"task", "list"}, {"--tenant", "other"}).text("tenant"), "other");
  EXPECT_EQ(settled({"queue", "pause"}, {"mail"}).text("tenant"), "");
}

TEST_F(ContextsTest, AnUnknownContextIsNotFound) {
  two_contexts();
  EXPECT_EQ(hirehall({"--context", "nowhere", "stats"}), not_found);
  EXPECT_THAT(err, HasSubstr("context list"));
  EXPECT_EQ(hirehall({"context", "use", "nowhere"}), not_found);
  EXPECT_EQ(hirehall({"context", "forget", "nowhere"}), not_found);
}

TEST_F(ContextsTest, AreListedShownAndForgotten) {
  two_contexts();
  EXPECT_EQ(hirehall({"context", "list", "-o", "jsonl"}), 0);
  EXPECT_THAT(out, HasSubstr(R"("name":"prod","used":true)"));
  EXPECT_EQ(hirehall({"context", "forget", "prod"}), 0);
  EXPECT_EQ(hirehall({"context", "show"}), not_found);
  EXPECT_EQ(hirehall({"context", "show", "test"}), 0);
  EXPECT_EQ(fs::status(folder / "hirehall" / "contexts").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(ContextsTest, ADamagedFileIsNamedWithItsLine) {
  for (const char* text : {"broker = x\n", "[a]\nbroker\n", "[a]\ncolour = red\n", "[a]\n[a]\n", "[\n"}) {
    auto book = ContextBook::parse(text, "contexts");
    ASSERT_FALSE(book) << text;
    EXPECT_THAT(book.error().context, HasSubstr("contexts:")) << text;
  }
}

TEST_F(ContextsTest, WhatIsWrittenIsReadBack) {
  two_contexts();
  auto book = read_contexts();
  ASSERT_TRUE(book);
  EXPECT_EQ(ContextBook::parse(book->text(), "x")->text(), book->text());
}

TEST_F(ContextsTest, NamesThatWouldBreakTheFileAreRefused) {
  EXPECT_EQ(hirehall({"context", "set", "a]b", "--broker", "x"}), usage);
  EXPECT_EQ(hirehall({"context", "set", "a", "--broker", "x\ny"}), usage);
  EXPECT_EQ(hirehall({"context", "set", "a"}), usage);
}

}  // namespace
}  // namespace hirehall::cli
