// A log line is one line, whatever the values hold.
#include "common/log.h"

#include <gtest/gtest.h>

namespace hirehall {
namespace {

TEST(Log, FieldsFollowTheMessageAsKeyValuePairs) {
  EXPECT_EQ(log::render("task awarded", {{"token", 77}, {"type", "echo"}, {"late", true}}),
            "task awarded token=77 type=echo late=true");
}

TEST(Log, ValuesThatCouldForgeALineAreQuotedAndEscaped) {
  EXPECT_EQ(log::render("a\nb", {{"name", "x\n2030 error: y"}, {"empty", ""}, {"quote", "a\"b"}}),
            "a b name=\"x\\x0a2030 error: y\" empty=\"\" quote=\"a\\\"b\"");
}

TEST(Log, LevelsAreNamed) {
  EXPECT_EQ(log::level_from_name("warn").value(), log::Level::warn);
  EXPECT_EQ(log::level_from_name("loud").error().code, Code::invalid);
}

}  // namespace
}  // namespace hirehall
