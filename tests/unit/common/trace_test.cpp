#include "common/trace.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hirehall {
namespace {

const std::string valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string with(std::size_t at, std::string_view text) {
  auto changed = valid;
  return changed.replace(at, text.size(), text);
}

TEST(Trace, WhatATraceparentIs) {
  EXPECT_TRUE(is_traceparent(valid));
  EXPECT_TRUE(is_traceparent(with(53, "00")));
  EXPECT_TRUE(is_traceparent(with(53, "ff")));
  EXPECT_TRUE(is_traceparent(with(0, "cc")));
  EXPECT_TRUE(is_traceparent(with(0, "01") + "-more")) << "later versions may have more";
}

TEST(Trace, WhatNoneIs) {
  for (const auto& wrong : {std::string(), std::string("x"), valid.substr(1), valid + "0", valid + "-more",
                            with(0, "ff"), with(0, "0G"), with(2, "_"), with(35, "0"), with(52, "0"),
                            with(3, "4B"), with(3, std::string(32, '0')), with(36, std::string(16, '0')),
                            with(53, "0x"), with(0, "01") + "more", with(10, std::string(1, '\0'))})
    EXPECT_FALSE(is_traceparent(wrong)) << wrong;
}

TEST(Trace, WhatATracestateIs) {
  std::string many = "k0=v";
  for (int i = 1; i < 32; ++i) many += ",k" + std::to_string(i) + "=v";
  for (const auto& right :
       {std::string("congo=t61rcWkgMzE"), std::string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        std::string("fw529a3039@dt=FfAAAAC, a_-*/=x y"), std::string("a=1,,b=2 , "), many,
        std::string("1a-2f@foo=b")})
    EXPECT_TRUE(is_tracestate(right)) << right;
  for (const auto& wrong :
       {std::string(), std::string(" , "), std::string("congo"), std::string("=x"), std::string("a="),
        std::string("A=1"), std::string("_a=1"), std::string("a=1,a=2"), std::string("a=1=2"),
        std::string("a =1"), std::string("a=\x80"), "a=" + std::string(257, 'x'), many + ",one=more",
        std::string("a=1\n")})
    EXPECT_FALSE(is_tracestate(wrong)) << wrong;
}

TEST(Trace, WhatBaggageIs) {
  for (const auto& right :
       {std::string("userId=alice"), std::string("userId=Am%C3%A9lie , serverNode=DF%2028"),
        std::string("key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"),
        std::string("empty="), std::string("a=b=c")})
    EXPECT_TRUE(is_baggage(right)) << right;
  for (const auto& wrong : {std::string(), std::string(","), std::string("alice"), std::string("=x"),
                            std::string("a b=c"), std::string("a=b c"), std::string("a=\"b\""),
                            std::string("a=b;"), std::string("a;p=b"), std::string("a=\xc3\xa9")})
    EXPECT_FALSE(is_baggage(wrong)) << wrong;
}

TEST(Trace, IsReadAndWrittenBack) {
  const auto name = span_of(valid);
  EXPECT_EQ(name.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(name.span, "00f067aa0ba902b7");
  EXPECT_TRUE(name.sampled);
  EXPECT_EQ(traceparent_of(name), valid);
  EXPECT_FALSE(span_of(with(53, "fe")).sampled);
  EXPECT_TRUE(span_of(with(53, "0b")).sampled);
}

TEST(Trace, AttemptsHaveNamesOfTheirOwnThatAnybodyCanCompute) {
  const std::string id(16, '\x07'), other(16, '\x08');
  std::set<std::string> traces, spans;
  for (const auto& task : {id, other})
    for (std::uint32_t attempt = 1; attempt <= 50; ++attempt) {
      const auto name = attempt_span(task, attempt);
      EXPECT_TRUE(is_traceparent(traceparent_of(name))) << traceparent_of(name);
      EXPECT_EQ(traceparent_of(name), traceparent_of(attempt_span(task, attempt)));
      traces.insert(name.trace);
      spans.insert(name.span);
    }
  EXPECT_EQ(traces.size(), 100u);
  EXPECT_EQ(spans.size(), 100u);
  EXPECT_NE(task_span(id), task_span(other));
  EXPECT_EQ(task_span(id).size(), 16u);
}

}  // namespace
}  // namespace hirehall
