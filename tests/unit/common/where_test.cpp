// The language of --where: what it means, and where it points when it is wrong.
#include "common/where.h"

#include <gtest/gtest.h>

#include <map>

namespace hirehall {
namespace {

struct Task {
  std::map<std::string, std::string, std::less<>> texts{
      {"state", "failed"}, {"queue", "mail"}, {"label.customer", "7"}};
  std::map<std::string, std::int64_t, std::less<>> numbers{{"age", 1000}, {"priority", 5}};

  std::optional<WhereValue> look(std::string_view field) const {
    if (auto n = numbers.find(field); n != numbers.end()) return n->second;
    if (auto t = texts.find(field); t != texts.end()) return std::string_view(t->second);
    return std::nullopt;
  }
};

bool fits(std::string_view text) {
  auto where = Where::parse(text);
  EXPECT_TRUE(where) << text << ": " << (where ? "" : where.error().message);
  Task task;
  return where && where->fits([&](std::string_view field) { return task.look(field); });
}

TEST(Where, FitsWhatIsMeant) {
  for (const auto* text :
       {"", "state=failed and queue=mail and age<1h and label.customer=7", "state=failed, queue=mail",
        "queue in (post, mail)", "not queue=post", "queue!=post", "label.none!=x", "queue~ai",
        "(queue=post or queue=mail) and priority>=5", "priority in (1,5)", "age<=1s", "age>500ms",
        "queue='mail'", "queue = \"mail\"", "not (queue=post or state=ready)", "priority!=4"})
    EXPECT_TRUE(fits(text)) << text;
  for (const auto* text :
       {"state=ready", "queue=mail and age>1h", "label.none=x", "not queue=mail", "priority<5",
        "queue in (post)", "label.customer!=7", "queue=post or priority=6", "age in (2s, 3s)"})
    EXPECT_FALSE(fits(text)) << text;
}

TEST(Where, AndBindsMoreThanOr) {
  EXPECT_TRUE(fits("queue=mail or queue=post and state=ready"));
  EXPECT_FALSE(fits("(queue=mail or queue=post) and state=ready"));
}

TEST(Where, MistakesPointAtTheirPlace) {
  struct Case {
    const char* text;
    const char* at;
  };
  for (auto [text, at] :
       {Case{"staet=failed", "0"}, Case{"state=failed and", "16"}, Case{"state=broken", "6"},
        Case{"priority=high", "9"}, Case{"age<soon", "4"}, Case{"queue<mail", "5"},
        Case{"state=failed queue=mail", "13"}, Case{"(queue=mail", "11"}, Case{"queue", "5"},
        Case{"queue='mail", "6"}, Case{"queue in mail", "9"}, Case{"age~1h", "3"}, Case{"label.=7", "0"},
        Case{"queue=mail)", "10"}}) {
    auto where = Where::parse(text);
    ASSERT_FALSE(where) << text;
    EXPECT_EQ(where.error().code, Code::invalid);
    EXPECT_EQ(where.error().context, at) << text << ": " << where.error().message;
  }
  auto error = Where::parse("queue=mail and staet=x").error();
  EXPECT_EQ(where_pointer("queue=mail and staet=x", error), "  queue=mail and staet=x\n                 ^\n");
}

TEST(Where, IsBounded) {
  EXPECT_FALSE(Where::parse(std::string(where_bytes_max + 1, ' ')));
  EXPECT_FALSE(Where::parse(std::string(100, '(') + "queue=mail" + std::string(100, ')')));
  std::string many = "queue=mail";
  for (std::size_t i = 0; i < where_tests_max; ++i) many += " or queue=mail";
  EXPECT_FALSE(Where::parse(many));
  std::string nots;
  for (int i = 0; i < 100; ++i) nots += "not ";
  EXPECT_FALSE(Where::parse(nots + "queue=mail"));
}

TEST(Where, TellsWhatAllThatFitsMustBe) {
  EXPECT_EQ(Where::parse("state=failed and age<1h")->must_be("state"), "failed");
  EXPECT_EQ(Where::parse("state=failed")->must_be("state"), "failed");
  EXPECT_EQ(Where::parse("state=failed or age<1h")->must_be("state"), "");
  EXPECT_EQ(Where::parse("not state=failed and age<1h")->must_be("state"), "");
  EXPECT_EQ(Where::parse("state!=failed and age<1h")->must_be("state"), "");
}

TEST(Where, NoBytesBreakIt) {
  std::string text;
  std::uint64_t random = 7;
  constexpr std::string_view pieces = "queue=mail and (not state<>1h label.x~'\"\x80,)";
  for (int i = 0; i < 20000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    text += pieces[(random >> 33) % pieces.size()];
    if (text.size() > 40) text.clear();
    static_cast<void>(Where::parse(text));
  }
}

}  // namespace
}  // namespace hirehall
