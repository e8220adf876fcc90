// The file of schedules: what it says, and what is said about its mistakes.
#include "broker/server/schedules_file.h"

#include <gtest/gtest.h>

#include "common/task_features.h"

namespace hirehall::server {
namespace {

TEST(SchedulesFile, SaysWhenAndWhat) {
  auto read = read_schedules(
      "schedules:\n"
      "  a: {cron: '@daily', zone: Europe/Berlin, type: t, payload: '[1]', overlap: queue, catch_up: all,\n"
      "      catch_up_max: 7, jitter: 1m, queue: q, tenant: acme, priority: 9, ttl: 1h, limit_keys: [k],\n"
      "      labels: {team: sales}, preferred_labels: {zone: eu}, features: {tokens: 180, topic: law}}\n"
      "  b: {every: 90s, type: t}\n",
      "s.yaml");
  ASSERT_TRUE(read.has_value()) << describe(read.error());
  const auto& a = read->at("a");
  EXPECT_EQ(a.cron, "@daily");
  EXPECT_EQ(a.zone, "Europe/Berlin");
  EXPECT_EQ(a.overlap, engine::Overlap::queue);
  EXPECT_EQ(a.catch_up, engine::CatchUp::all);
  EXPECT_EQ(a.catch_up_max, 7u);
  EXPECT_EQ(a.jitter_ms, 60'000);
  EXPECT_EQ(a.payload, "[1]");
  const auto options = *decode_options(a.options);
  EXPECT_EQ(options.tenant, "acme");
  EXPECT_EQ(options.limit_keys, std::vector<std::string>{"k"});
  EXPECT_EQ(options.labels.at("team"), "sales");
  EXPECT_EQ(options.preferred_labels, (StringMap{{"zone", "eu"}}));
  EXPECT_EQ(options.features, write_features({{"tokens", true, 180, {}}, {"topic", false, 0, "law"}}));
  EXPECT_EQ(read->at("b").every_ms, 90'000);
}

TEST(SchedulesFile, NamesLineKeyAndWhatIsAccepted) {
  struct Mistake {
    std::string yaml, message, at;
  };
  const std::vector<Mistake> mistakes{
      {"schedules:\n  a:\n    crom: x\n", "unknown key 'crom'; known are: cron, every", "s.yaml:3"},
      {"schedules:\n  a:\n    type: t\n", "either 'cron' or 'every'", "s.yaml:3"},
      {"schedules:\n  a: {type: t, cron: '@daily', every: 5m}\n", "either 'cron' or 'every'", "s.yaml:2"},
      {"schedules:\n  a:\n    type: t\n    cron: '61 * * * *'\n", "field minute", "s.yaml:4"},
      {"schedules:\n  a:\n    every: soon\n", "'every' takes a duration", "s.yaml:3"},
      {"schedules:\n  a:\n    overlap: both\n", "'overlap' takes allow, skip", "s.yaml:3"},
      {"schedules:\n  a:\n    catch_up_max: 5000\n", "'catch_up_max' takes", "s.yaml:3"},
      {"schedules:\n  a:\n    limit_keys: k\n", "list of names", "s.yaml:3"},
      {"schedules:\n  a:\n    preferred_labels: eu\n", "'preferred_labels' is a map", "s.yaml:3"},
      {"schedules:\n  a:\n    features: law\n", "map of names and numbers or words", "s.yaml:3"},
      {"schedules:\n  a:\n    features: {Topic: law}\n", "'Topic'", "s.yaml:3"},
      {"schedules:\n  a:\n    features: {tokens: 1e99}\n", "1e15", "s.yaml:3"},
      {"schedules:\n  a:\n    features: {topic: [law]}\n", "map of names and numbers or words", "s.yaml:3"},
      {"schedules:\n  a: {every: 5m, type: t, priority: 11}\n", "priority", "s.yaml:2"},
      {"schedules:\n  a: {every: 5m, every: 6m}\n", "stands twice", "s.yaml:2"},
      {"schedules:\n  a: {every: 5m}\n", "type", "s.yaml:2"},
      {"schedules:\n  a: 5\n", "a schedule is a map", "s.yaml:2"},
      {"schedule: {}\n", "one key, 'schedules'", "s.yaml:1"},
      {"schedules: {\n", "not YAML", "s.yaml"},
  };
  for (const auto& mistake : mistakes) {
    auto read = read_schedules(mistake.yaml, "s.yaml");
    ASSERT_FALSE(read.has_value()) << mistake.yaml;
    EXPECT_NE(read.error().message.find(mistake.message), std::string::npos) << describe(read.error());
    EXPECT_EQ(read.error().context.find(mistake.at), 0u) << mistake.yaml << describe(read.error());
  }
}

TEST(SchedulesFile, TheSampleLoads) {
  auto read = load_schedules(std::string(HIREHALL_SOURCE_DIR) + "/configs/schedules.yaml");
  ASSERT_TRUE(read.has_value()) << describe(read.error());
  EXPECT_EQ(read->size(), 2u);
}

}  // namespace
}  // namespace hirehall::server
