// What awards rested on, kept in memory for `task explain`: the latest are found, the oldest make room.
#include "broker/server/choices.h"

#include <gtest/gtest.h>

#include "scheduler/policy.h"

namespace hirehall::server {
namespace {

scheduler::Choice choice_of(std::uint64_t outcomes) {
  scheduler::Choice choice;
  choice.settings.policy = scheduler::Policy::learned;
  choice.outcomes = outcomes;
  choice.candidates = {{.worker = 1}, {.worker = 2}};
  choice.agents = {"reader", "writer"};
  choice.award = scheduler::decide(choice.settings, choice.candidates, 7, 0);
  return choice;
}

void add(engine::ChoicesOut& out, std::uint64_t outcomes,
         const std::vector<engine::ChoicesOut::Award>& awards) {
  std::string packed;
  scheduler::pack(choice_of(outcomes), packed);
  out.begin(packed);
  for (const auto& award : awards) out.add(award);
}

TEST(Choices, AwardsOfARunShareTheirTermsAndAttemptsAreToldApart) {
  Choices kept;
  engine::ChoicesOut out;
  add(out, 10, {{1, 1}, {2, 1}, {3, 4}});
  add(out, 20, {{4, 1}});
  add(out, 30, {{2, 2}});
  kept.add(out);
  EXPECT_EQ(kept.find(1, 1)->outcomes, 10u);
  EXPECT_EQ(kept.find(2, 1)->outcomes, 10u);
  EXPECT_EQ(kept.find(3, 4)->outcomes, 10u);
  EXPECT_EQ(kept.find(4, 1)->outcomes, 20u);
  EXPECT_EQ(kept.find(2, 2)->outcomes, 30u);
  EXPECT_EQ(kept.find(4, 1)->agents, (std::vector<std::string>{"reader", "writer"}));
  EXPECT_FALSE(kept.find(3, 1));
  EXPECT_FALSE(kept.find(9, 1));
}

TEST(Choices, TheOldestGoWhenThereIsNoRoomAndTheLatestStay) {
  constexpr std::size_t most = 64 << 10;
  Choices kept(most);
  constexpr std::uint64_t count = 5000;
  for (std::uint64_t i = 1; i <= count; ++i) {
    engine::ChoicesOut out;
    add(out, i, {{i, 1}});
    kept.add(out);
    ASSERT_LE(kept.bytes(), most);
    ASSERT_EQ(kept.find(i, 1)->outcomes, i);
  }
  EXPECT_FALSE(kept.find(1, 1));
  std::uint64_t known = 0;
  for (std::uint64_t i = 1; i <= count; ++i) known += kept.find(i, 1).has_value();
  EXPECT_GT(known, 300u);
  EXPECT_FALSE(kept.find(count - known, 1)) << "none between the oldest and the latest is missing";
}

TEST(Choices, TermsThatAreLargerThanABlockAreKeptToo) {
  Choices kept(64 << 10);
  engine::ChoicesOut out;
  auto choice = choice_of(5);
  choice.agents[0] = std::string(40'000, 'a');
  std::string packed;
  scheduler::pack(choice, packed);
  out.begin(packed);
  out.add({1, 1});
  kept.add(out);
  EXPECT_EQ(kept.find(1, 1)->agents[0].size(), 40'000u);
}

}  // namespace
}  // namespace hirehall::server
