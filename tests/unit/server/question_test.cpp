// What attempts may ask, and what answers fit (docs/inbox.md).
#include "broker/server/question.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/msgpack.h"

namespace hirehall::server {
namespace {

using msgpack::Writer;

std::string one_field(std::string_view type, const std::function<void(Writer&)>& more = {},
                      std::size_t pairs = 0) {
  std::string out;
  Writer w(out);
  w.map(1);
  w.str("form"), w.map(1), w.str("n"), w.map(1 + pairs);
  w.entry("type", type);
  if (more) more(w);
  return out;
}

Code code_of(const std::string& question, std::string_view answer) {
  auto read = read_question(question);
  EXPECT_TRUE(read) << describe(read.error());
  auto good = fits(*read, answer);
  return good ? Code::ok : good.error().code;
}

TEST(Question, WithoutAFormTakesAnything) {
  EXPECT_EQ(code_of({}, "no JSON at all"), Code::ok);
}

TEST(Question, OptionsAreTheOnlyAnswers) {
  std::string q;
  Writer w(q);
  w.map(1), w.str("options"), w.array(2), w.str("yes"), w.str("no");
  EXPECT_EQ(code_of(q, "\"yes\""), Code::ok);
  EXPECT_EQ(code_of(q, "\"maybe\""), Code::bad_answer);
  EXPECT_EQ(code_of(q, "yes"), Code::bad_answer);
}

TEST(Question, FieldsHaveTypesAndRanges) {
  auto number = one_field(
      "integer", [](Writer& w) { w.entry_sint("min", 1), w.entry_sint("max", 10); }, 2);
  EXPECT_EQ(code_of(number, R"({"n":10})"), Code::ok);
  EXPECT_EQ(code_of(number, R"({"n":11})"), Code::bad_answer);
  EXPECT_EQ(code_of(number, R"({"n":1.5})"), Code::bad_answer);
  EXPECT_EQ(code_of(number, R"({"m":1})"), Code::bad_answer);
  EXPECT_EQ(code_of(number, R"({})"), Code::bad_answer);
  EXPECT_EQ(code_of(number, R"([1])"), Code::bad_answer);
  EXPECT_EQ(code_of(one_field("boolean"), R"({"n":true})"), Code::ok);
  EXPECT_EQ(code_of(one_field("boolean"), R"({"n":"true"})"), Code::bad_answer);
  EXPECT_EQ(code_of(one_field("text"), R"({"n":"x"})"), Code::ok);
  EXPECT_EQ(code_of(one_field("number"), R"({"n":1.5})"), Code::ok);
  auto choice = one_field(
      "choice", [](Writer& w) { w.str("options"), w.array(1), w.str("red"); }, 1);
  EXPECT_EQ(code_of(choice, R"({"n":"red"})"), Code::ok);
  EXPECT_EQ(code_of(choice, R"({"n":"blue"})"), Code::bad_answer);
  auto optional = one_field(
      "text", [](Writer& w) { w.entry_bool("required", false); }, 1);
  EXPECT_EQ(code_of(optional, "{}"), Code::ok);
}

TEST(Question, AWrongOneSaysWhatIsWrong) {
  auto message = [](const std::string& q) {
    auto read = read_question(q);
    return read ? std::string() : read.error().message;
  };
  EXPECT_NE(message(one_field("colour")).find("accepted: text, integer"), std::string::npos);
  EXPECT_NE(message(one_field("choice")).find("1 to 100 options"), std::string::npos);
  std::string q;
  Writer w(q);
  w.map(1), w.entry_bin("default", "1");
  EXPECT_NE(message(q).find("give timeout_ms"), std::string::npos);
  q.clear();
  w.map(3), w.str("options"), w.array(1), w.str("yes"), w.entry_bin("default", "\"no\""),
      w.entry_sint("timeout_ms", 1);
  EXPECT_NE(message(q).find("the default is no answer"), std::string::npos);
  q.clear();
  w.map(1), w.entry("stage", "agent");
  EXPECT_FALSE(message(q).empty()) << "what the broker adds an attempt may not say";
  EXPECT_FALSE(message("\x01").empty());
  EXPECT_FALSE(message(std::string("\x81\xa7options\xc1", 10)).empty());
}

}  // namespace
}  // namespace hirehall::server
