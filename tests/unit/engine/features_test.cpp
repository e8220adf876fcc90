// Features of tasks: kept with them, weighed at their award, and one choice for tasks that are alike only.
#include "common/task_features.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

std::string size_of(const char* word) {
  return write_features({{"size", false, 0, word}});
}

TaskOptions sized(const char* word) {
  auto options = echo();
  options.features = size_of(word);
  return options;
}

// Both agents are as good on the whole: one fails at what is long, the other at what is short.
class FeaturesOfTasks : public testing::Test {
 protected:
  explicit FeaturesOfTasks(std::uint32_t slots = 1) {
    hall.learned = &prediction;
    hall.hire({"echo"}, slots, "quick");
    hall.hire({"echo"}, slots, "patient");
    const auto brief = scheduler::Features::of(size_of("short")),
               lengthy = scheduler::Features::of(size_of("long"));
    for (int i = 0; i < 200; ++i)
      for (const auto* f : {&brief, &lengthy}) {
        prediction.learn({"quick", "1", "echo", (f == &brief) == (i % 10 != 0), 50, {}, {}, f});
        prediction.learn({"patient", "1", "echo", (f == &lengthy) == (i % 10 != 0), 50, {}, {}, f});
      }
    QueueSettings settings;
    settings.policy = "learned";
    EXPECT_TRUE(hall.engine->set_queue("default", settings));
  }
  Hand& quick() { return hall.hands[0]; }
  Hand& patient() { return hall.hands[1]; }
  // Whether the quick one gets it; it is finished.
  bool quick_gets(TaskOptions options) {
    hall.submit("task", std::move(options));
    hall.turn();
    EXPECT_EQ(quick().awards.size() + patient().awards.size(), 1u);
    const bool won = !quick().awards.empty();
    auto& winner = won ? quick() : patient();
    const auto award = winner.awards.front();
    winner.awards.pop_front();
    hall.finish(winner, award, Outcome::succeeded);
    return won;
  }

  scheduler::Prediction prediction;
  Hall hall;
};

class ManyFeatures : public FeaturesOfTasks {
 protected:
  ManyFeatures() : FeaturesOfTasks(8) {}
};

TEST_F(FeaturesOfTasks, TheyDecideWhereATaskGoes) {
  int brief = 0, lengthy = 0, plain = 0;
  for (int i = 0; i < 40; ++i) {
    brief += quick_gets(sized("short"));
    lengthy += quick_gets(sized("long"));
    plain += quick_gets(echo());
  }
  EXPECT_GT(brief, 36);
  EXPECT_LT(lengthy, 4);
  EXPECT_GT(plain, 4) << "without features there is nothing to tell them apart";
  EXPECT_LT(plain, 36);
}

TEST_F(FeaturesOfTasks, TheChoiceTellsThemAndWhatTheyChanged) {
  quick_gets(sized("long"));
  const auto choice = scheduler::unpack_choice(hall.choices.back().packed);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->features, size_of("long"));
  ASSERT_EQ(choice->bare.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const double change = choice->candidates[i].log_odds - choice->bare[i].log_odds;
    if (choice->agents[i] == "quick")
      EXPECT_LT(change, -1);
    else
      EXPECT_GT(change, 1);
  }
  quick_gets(echo());
  const auto plain = scheduler::unpack_choice(hall.choices.back().packed);
  EXPECT_TRUE(plain->features.empty());
  EXPECT_TRUE(plain->bare.empty());
}

// All are in one line and short: without features one choice would do for all of them.
TEST_F(ManyFeatures, OneChoiceCoversWhatIsAlikeOnly) {
  const char* words[] = {"long", "long", "short", "short", "", "short", "long"};
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 7; ++i) {
    const auto name = "task " + std::to_string(i);
    hall.submit(name, *words[i] == 0 ? echo() : sized(words[i]));
    expected[name] = *words[i] == 0 ? std::string() : size_of(words[i]);
  }
  hall.turn();
  ASSERT_EQ(hall.choices.size(), 7u);
  std::map<std::uint64_t, std::string> told;
  for (const auto& choice : hall.choices)
    told[choice.sequence] = scheduler::unpack_choice(choice.packed)->features;
  for (auto& hand : hall.hands)
    for (const auto& award : hand.awards) {
      const auto* lease = hall.engine->ledger().lease_by_token(award.token);
      EXPECT_EQ(told[lease->sequence], expected[hall.name(award)]) << hall.name(award);
      EXPECT_EQ(lease->options->options.features, expected[hall.name(award)]);
    }
}

TEST_F(FeaturesOfTasks, TheyOutliveARestart) {
  hall.submit("task", sized("long"));
  for (auto& hand : hall.hands) hand.awards.clear();
  hall.turn();
  hall.restart();
  for (auto& hand : hall.hands) hall.come_back(hand, {});
  const auto before = hall.choices.size();
  hall.turn();
  for (std::size_t i = before; i < hall.choices.size(); ++i)
    EXPECT_EQ(scheduler::unpack_choice(hall.choices[i].packed)->features, size_of("long"));
  int brief = 0;
  for (auto& hand : hall.hands)
    while (!hand.awards.empty()) {
      const auto award = hand.awards.front();
      hand.awards.pop_front();
      hall.finish(hand, award, Outcome::succeeded);
    }
  for (int i = 0; i < 20; ++i) brief += quick_gets(sized("short"));
  EXPECT_GT(brief, 17);
}

TEST_F(FeaturesOfTasks, AnItemsOwnStandForThoseOfItsTemplate) {
  const auto chunk = ChunkRef::make();
  chunk->templates.push_back(make_template(sized("long")));
  const auto own = encode_difference(sized("short"), sized("long"));
  EXPECT_EQ(chunk->features_of({.flags = body_own, .own = own, .payload = {}}), size_of("short"));
  EXPECT_EQ(chunk->features_of({.own = {}, .payload = {}}), size_of("long"));
  auto keyed = sized("long");
  keyed.affinity_key = "k";
  const auto other = encode_difference(keyed, sized("long"));
  EXPECT_EQ(chunk->features_of({.flags = body_own, .own = other, .payload = {}}), size_of("long"));
  EXPECT_FALSE(chunk->templates[0]->plain);
}

}  // namespace
}  // namespace hirehall::engine
