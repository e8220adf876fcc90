// The file of queues: what it says, and what is said about its mistakes.
#include "broker/server/queues_file.h"

#include <gtest/gtest.h>

namespace hirehall::server {
namespace {

struct Mistake {
  std::string yaml, message, at;
};

TEST(QueuesFile, SaysSettingsInUnitsThatPeopleWrite) {
  auto read = read_queues(
      "queues:\n"
      "  default:\n"
      "  mail: {weight: 5, cap: 7, retention: 7d, attempt_timeout: 30s, aging: 0, retention_bytes: 2KiB}\n"
      "  print: {tenants: {acme: 3}, limits: {smtp: 10}}\n",
      "q.yaml");
  ASSERT_TRUE(read.has_value()) << describe(read.error());
  EXPECT_TRUE(read->at("default").empty());
  const engine::QueueValues mail{{"weight", 5},          {"cap", 7},      {"retention_ms", 7ll * 86'400'000},
                                 {"timeout_ms", 30'000}, {"aging_ms", 0}, {"retention_bytes", 2048}};
  EXPECT_EQ(read->at("mail"), mail);
  const engine::QueueValues print{{"tenants/acme", 3}, {"limits/smtp", 10}};
  EXPECT_EQ(read->at("print"), print);
}

TEST(QueuesFile, AmountsOfCostUnitsAreWholeMillionths) {
  auto read = read_queues(
      "queues:\n  mail: {policy: auction, reserve: 0.5, wait_price: 0, settlement: first_price}\n", "q.yaml");
  ASSERT_TRUE(read.has_value()) << describe(read.error());
  const engine::QueueValues mail{{"policy", 3}, {"reserve", 500'000}, {"wait_price", 0}, {"settlement", 1}};
  EXPECT_EQ(read->at("mail"), mail);
  for (const auto* wrong :
       {"reserve: -1", "reserve: much", "success_value: 1000001", "settlement: third_price"})
    EXPECT_FALSE(read_queues("queues:\n  mail: {" + std::string(wrong) + "}\n", "q.yaml")) << wrong;
}

TEST(QueuesFile, NamesLineKeyAndWhatIsAccepted) {
  const std::vector<Mistake> mistakes{
      {"queues:\n  mail:\n    wait: 5\n", "unknown key 'wait'; known are: weight, cap", "q.yaml:3"},
      {"queues:\n  mail:\n    weight: 0\n", "'weight' takes a number like 5, from 1 to 1000", "q.yaml:3"},
      {"queues:\n  mail:\n    weight: [1]\n", "'weight' takes", "q.yaml:3"},
      {"queues:\n  mail:\n    retention: soon\n", "'retention' takes a duration", "q.yaml:3"},
      {"queues:\n  mail:\n    weight: 1\n    weight: 2\n", "stands twice", "q.yaml:4"},
      {"queues:\n  mail:\n  mail:\n", "the queue 'mail' stands twice", "q.yaml:3"},
      {"queues:\n  mail:\n    limits: {smtp: 0}\n", "'smtp' in 'limits' takes a number from 1 to",
       "q.yaml:3"},
      {"queues:\n  mail:\n    tenants: 4\n", "'tenants' is a map", "q.yaml:3"},
      {"queues: []\n", "'queues' is a map", "q.yaml:1"},
      {"queue: {}\n", "one key, 'queues'", "q.yaml:1"},
      {"queues: {\n", "not YAML", "q.yaml"},
  };
  for (const auto& mistake : mistakes) {
    auto read = read_queues(mistake.yaml, "q.yaml");
    ASSERT_FALSE(read.has_value()) << mistake.yaml;
    EXPECT_NE(read.error().message.find(mistake.message), std::string::npos) << describe(read.error());
    EXPECT_EQ(read.error().context.find(mistake.at), 0u) << describe(read.error());
  }
}

TEST(QueuesFile, TheSampleLoads) {
  auto read = load_queues(std::string(HIREHALL_SOURCE_DIR) + "/configs/queues.yaml");
  ASSERT_TRUE(read.has_value()) << describe(read.error());
  EXPECT_EQ(read->at("mail").size(), 18u);
}

}  // namespace
}  // namespace hirehall::server
