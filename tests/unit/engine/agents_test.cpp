// The registry of definitions: one name and one version are one digest, whoever is connected.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

class Agents : public testing::Test {
 protected:
  struct Offer {
    std::string name, version, digest;
  };
  Result<Registered> bring(const std::vector<Offer>& offers) {
    Registration registration;
    registration.name = "worker";
    registration.principal = "test";
    registration.token = "token " + std::to_string(++tokens_);
    for (const auto& offer : offers) {
      auto& agent = registration.spec.agents.emplace_back();
      agent.name = offer.name;
      agent.version = offer.version;
      agent.digest = offer.digest;
      agent.types = {"echo"};
    }
    auto done = hall.engine->register_worker(registration);
    hall.turn();
    return done;
  }
  void expect_conflict(const std::vector<Offer>& offers, const std::string& words) {
    auto done = bring(offers);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Code::conflict);
    EXPECT_NE(done.error().message.find(words), std::string::npos) << done.error().message;
  }

  Hall hall;

 private:
  int tokens_ = 0;
};

TEST_F(Agents, AnotherDigestUnderTheSameNameAndVersionIsRefusedAndBothAreNamed) {
  auto first = bring({{"echo", "1", "aaa"}});
  ASSERT_TRUE(first.has_value());
  hall.engine->disconnect_worker(first->worker);
  expect_conflict({{"echo", "1", "bbb"}}, "digest aaa (by test), this worker brings digest bbb");
  for (bool from_snapshot : {false, true}) {
    hall.restart(from_snapshot);
    expect_conflict({{"echo", "1", "bbb"}}, "digest aaa");
  }
  EXPECT_TRUE(bring({{"echo", "1", "aaa"}, {"echo", "2", "bbb"}}).has_value());
}

TEST_F(Agents, AWorkerThatContradictsItselfIsRefusedWholly) {
  expect_conflict({{"new", "1", "x"}, {"echo", "1", "aaa"}, {"echo", "1", "bbb"}}, "by the same worker");
  EXPECT_TRUE(hall.engine->ledger().agents.empty());
}

TEST_F(Agents, AForgottenDefinitionMayComeBackAsAnother) {
  auto worker = bring({{"echo", "1", "aaa"}});
  ASSERT_TRUE(worker.has_value());
  EXPECT_EQ(hall.engine->offering("echo", "1").size(), 1u);
  auto refused = hall.engine->forget_agent("echo", "1");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::conflict);
  hall.engine->disconnect_worker(worker->worker);
  ASSERT_TRUE(hall.engine->forget_agent("echo", "1").has_value());
  EXPECT_EQ(hall.engine->forget_agent("echo", "1").error().code, Code::not_found);
  hall.turn();
  hall.restart(false);
  EXPECT_TRUE(bring({{"echo", "1", "bbb"}}).has_value());
}

TEST_F(Agents, TheSnapshotHasThem) {
  ASSERT_TRUE(bring({{"echo", "1", "aaa"}, {"sum", "7", "ccc"}}).has_value());
  Ledger loaded;
  ASSERT_TRUE(loaded.load(hall.saved()));
  ASSERT_EQ(loaded.agents.size(), 2u);
  const auto& agent = loaded.agents.at({"sum", "7"});
  EXPECT_EQ(agent.digest, "ccc");
  EXPECT_EQ(agent.types, std::vector<std::string>{"echo"});
  EXPECT_EQ(agent.by, "test");
}

TEST_F(Agents, WhenThereIsNoRoomTheOldestThatNobodyOffersGoes) {
  constexpr std::size_t per_worker = limits::agents_per_worker_max;
  for (std::size_t known = 0; known < limits::agents_max; known += per_worker) {
    std::vector<Offer> offers;
    for (std::size_t i = known; i < std::min(known + per_worker, limits::agents_max); ++i)
      offers.push_back({"agent " + std::to_string(i), "1", "d"});
    hall.now += 1;
    auto worker = bring(offers);
    ASSERT_TRUE(worker.has_value()) << describe(worker.error());
    if (known == per_worker) hall.engine->disconnect_worker(worker->worker);
  }
  ASSERT_TRUE(bring({{"one more", "1", "d"}}).has_value());
  const auto& agents = hall.engine->ledger().agents;
  EXPECT_EQ(agents.size(), limits::agents_max);
  EXPECT_FALSE(agents.contains({"agent 256", "1"}));
  EXPECT_TRUE(agents.contains({"agent 0", "1"})) << "its worker is connected";
}

}  // namespace
}  // namespace hirehall::engine
