// The award policy of a queue: who gets its tasks, changed while it runs, told and kept.
#include "scheduler/queue_policy.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

void set_policy(Hall& hall, std::string_view policy, std::string_view queue = "default") {
  QueueSettings settings;
  settings.policy = policy;
  ASSERT_TRUE(hall.engine->set_queue(queue, settings));
}

TaskOptions keyed(const std::string& key) {
  auto options = echo();
  options.affinity_key = key;
  return options;
}

// Both hands idle; the number of the one that gets the next task, which it finishes.
std::uint32_t next_winner(Hall& hall, Hand& one, Hand& other, TaskOptions options = echo()) {
  hall.submit("task", std::move(options));
  hall.turn();
  EXPECT_EQ(one.awards.size() + other.awards.size(), 1u);
  auto& winner = one.awards.empty() ? other : one;
  const auto award = winner.awards.front();
  winner.awards.pop_front();
  hall.finish(winner, award, Outcome::succeeded);
  return winner.number;
}

class Policies : public testing::Test {
 protected:
  Policies() {
    hall.learned = &prediction;
    hall.hire({"echo"}, 1, "bad");
    hall.hire({"echo"}, 1, "good");
    for (int i = 0; i < 200; ++i) {
      prediction.learn({"bad", "1", "echo", i % 10 == 0, 50});
      prediction.learn({"good", "1", "echo", i % 10 != 0, 50});
    }
  }
  Hand& bad() { return hall.hands[0]; }
  Hand& good() { return hall.hands[1]; }
  int good_of(int count) {
    int won = 0;
    for (int i = 0; i < count; ++i) won += next_winner(hall, bad(), good()) == good().number;
    return won;
  }

  scheduler::Prediction prediction;
  Hall hall;
};

TEST_F(Policies, LeastLoadedKnowsNothingOfAgentsAndLearnedDoesFromTheNextAwardOn) {
  EXPECT_EQ(good_of(20), 0) << "of equals the lesser number";
  EXPECT_TRUE(hall.choices.empty());
  set_policy(hall, "learned");
  EXPECT_GT(good_of(50), 45);
  EXPECT_EQ(hall.choices.size(), 50u);
  set_policy(hall, "least_loaded");
  EXPECT_EQ(good_of(20), 0);
  EXPECT_EQ(hall.choices.size(), 50u);
}

TEST_F(Policies, OnlyTheQueueThatHasThePolicyUsesIt) {
  set_policy(hall, "learned", "clever");
  EXPECT_EQ(good_of(10), 0);
  auto options = echo();
  options.queue = "clever";
  int won = 0;
  for (int i = 0; i < 20; ++i) won += next_winner(hall, bad(), good(), options) == good().number;
  EXPECT_GT(won, 17);
}

TEST_F(Policies, APolicyOutlivesARestart) {
  set_policy(hall, "learned+least_loaded");
  hall.turn();
  for (const bool from_snapshot : {true, false}) {
    hall.turn();  // ends that are not durable would come back
    hall.restart(from_snapshot);
    for (auto& hand : hall.hands) hall.come_back(hand, {});
    EXPECT_GT(good_of(20), 17);
  }
}

TEST_F(Policies, StickyFollowsItsKeysOverRestarts) {
  set_policy(hall, "sticky");
  std::map<std::string, std::uint32_t> home;
  for (int i = 0; i < 20; ++i) {
    const auto key = "key " + std::to_string(i);
    home[key] = next_winner(hall, bad(), good(), keyed(key));
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& [key, worker] : home) EXPECT_EQ(next_winner(hall, bad(), good(), keyed(key)), worker);
    hall.turn();
    hall.restart();
    for (auto& hand : hall.hands) hall.come_back(hand, {});
  }
}

TEST_F(Policies, StickyReadsTheKeyOfATaskOfItsOwnAndGoesElsewhereWhenItsWorkerIsBusy) {
  set_policy(hall, "sticky");
  const auto home = next_winner(hall, bad(), good(), keyed("key"));
  hall.submit("first", keyed("key"));
  hall.submit("second", keyed("key"));
  hall.turn();
  EXPECT_EQ(bad().awards.size(), 1u);
  EXPECT_EQ(good().awards.size(), 1u);
  const auto& at_home = home == bad().number ? bad() : good();
  EXPECT_EQ(hall.name(at_home.awards.front()), "first");
}

TEST_F(Policies, AShadowChangesNothingAndCountsWhatItWouldHaveDone) {
  set_policy(hall, "least_loaded+learned");
  EXPECT_EQ(good_of(30), 0);
  EXPECT_TRUE(hall.choices.empty());
  EXPECT_GT(hall.engine->counts().shadow_differed, 25u);
  EXPECT_EQ(hall.engine->counts().shadow_agreed + hall.engine->counts().shadow_differed, 30u);
  set_policy(hall, "learned+learned");
  const auto differed = hall.engine->counts().shadow_differed;
  good_of(10);
  EXPECT_EQ(hall.engine->counts().shadow_differed, differed) << "the same seed, the same choice";
}

TEST_F(Policies, EachChoiceIsToldWithItsAttemptAndNamesTheWorkerThatGotIt) {
  set_policy(hall, "learned");
  for (int i = 0; i < 30; ++i) {
    const auto sequence = hall.submit("task", echo());
    hall.turn();
    auto& winner = bad().awards.empty() ? good() : bad();
    const auto award = winner.awards.front();
    winner.awards.pop_front();
    ASSERT_EQ(hall.choices.back().sequence, sequence);
    ASSERT_EQ(hall.choices.back().attempt, 1u);
    const auto choice = scheduler::unpack_choice(hall.choices.back().packed);
    ASSERT_TRUE(choice);
    ASSERT_EQ(choice->award.terms[scheduler::winner_of(choice->award.terms)].worker, winner.number);
    ASSERT_EQ(choice->outcomes, prediction.outcomes());
    const auto* lease = hall.engine->ledger().lease_by_token(award.token);
    ASSERT_TRUE(lease->reasons.chosen);
    ASSERT_EQ(lease->reasons.policy, static_cast<std::uint8_t>(scheduler::Policy::learned));
    ASSERT_EQ(lease->reasons.candidates, 2u);
    hall.finish(winner, award, Outcome::succeeded);
  }
}

