// Preferred labels of tasks: kinds of their own, awarded by them, and known after a restart.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions preferring(const std::string& zone) {
  auto options = echo();
  if (!zone.empty()) options.preferred_labels = {{"zone", zone}};
  return options;
}

class Preferred : public testing::Test {
 protected:
  // A worker with a label, known by its zone.
  void hire(const std::string& zone, std::uint32_t slots = 4) {
    Registration registration;
    registration.name = zone;
    registration.token = "token of " + zone;
    registration.spec.slots = slots;
    registration.spec.labels = {{"zone", zone}};
    registration.credit = slots;
    auto& agent = registration.spec.agents.emplace_back();
    agent.name = zone;
    agent.types = {"echo"};
    const auto done = hall.engine->register_worker(registration);
    ASSERT_TRUE(done);
    numbers[zone] = done->worker;
  }
  std::string holder(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence)
        for (const auto& [zone, number] : numbers)
          if (number == lease.worker) return zone;
    return {};
  }

  Hall hall;
  std::map<std::string, std::uint32_t> numbers;
};

TEST_F(Preferred, TasksGoWhereTheirLabelsAreAndAreNotRunTogetherWithOthers) {
  hire("eu", 8);
  hire("us", 8);
  std::map<Sequence, std::string> wanted;
  for (int i = 0; i < 6; ++i)
    for (const auto* zone : {"us", "eu"}) wanted[hall.submit("task", preferring(zone))] = zone;
  hall.turn();
  for (const auto& [task, zone] : wanted) EXPECT_EQ(holder(task), zone);
  EXPECT_EQ(hall.choices.size(), 12u) << "each can be explained";
  EXPECT_EQ(hall.engine->counts().labels_preferred[2], 12u);
  EXPECT_EQ(hall.engine->ledger().classes.size(), 2u);
}

TEST_F(Preferred, NobodyWaitsForThem) {
  hire("us");
  const auto task = hall.submit("task", preferring("eu"));
  hall.turn();
  EXPECT_EQ(hall.state(task), State::leased);
  hire("eu", 1);
  for (int i = 0; i < 3; ++i) hall.submit("task", preferring("eu"));
  hall.turn();
  EXPECT_EQ(hall.engine->ledger().workers.at(numbers["eu"]).held, 1u);
  EXPECT_EQ(hall.engine->ledger().workers.at(numbers["us"]).held, 3u)
      << "what has no room there goes elsewhere";
}

TEST_F(Preferred, PlainTasksBesideThemHaveNoTerms) {
  hire("eu", 8);
  hire("us", 8);
  hall.submit("task", preferring("us"));
  hall.turn();
  EXPECT_EQ(hall.choices.size(), 1u);
  hall.submit("plain", echo());
  hall.turn();
  EXPECT_EQ(hall.choices.size(), 1u);
}

class PreferredAfter : public Preferred, public testing::WithParamInterface<bool> {};

TEST_P(PreferredAfter, ARestartTheyAreKnown) {
  const auto task = hall.submit("task", preferring("us"));
  hall.turn();
  hall.restart(GetParam());
  hire("eu", 8);
  hire("us", 8);
  hall.turn();
  EXPECT_EQ(holder(task), "us");
  const auto next = hall.submit("task", preferring("us"));
  hall.turn();
  EXPECT_EQ(holder(next), "us") << "of the same kind";
  EXPECT_EQ(hall.engine->ledger().classes.size(), 1u);
}
INSTANTIATE_TEST_SUITE_P(FromASnapshotOrAllFacts, PreferredAfter, testing::Bool());

TEST_F(Preferred, ItemsMayHaveTheirOwn) {
  hire("eu");
  hire("us");
  const auto refused = hall.refused("task", [] {
    auto options = preferring("eu");
    options.requirements.labels = {{"zone", "eu"}};
    return options;
  }());
  EXPECT_NE(refused.message.find("required as well"), std::string::npos);
}

}  // namespace
}  // namespace hirehall::engine
