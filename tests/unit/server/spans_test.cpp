#include "broker/server/spans.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "broker/server/span_exporter.h"
#include "tests/support/scratch.h"

namespace hirehall::server {
namespace {

TEST(Spans, TimesAndNumbersAreTextsAndBytesThatAreNoTextAreReplaced) {
  Span span;
  span.trace = std::string(32, 'a');
  span.id = std::string(16, 'b');
  span.name = "process \xff";
  span.kind = SpanKind::consumer;
  span.begin = 1'700'000'000'123;
  span.end = span.begin - 5;  // the wall clock went back
  span.attributes = {{"n", std::int64_t{1} << 60}, {"d", 0.5}, {"t", std::string("x\xc3")}};
  span.links = {{std::string(32, 'c'), std::string(16, 'd'), "vendor=1"}};
  span.state = "vendor=2";
  const auto request = nlohmann::json::parse(encode_spans({&span, 1}));
  const auto& out = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(out["startTimeUnixNano"], "1700000000123000000");
  EXPECT_EQ(out["endTimeUnixNano"], out["startTimeUnixNano"]);
  EXPECT_EQ(out["kind"], 5);
  EXPECT_FALSE(out.contains("parentSpanId"));
  EXPECT_FALSE(out.contains("status"));
  EXPECT_EQ(out["attributes"][0]["value"]["intValue"], "1152921504606846976");
  EXPECT_EQ(out["attributes"][1]["value"]["doubleValue"], 0.5);
  EXPECT_EQ(out["name"], "process \xef\xbf\xbd");
  EXPECT_EQ(out["links"][0]["spanId"], std::string(16, 'd'));
  EXPECT_EQ(out["links"][0]["traceState"], "vendor=1");
  EXPECT_EQ(out["traceState"], "vendor=2");
}

TEST(Spans, WhatACollectorRejects) {
  EXPECT_EQ(read_partial_success("{}").rejected, 0u);
  EXPECT_EQ(read_partial_success(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}})").rejected,
            3u);
  EXPECT_EQ(read_partial_success(R"({"partialSuccess":{"rejectedSpans":3,"errorMessage":"old"}})").message,
            "old");
  for (const auto* strange :
       {"", "[", "[]", "5", R"({"partialSuccess":5})", R"({"partialSuccess":{"rejectedSpans":-1}})",
        R"({"partialSuccess":{"rejectedSpans":[]}})"})
    EXPECT_EQ(read_partial_success(strange).rejected, 0u) << strange;
}

TEST(Spans, WhereACollectorIs) {
  EXPECT_EQ(*collector_url("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
  EXPECT_EQ(*collector_url("https://c.example/otlp/"), "https://c.example/otlp/v1/traces");
  EXPECT_EQ(*collector_url("http://c/v1/traces"), "http://c/v1/traces");
  for (const auto* wrong : {"", "c:4318", "ftp://c", "http://", "http:///v1/traces", "http://:1",
                            "http://c d", "http://c?x", "file:///etc/passwd"})
    EXPECT_FALSE(collector_url(wrong)) << wrong;
}

TEST(Spans, HeadersAreLinesOfAFile) {
  const test::ScratchDirectory directory;
  const auto path = directory.path() + "/headers";
  std::ofstream(path) << "# for the collector\r\nAuthorization: Bearer x:y\r\n\nX-Scope: a b\n";
  EXPECT_EQ(*load_headers(path), (std::vector<std::string>{"Authorization: Bearer x:y", "X-Scope: a b"}));
  for (const auto* wrong : {"none\n", ": empty\n", "two words: x\n"}) {
    std::ofstream(path) << wrong;
    EXPECT_FALSE(load_headers(path)) << wrong;
  }
  EXPECT_FALSE(load_headers(path + "-that-is-not-there"));
}

}  // namespace
}  // namespace hirehall::server