TEST_F(Policies, TermsLieBesideTheirTasksAttemptByAttempt) {
  set_policy(hall, "learned");
  auto options = echo();
  options.retry.max_attempts = 3;
  const auto sequence = hall.submit("task", options);
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    while (bad().awards.empty() && good().awards.empty()) hall.pass(1000);
    auto& winner = bad().awards.empty() ? good() : bad();
    ASSERT_EQ(hall.kept.at(Shelving::records, choice_key(sequence, attempt)), hall.choices.back().packed);
    hall.finish(winner, hall.award(winner), Outcome::failed);
  }
  const auto key = choice_key(sequence, 3);
  EXPECT_EQ(number_of_record(key), sequence);
  EXPECT_EQ(attempt_of_choice(key), 3u);
  EXPECT_NE(task_record_tags.find(key[0]), std::string_view::npos) << "they go with their task";
}

TEST_F(Policies, TasksOfOneRunHaveTheirTermsOnceBesideTheFirst) {
  Hall wide;
  wide.learned = &prediction;
  wide.hire({"echo"}, 8, "one");
  wide.hire({"echo"}, 8, "two");
  set_policy(wide, "learned");
  for (int i = 0; i < 4; ++i) wide.submit("task " + std::to_string(i), echo());
  wide.turn();
  ASSERT_EQ(wide.choices.size(), 4u);
  std::size_t records = 0;
  AwardOf first;
  for (const auto& choice : wide.choices) {
    const AwardOf award{choice.sequence, choice.attempt};
    if (wide.kept.at(Shelving::records, choice_key(award.sequence, award.attempt))) first = award, ++records;
    const auto value = wide.kept.at(Shelving::records, choice_key(first.sequence, first.attempt));
    EXPECT_EQ(terms_of(*value, first, award), choice.packed);
  }
  EXPECT_LT(records, 4u) << "short tasks go in runs";
}

TEST(Terms, OfManyAreOfThoseAwardsOnlyAndDamageIsOfNone) {
  const std::vector<AwardOf> awards{{100, 1}, {101, 3}, {1100, 1}};
  const auto many = pack_terms("terms", awards);
  for (const auto& award : awards) EXPECT_EQ(terms_of(many, awards[0], award), "terms");
  EXPECT_FALSE(terms_of(many, awards[0], {101, 1}));
  EXPECT_FALSE(terms_of(many, awards[0], {102, 1}));
  const auto one = pack_terms("terms", std::span(awards).first(1));
  EXPECT_EQ(one, "terms");
  EXPECT_EQ(terms_of(one, awards[0], awards[0]), "terms");
  EXPECT_FALSE(terms_of(one, awards[0], awards[1]));
  for (std::size_t n = 1; n < many.size(); ++n)
    EXPECT_FALSE(terms_of(std::string_view(many).substr(0, n), awards[0], awards[2])) << n;
  EXPECT_FALSE(terms_of({}, awards[0], awards[1]));
}

TEST(Terms, SoManyOfThemAreKeptInASecondAndMoreInABurst) {
  KeptTerms kept;
  EXPECT_TRUE(kept.admit(5000, KeptTerms::burst_bytes));
  EXPECT_FALSE(kept.admit(5000, 1));
  EXPECT_TRUE(kept.admit(5500, KeptTerms::bytes_per_second / 2));
  EXPECT_FALSE(kept.admit(5500, 1000)) << "what did not fit takes no room";
  EXPECT_TRUE(kept.admit(6500, KeptTerms::bytes_per_second));
  EXPECT_FALSE(kept.admit(100'000, KeptTerms::burst_bytes + 1));
  EXPECT_TRUE(kept.admit(100'000, KeptTerms::burst_bytes)) << "as much as in the beginning, after a rest";
}

TEST_F(Policies, WithOneWorkerThereIsNothingToChooseAndRunsStayWhole) {
  Hall lone;
  lone.hire({"echo"}, 8, "only");
  set_policy(lone, "learned");
  for (int i = 0; i < 8; ++i) lone.submit("task " + std::to_string(i), echo());
  lone.turn();
  EXPECT_EQ(lone.hands[0].awards.size(), 8u);
  EXPECT_TRUE(lone.choices.empty());
  const auto* lease = lone.engine->ledger().lease_by_token(lone.hands[0].awards.front().token);
  EXPECT_FALSE(lease->reasons.chosen);
}

TEST(Reasons, PolicyAndChoiceAreStoredAndOldRecordsHaveNone) {
  for (const bool chosen : {false, true}) {
    Reasons reasons{7, 10'000, 3, 9, 2, chosen};
    std::string bytes;
    ArchiveOut out(bytes);
    reasons.archive(out);
    Reasons again;
    ArchiveIn in(bytes);
    again.archive(in);
    ASSERT_TRUE(in.finished());
    EXPECT_EQ(again.candidates, 10'000u);
    EXPECT_EQ(again.policy, 2);
    EXPECT_EQ(again.chosen, chosen);
  }
  Reasons plain{7, 5, 3, 9};
  std::string bytes;
  ArchiveOut out(bytes);
  plain.archive(out);
  EXPECT_EQ(bytes, std::string("\x07\x05\x03\x09"));
}

}  // namespace
}  // namespace hirehall::engine
