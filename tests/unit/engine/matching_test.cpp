// Queues whose long tasks are matched with the others of their turn.
#include "scheduler/queue_policy.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions of_type(const std::string& type, const std::string& tenant = {}) {
  TaskOptions options;
  options.type = type;
  if (!tenant.empty()) options.tenant = tenant;
  return options;
}

// One worker can write and draw, the other one only write. Both take ten seconds for it.
class Matching : public testing::Test {
 protected:
  explicit Matching(const char* policy = "learned match_from_ms=1000") {
    hall.learned = &prediction;
    for (int i = 0; i < 100; ++i) {
      for (const auto* type : {"draw", "write"}) prediction.learn({"artist", "1", type, i % 50 != 0, 10'000});
      prediction.learn({"clerk", "1", "write", i % 10 != 0, 10'000});
    }
    set_policy(policy);
    hall.hire({"draw", "write"}, 1, "artist");
    hall.hire({"write"}, 1, "clerk");
  }
  void set_policy(std::string_view policy) {
    QueueSettings settings;
    settings.policy = policy;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }
  Hand& artist() { return hall.hands[0]; }
  Hand& clerk() { return hall.hands[1]; }
  const MatchingCounts& counts() { return hall.engine->counts().matching; }
  scheduler::Choice choice_of(Sequence sequence) {
    for (const auto& chosen : hall.choices)
      if (chosen.sequence == sequence)
        if (const auto choice = scheduler::unpack_choice(chosen.packed)) return *choice;
    ADD_FAILURE() << "no choice for " << sequence;
    return {};
  }

  scheduler::Prediction prediction;
  Hall hall;
};

TEST_F(Matching, WhoCanDoMoreIsLeftToTheTaskThatNeedsIt) {
  for (int i = 0; i < 10; ++i) {
    const auto letter = hall.submit("letter", of_type("write"));
    const auto picture = hall.submit("picture", of_type("draw"));
    hall.turn();
    EXPECT_EQ(hall.award(clerk()).sequence, letter) << "the artist is better at it, and needed elsewhere";
    EXPECT_EQ(hall.award(artist()).sequence, picture);
    const auto choice = choice_of(letter);
    ASSERT_EQ(choice.matched.with, clerk().number);
    EXPECT_EQ(choice.matched.round.tasks, 2u);
    EXPECT_EQ(choice.matched.round.places, 2u);
    EXPECT_EQ(choice.matched.round.one_by_one_tasks, 1u);
    for (auto* hand : {&artist(), &clerk()}) {
      const auto award = hand->awards.front();
      hand->awards.pop_front();
      hall.finish(*hand, award, Outcome::succeeded);
    }
    hall.turn();
  }
  EXPECT_EQ(counts().rounds, 10u);
  EXPECT_EQ(counts().as_matched, 20u);
  EXPECT_EQ(counts().placed_more, 10u);
}

TEST_F(Matching, OneByOneTheTaskThatNeedsItWaits) {
  set_policy("learned");
  int waited = 0;
  for (int i = 0; i < 10; ++i) {
    hall.submit("letter", of_type("write"));
    const auto picture = hall.submit("picture", of_type("draw"));
    hall.turn();
    waited += hall.state(picture) == State::ready;
    for (auto* hand : {&artist(), &clerk(), &artist()})
      while (!hand->awards.empty()) {
        const auto award = hand->awards.front();
        hand->awards.pop_front();
        hall.finish(*hand, award, Outcome::succeeded);
        hall.turn();
      }
  }
  EXPECT_GT(waited, 5) << "else the test above shows nothing";
  EXPECT_EQ(counts().rounds, 0u);
}

TEST_F(Matching, TheKeptTermsGiveTheSameWinnerWithTheirPrices) {
  const auto letter = hall.submit("letter", of_type("write"));
  hall.submit("picture", of_type("draw"));
  hall.turn();
  const auto choice = choice_of(letter);
  ASSERT_EQ(choice.candidates.size(), 2u);
  const auto& won = choice.award.terms[choice.award.winner];
  EXPECT_EQ(won.worker, clerk().number);
  EXPECT_EQ(won.slot_price, -1) << "its place was matched with it";
  EXPECT_GT(choice.award.terms[choice.award.runner_up].slot_price, 0);
  EXPECT_EQ(scheduler::pack(choice), [&] {
    for (const auto& chosen : hall.choices)
      if (chosen.sequence == letter) return chosen.packed;
    return std::string();
  }());
}

TEST_F(Matching, ShortTasksAndOneTaskAloneAreAwardedAsEver) {
  set_policy("learned match_from_ms=60000");
  hall.submit("letter", of_type("write"));
  hall.submit("picture", of_type("draw"));
  hall.turn();
  EXPECT_EQ(counts().rounds, 0u);
}

TEST_F(Matching, OneTaskAloneMakesNoRound) {
  const auto letter = hall.submit("letter", of_type("write"));
  hall.turn();
  EXPECT_EQ(counts().rounds, 0u);
  EXPECT_EQ(choice_of(letter).matched.with, scheduler::none);
}

// The round says who, never whose turn it is: with two places for three of them the last one waits.
TEST_F(Matching, NobodyLosesItsTurn) {
  const auto first = hall.submit("first", of_type("write", "acme"));
  const auto second = hall.submit("second", of_type("write", "zenith"));
  const auto third = hall.submit("third", of_type("draw", "third"));
  hall.turn();
  EXPECT_EQ(counts().rounds, 1u);
  EXPECT_EQ(counts().tasks, 2u);
  EXPECT_EQ(hall.state(first), State::leased);
  EXPECT_EQ(hall.state(second), State::leased);
  EXPECT_EQ(hall.state(third), State::ready);
}

class MatchingInAuctions : public Matching {
 protected:
  MatchingInAuctions() : Matching("auction match_from_ms=1000 settlement=second_price") {}
};

TEST_F(MatchingInAuctions, TheRoundHoldsForBidsAsWell) {
  const auto letter = hall.submit("letter", of_type("write"));
  const auto picture = hall.submit("picture", of_type("draw"));
  hall.turn();
  EXPECT_EQ(hall.award(clerk()).sequence, letter);
  EXPECT_EQ(hall.award(artist()).sequence, picture);
}

class MatchingOfBids : public testing::Test {
 protected:
  // An agent that asks `base`, and `slope` more for each task that it holds for its slots.
  std::uint32_t hire(const std::string& name, std::vector<std::string> types, std::uint32_t slots,
                     double base, double slope) {
    Registration registration;
    registration.name = name;
    registration.token = "token of " + name;
    registration.spec.slots = slots;
    registration.credit = slots;
    auto& agent = registration.spec.agents.emplace_back();
    agent.name = name;
    agent.version = "1";
    agent.types = std::move(types);
    agent.price = std::make_shared<const scheduler::PriceFunction>(
        *scheduler::PriceFunction::from({.base = base, .load_slope = slope}));
    const auto done = hall.engine->register_worker(registration);
    EXPECT_TRUE(done);
    return done ? done->worker : 0;
  }
  std::uint32_t holder(Sequence sequence) {
    for (const auto& lease : hall.engine->ledger().leases)
      if (lease.token != 0 && lease.sequence == sequence) return lease.worker;
    return 0;
  }
  void start() {
    QueueSettings settings;
    settings.policy = "auction match_from_ms=1";
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }

  Hall hall;
};

// Its second place costs more than the first, and the artist's would cost less.
TEST_F(MatchingOfBids, ABidThatRisesWithTheLoadOfTheTurnDoesNotUndoTheRound) {
  start();
  const auto artist = hire("artist", {"draw", "write"}, 1, 0.1, 0);
  const auto clerk = hire("clerk", {"write"}, 2, 0.1, 0.2);
  for (int i = 0; i < 2; ++i) hall.submit("letter", of_type("write"));
  const auto picture = hall.submit("picture", of_type("draw"));
  hall.turn();
  EXPECT_EQ(holder(picture), artist);
  EXPECT_EQ(hall.engine->ledger().workers.at(clerk).held, 2u);
}

TEST_F(MatchingOfBids, NobodyIsPaidMoreThanItAskedNorMoreThanASuccessIsWorth) {
  start();
  hire("artist", {"draw", "write"}, 1, 0.2, 0);
  hire("clerk", {"write"}, 1, 0.4, 0);
  const auto dear = hire("dear", {"write"}, 1, 5, 0);
  for (int i = 0; i < 3; ++i) hall.submit("letter", of_type("write"));
  hall.turn();
  EXPECT_EQ(hall.engine->counts().matching.tasks, 2u) << "the dear one has no part in it";
  EXPECT_EQ(hall.engine->ledger().workers.at(dear).held, 1u) << "it is given what nobody else can take";
  std::size_t matched = 0;
  for (const auto& chosen : hall.choices) {
    const auto choice = scheduler::unpack_choice(chosen.packed);
    ASSERT_TRUE(choice);
    if (choice->matched.with == scheduler::none) continue;
    ++matched;
    EXPECT_EQ(choice->award.paid, choice->award.first_price);
    EXPECT_LE(choice->award.paid, 400'000);
  }
  EXPECT_EQ(matched, 2u);
}

// Many of a kind: each has its own draw and its own place, and nobody is given more than it has slots.
TEST_F(Matching, ManyTasksFillEveryPlaceOnce) {
  for (int i = 0; i < 6; ++i) hall.hire({"write"}, 2, i % 2 == 0 ? "clerk" : "typist");
  for (int i = 0; i < 40; ++i) hall.submit("letter", of_type("write", i % 3 == 0 ? "acme" : "zenith"));
  hall.turn();
  std::size_t awarded = 0;
  for (auto& hand : hall.hands) {
    EXPECT_EQ(hand.awards.size(), hand.credit);
    awarded += hand.awards.size();
  }
  EXPECT_EQ(awarded, 14u);
  EXPECT_EQ(counts().rounds, 1u);
  EXPECT_EQ(counts().tasks, 14u);
  EXPECT_EQ(counts().as_matched, 14u);
}

}  // namespace
}  // namespace hirehall::engine
