#include "client/cli/reading.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/screen.h"
#include "common/msgpack.h"

namespace hirehall::cli {
namespace {

std::size_t width_of_longest_line(std::string_view text) {
  std::size_t widest = 0;
  while (!text.empty()) {
    auto end = text.find('\n');
    widest = std::max(widest, width_of(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  return widest;
}

TEST(Reading, DurationsHaveTheUnitThatFits) {
  const std::pair<double, const char*> cases[] = {{-1, "-"},
                                                  {0, "0"},
                                                  {0.0421, "0.0421 ms"},
                                                  {1.0782, "1.08 ms"},
                                                  {999, "999 ms"},
                                                  {1000, "1 s"},
                                                  {59'940, "59.9 s"},
                                                  {60'000, "1 min"},
                                                  {200'000, "3 min 20 s"},
                                                  {86'400'000, "1 d"},
                                                  {93'600'000, "1 d 2 h"}};
  for (const auto& [ms, text] : cases) EXPECT_EQ(reading_of_ms(ms), text);
}

TEST(Reading, SizesGoUpInPowersOfTwo) {
  EXPECT_EQ(reading_of_bytes(0), "0 B");
  EXPECT_EQ(reading_of_bytes(1023), "1023 B");
  EXPECT_EQ(reading_of_bytes(1536), "1.5 KiB");
  EXPECT_EQ(reading_of_bytes(17'179'869'184.0), "16 GiB");
}

TEST(Reading, TheUnitMovesFromTheNameToTheValue) {
  Document d;
  d.set("retention_ms", 86'400'000).set("used_bytes", 2048).set("success_per_mille", 832).set("busy", 12);
  EXPECT_EQ(name_for_people("retention_ms"), "retention");
  EXPECT_EQ(name_for_people("used_bytes"), "used_bytes");
  EXPECT_EQ(reading(d, "retention_ms", true), "1 d");
  EXPECT_EQ(reading(d, "used_bytes", true), "2 KiB");
  EXPECT_EQ(reading(d, "success_per_mille", true), "83.2 %");
  EXPECT_EQ(reading(d, "busy", true), "12");
}

TEST(Reading, ErrorsListsAndObjectsAreWords) {
  Document d, error;
  error.set("code", "crashed").set("message", "signal 11");
  d.set("error", error).set("tenants", Document()).set("digest", std::string(64, 'a'));
  EXPECT_EQ(reading(d, "error", true), "crashed: signal 11");
  d.set("stopped", Document().set("code", "").set("message", "not needed"));
  EXPECT_EQ(reading(d, "stopped", true), "not needed");
  d.set("question", Document().set("on", "input").set("asked_at", std::int64_t{1801396800000}));
  EXPECT_EQ(reading(d, "question", true), "on=input asked_at=2027-01-31 12:00:00Z");
  EXPECT_EQ(reading(Document().set("progress", std::int64_t{1}), "progress", true), "100 %");
  EXPECT_EQ(reading(d, "tenants", true), "none");
  EXPECT_EQ(reading(d, "tenants", false), "");
  EXPECT_EQ(reading(d, "digest", false), std::string(12, 'a'));
  EXPECT_EQ(reading(d, "digest", true).size(), 64u);
}

TEST(Reading, ATerminalObeysNothingThatIsShown) {
  Document d;
  d.set("name",
        "a\x1b[2Jb\xc2\x9b"
        "31mc\xe2\x80\xae"
        "d\n");
  EXPECT_EQ(reading(d, "name", true), "a [2Jb 31mc d ");
  EXPECT_EQ(for_terminal("one\n  two\x07 gr\xc3\xbcn", true), "one\n  two  gr\xc3\xbcn");
}

TEST(Reading, WhatATaskCarriesIsNotTouched) {
  std::string body;
  msgpack::Writer w(body);
  w.map(2);
  w.entry_bin("payload", R"({"code":1,"message":"x"})");
  w.entry_bin("result", "86400000");
  auto d = Document::from_body(body);
  ASSERT_TRUE(d);
  EXPECT_EQ(reading(*d, "payload", true), R"({"code":1,"message":"x"})");
  EXPECT_EQ(reading(*d, "result", true), "86400000");
}

TEST(Table, IsCutToItsRoomButNotInItsNames) {
  Document d;
  d.set("name", std::string(30, 'n')).set("error", std::string(50, 'm')).set("count", 3);
  const auto table = render_table({d}, "name,error,count", false, 60);
  EXPECT_NE(table.find(std::string(30, 'n')), std::string::npos);
  EXPECT_NE(table.find("m…  3\n"), std::string::npos);
  EXPECT_EQ(width_of_longest_line(table), 60u);
  EXPECT_NE(render_table({d}, "name,error,count").find(std::string(50, 'm')), std::string::npos);
}

TEST(Object, FewObjectsWithManyKeysStandSideways) {
  Document one, object;
  for (int i = 0; i < 12; ++i) one.set("number_" + std::to_string(i), 1000 + i);
  object.set("terms", std::vector<Document>{one});
  const auto text = render_object(object, false, 60);
  EXPECT_NE(text.find("\n  NUMBER 11  1011\n"), std::string::npos) << text;
  EXPECT_LE(width_of_longest_line(text), 60u);
  EXPECT_NE(render_object(object).find("NUMBER 10  NUMBER 11\n"), std::string::npos);
}

}  // namespace
}  // namespace hirehall::cli
