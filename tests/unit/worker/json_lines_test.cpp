// The words of agents of kind process.
#include "worker/json_lines.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/task_features.h"

namespace hirehall::worker {
namespace {

using What = Utterance::What;
using nlohmann::json;

TEST(JsonLines, ARunLineCarriesThePayloadAsTheJsonItIs) {
  Shape shape{"count", "a", "", "default", "local", 0};
  Attempt attempt{7, "0123456789abcdef", R"({"n":1})", {}, 2, 0};
  auto run = json::parse(run_line(attempt, shape))["run"];
  EXPECT_EQ(run["payload"]["n"], 1);
  EXPECT_EQ(run["attempt"], 2);
  EXPECT_EQ(run["id"].get<std::string>().size(), 26u);
  EXPECT_EQ(run["content_type"], "application/json");
}

TEST(JsonLines, BytesThatAreNoJsonTravelAsBase64) {
  Shape shape{"count", "a", "application/octet-stream", "default", "local", 0};
  Attempt attempt{7, "0123456789abcdef", std::string_view("\xff\x00z", 3), {}, 1, 0};
  auto run = json::parse(run_line(attempt, shape))["run"];
  EXPECT_EQ(run["payload_base64"], "/wB6");
  EXPECT_FALSE(run.contains("payload"));
}

TEST(JsonLines, ExtrasOfATaskAreKeysOfTheRun) {
  std::string extras;
  msgpack::Writer w(extras);
  w.map(2);
  w.entry_bin("checkpoint", "{\"at\":5}");
  w.str("labels"), w.map(1), w.entry("a", "b");
  auto run = json::parse(run_line({7, "0123456789abcdef", "1", extras, 1, 0}, Shape{}))["run"];
  EXPECT_EQ(run["checkpoint"]["at"], 5);
  EXPECT_EQ(run["labels"]["a"], "b");
}

TEST(JsonLines, EveryWordIsUnderstood) {
  EXPECT_EQ(read_utterance(R"({"result": {"a": 1}})")->data, R"({"a":1})");
  EXPECT_EQ(read_utterance(R"({"result_base64": "/wB6"})")->data, std::string("\xff\x00z", 3));
  EXPECT_EQ(read_utterance(R"({"failed": "no"})")->error, "no");
  auto failed = *read_utterance(R"({"failed": {"error": "no", "code": "c", "final": true, "delay_ms": 50}})");
  EXPECT_EQ(failed.outcome, Outcome::failed_final);
  EXPECT_EQ(failed.error_code, "c");
  EXPECT_EQ(failed.delay_ms, 50);
  EXPECT_EQ(failed.service, "");
  EXPECT_EQ(read_utterance(R"({"failed": {"error": "no", "service": "smtp"}})")->service, "smtp");
  EXPECT_EQ(read_utterance(R"({"snoozed": {"delay_ms": 1000}})")->outcome, Outcome::snoozed);
  EXPECT_EQ(read_utterance(R"({"suspended": {"on": "approval"}})")->on, "approval");
  EXPECT_EQ(read_utterance(R"({"cancelled": {}})")->outcome, Outcome::cancelled);
  EXPECT_EQ(read_utterance(R"({"interrupted": {}})")->outcome, Outcome::interrupted);
  EXPECT_EQ(read_utterance(R"({"progress": {"done": 1, "total": 2}})")->total, 2u);
  EXPECT_EQ(read_utterance(R"({"checkpoint": [1]})")->data, "[1]");
  EXPECT_EQ(read_utterance(R"({"log": "x"})")->what, What::log);
  EXPECT_EQ(read_utterance(R"({"usage": {"tokens_in": 3}})")->usage.front().second, 3);
}

TEST(JsonLines, WhatIsNotAWordIsAnErrorThatShowsIt) {
  for (auto line : {"hello", "[1]", "{}", R"({"shout": 1})", R"({"result_base64": "?"})", "\xff"})
    EXPECT_FALSE(read_utterance(line)) << line;
}

TEST(JsonLines, NestingWithoutEndEndsNobody) {
  const auto deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_FALSE(read_utterance(R"({"result": )" + deep + "}"));
  EXPECT_NE(read_bid(R"({"bid": )" + deep + "}")->fault, "");
  Attempt attempt{7, "0123456789abcdef", deep, {}, 2, 0};
  EXPECT_TRUE(json::parse(run_line(attempt, Shape{}))["run"].contains("payload_base64"));
}

TEST(JsonLines, ABidIsAPriceOrNullAndAnythingElseUnderItsNameIsAFault) {
  EXPECT_EQ(read_bid(R"({"bid": 0.25})")->price, 0.25);
  EXPECT_EQ(read_bid(R"({"bid": 3})")->price, 3);
  const auto declined = read_bid(R"({"bid": null})");
  ASSERT_TRUE(declined);
  EXPECT_FALSE(declined->price);
  EXPECT_EQ(declined->fault, "");
  EXPECT_NE(read_bid(R"({"bid": "cheap"})")->fault, "");
  EXPECT_FALSE(read_bid(R"({"log": "bid"})"));
  EXPECT_NE(read_bid("nonsense")->fault, "");
  BidCall call;
  call.round = 7;
  call.payload_bytes = 12;
  const auto line = bid_line(call);
  EXPECT_NE(line.find(R"("payload_bytes":12)"), std::string::npos) << line;
  EXPECT_EQ(line.find("deadline"), std::string::npos) << line;
  EXPECT_EQ(line.find("features"), std::string::npos) << line;
  call.features = write_features({{"tokens", true, 12'000, {}}, {"topic", false, 0, "law"}});
  const auto told = bid_line(call);
  EXPECT_NE(told.find(R"("features":{"tokens":12000,"topic":"law"})"), std::string::npos) << told;
}

}  // namespace
}  // namespace hirehall::worker
