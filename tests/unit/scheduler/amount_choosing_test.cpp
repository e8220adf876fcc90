// Awards by what the features of a task say of its time and cost: the chooser over the real dispatcher.
#include <cmath>

#include "common/task_features.h"
#include "scheduler/chance.h"
#include "scheduler/chooser.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Features tokens(double count) {
  return Features::of(write_features({{"tokens", true, count, {}}}));
}

// One agent asks by the token, in time and cost, the other the same for all tasks. Both succeed.
class ByTokens : public Hall {
 protected:
  ByTokens() : stream(seed_of_run(71)) {
    open_lanes({1});
    settings.explore_percent = 0;
    hire(0, "metered");
    hire(1, "flat");
    for (int i = 0; i < 200; ++i) {
      const double count = std::round(std::exp(7 + 1.3 * stream.normal()));
      const auto f = tokens(count);
      prediction.learn({"metered", "1", "echo", true, 10 * count, 1e-5 * count, {}, &f});
      prediction.learn({"flat", "1", "echo", true, 10'000, 0.01, {}, &f});
    }
  }
  void hire(WorkerNo number, const std::string& agent, std::uint32_t slots = 1, std::uint32_t credit = 4) {
    WorkerSpec spec = worker_doing({"echo"}, slots);
    spec.name_hash = hash_of("worker " + std::to_string(number));
    spec.agents[0].name = agent;
    spec.agents[0].bids = true;
    hall.connect(number, spec, credit);
  }
  Pick choose(const Features* features) {
    chooser.begin_turn(&prediction);
    auto pick = *hall.next();
    EXPECT_EQ(chooser.choose(hall, settings, {0, "echo", {}, {}, features}, stream.next(), pick),
              Chose::winner);
    return pick;
  }
  std::size_t index_of(const std::string& agent) const { return chooser.choice().agents[0] == agent ? 0 : 1; }

  Stream stream;
  Chooser chooser;
  Prediction prediction;
  PolicySettings settings = settings_of(Policy::learned);
};

TEST_F(ByTokens, ShortOnesGoToWhoAsksByTheTokenAndLongOnesToTheOther) {
  settings.wait_price = micros_per_unit;
  const auto brief = tokens(100), lengthy = tokens(20'000);
  EXPECT_EQ(choose(&brief).worker, 0u);
  EXPECT_EQ(choose(&lengthy).worker, 1u);
  settings.wait_price = 0;
  settings.value = micros_per_unit / 10;  // by cost alone
  EXPECT_EQ(choose(&brief).worker, 0u);
  EXPECT_EQ(choose(&lengthy).worker, 1u);
}

// What the award rests on stands in its terms: it can be worked out again from them.
TEST_F(ByTokens, TheTermsTellTheRunAndTheCostWithAndWithout) {
  const auto lengthy = tokens(20'000);
  choose(&lengthy);
  const auto kept = unpack_choice(pack(chooser.choice()));
  ASSERT_TRUE(kept);
  const auto i = index_of("metered");
  const auto bare = prediction.forecast("metered", "echo");
  const auto with = prediction.forecast("metered", "echo", &lengthy);
  ASSERT_EQ(kept->bare.size(), 2u);
  EXPECT_EQ(kept->bare[i].run_ms, std::llround(bare.duration.p50_ms));
  EXPECT_NEAR(static_cast<double>(kept->bare[i].run_ms_with), with.duration.p50_ms, 1);
  EXPECT_EQ(kept->candidates[i].finish_ms, kept->bare[i].run_ms_with) << "a free slot: it begins at once";
  EXPECT_NEAR(static_cast<double>(kept->candidates[i].cost), with.cost * 1e6, 1);
  EXPECT_NEAR(static_cast<double>(kept->bare[i].cost), bare.cost * 1e6, 1);
  EXPECT_GT(kept->bare[i].run_ms_with, 5 * kept->bare[i].run_ms);
  EXPECT_EQ(kept->award.terms[i].cost, kept->candidates[i].cost);
  EXPECT_EQ(kept->award.winner, chooser.choice().award.winner);
  choose(nullptr);
  EXPECT_TRUE(chooser.choice().bare.empty());
  EXPECT_EQ(chooser.choice().candidates[index_of("metered")].finish_ms, std::llround(bare.duration.p50_ms));
}

// What goes before it takes what such tasks take on the whole.
TEST_F(ByTokens, TheWaitIsOfOthersTheRunIsItsOwn) {
  auto first = *hall.next();
  first.worker = 0;
  hall.take(first, 1, 1);
  const auto lengthy = tokens(20'000);
  chooser.begin_turn(&prediction);
  auto pick = *hall.next();
  ASSERT_EQ(chooser.choose(hall, settings, {0, "echo", {}, {}, &lengthy}, 1, pick), Chose::winner);
  const auto& choice = chooser.choice();
  const auto i = index_of("metered");
  EXPECT_EQ(choice.candidates[i].finish_ms, choice.bare[i].run_ms_with + choice.bare[i].run_ms);
}

TEST_F(ByTokens, TermsOfABuildOfBeforeAreRead) {
  const auto lengthy = tokens(20'000);
  choose(&lengthy);
  auto old = pack(chooser.choice());
  std::string added;
  Packer p(added);
  p.u8(3);  // the part
  for (const auto& bare : chooser.choice().bare)
    p.sint(bare.run_ms), p.sint(bare.cost), p.sint(bare.run_ms_with);
  ASSERT_TRUE(old.ends_with(added));
  old.resize(old.size() - added.size());
  const auto read = unpack_choice(old);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->bare.size(), 2u);
  EXPECT_EQ(read->bare[0].run_ms, 0) << "not on record";
  EXPECT_EQ(read->award.winner, chooser.choice().award.winner);
}

// A task is worth a round of live bids when it takes long, whatever the others of its type take.
TEST_F(ByTokens, LiveBidsAreForTasksThatTakeLong) {
  settings = settings_of(Policy::auction);
  std::vector<Bidder> bidders;
  const auto invited = [&](const Features* features) {
    chooser.begin_turn(&prediction);
    return chooser.invite(hall, settings, {0, "echo", {}, {}, features}, 1, *hall.next(), 100'000, bidders);
  };
  const auto brief = tokens(100), lengthy = tokens(100'000);
  EXPECT_FALSE(invited(nullptr));
  EXPECT_FALSE(invited(&brief));
  EXPECT_TRUE(invited(&lengthy));
}

}  // namespace
}  // namespace hirehall::scheduler
