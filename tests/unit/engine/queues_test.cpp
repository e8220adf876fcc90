// What a file says of queues is their desired state, and what a person has set by hand stands above it.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

class Queues : public testing::Test {
 protected:
  using File = std::map<std::string, QueueValues>;
  std::vector<QueueChange> adopt(const File& file, bool force = false) {
    auto changes = hall.engine->adopt_queues(file, force);
    EXPECT_TRUE(changes.has_value());
    hall.turn();
    hall.restart(false);  // all of it is in the facts
    return *changes;
  }
  const QueueSettings& settings(std::string_view name) const {
    const auto& ledger = hall.engine->ledger();
    return ledger.queues[ledger.queue_by_name.find(name)->second].settings;
  }
  void by_hand(std::string_view queue, std::string_view name, std::int64_t value) {
    auto changed = settings(queue);
    set_queue_value(changed, name, value);
    ASSERT_TRUE(hall.engine->set_queue(queue, changed));
  }

  Hall hall;
};

TEST_F(Queues, AreMadeAndChangedAsTheFileSays) {
  auto changes = adopt({{"mail", {{"weight", 5}, {"limits/smtp", 3}, {"tenants/acme", 2}}}});
  EXPECT_EQ(changes.size(), 3u);
  EXPECT_EQ(settings("mail").weight, 5u);
  EXPECT_EQ(settings("mail").limits.at("smtp"), 3u);
  EXPECT_EQ(settings("mail").tenants.at("acme"), 2u);
  adopt({{"mail", {{"weight", 6}}}});
  EXPECT_EQ(settings("mail").weight, 6u);
  EXPECT_TRUE(settings("mail").limits.empty()) << "gone from the file, back to the default";
}

TEST_F(Queues, UnchangedMeansNoFact) {
  const File file{{"mail", {{"weight", 5}}}, {"default", {}}};
  adopt(file);
  ASSERT_TRUE(hall.engine->adopt_queues(file, false)->empty());
  EXPECT_FALSE(hall.engine->has_facts());
}

TEST_F(Queues, WhatWasSetByHandStaysUnlessForced) {
  by_hand("default", "cap", 10);
  auto changes = adopt({{"default", {{"cap", 20}, {"weight", 2}}}});
  EXPECT_EQ(settings("default").cap, 10u);
  EXPECT_EQ(settings("default").weight, 2u);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_TRUE(changes[0].kept) << "cap";
  EXPECT_FALSE(changes[1].kept) << "weight";
  by_hand("default", "weight", 7);
  adopt({{"default", {{"cap", 20}, {"weight", 3}}}});
  EXPECT_EQ(settings("default").weight, 7u);
  adopt({{"default", {{"cap", 20}, {"weight", 3}}}}, true);
  EXPECT_EQ(settings("default").weight, 3u);
  EXPECT_EQ(settings("default").cap, 20u);
}

TEST_F(Queues, AQueueThatLeavesTheFileStaysWithDefaults) {
  adopt({{"mail", {{"weight", 5}, {"cap", 9}}}});
  by_hand("mail", "cap", 11);
  adopt({});
  EXPECT_EQ(settings("mail").weight, 1u);
  EXPECT_EQ(settings("mail").cap, 11u) << "set by hand";
  EXPECT_TRUE(adopt({}).empty()) << "the file has nothing more to do with it";
}

TEST_F(Queues, TheSnapshotHasWhatTheFileSays) {
  adopt({{"mail", {{"weight", 5}}}});
  Ledger loaded;
  ASSERT_TRUE(loaded.load(hall.saved()));
  EXPECT_EQ(loaded.queues.at(1).filed, (QueueValues{{"weight", 5}}));
}

TEST_F(Queues, AnotherWeightOfATenantCountsForLanesThatAreThere) {
  auto options = echo();
  auto submit = [&](const std::string& tenant, int count) {
    options.tenant = tenant;
    for (int i = 0; i < count; ++i) hall.submit(tenant, options);
  };
  submit("many", 1);
  submit("few", 1);
  auto& hand = hall.hire({"echo"}, 42);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 2u);
  by_hand("default", "tenants/many", 9);
  submit("few", 60);
  submit("many", 60);
  hall.turn();
  std::map<std::string, int> got;
  for (const auto& award : hand.awards) ++got[hall.name(award)];
  EXPECT_GE(got["many"], 30);
}

}  // namespace
}  // namespace hirehall::engine
