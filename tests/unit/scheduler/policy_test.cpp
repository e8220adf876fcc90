// Which candidate a policy awards a task to, and that its printed terms say so too (I21).
#include "scheduler/policy.h"

#include <array>
#include <limits>
#include <map>
#include <sstream>

#include "scheduler/chance.h"
#include "scheduler/prediction.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

Candidate worker(WorkerNo number, std::uint64_t load = 0) {
  Candidate out;
  out.worker = number;
  out.load = load;
  out.name_hash = Stream(number).next();
  return out;
}

Candidate skilled(WorkerNo number, double chance, double sd = 0.5) {
  auto out = worker(number);
  out.log_odds = log_odds(chance);
  out.log_odds_sd = sd;
  return out;
}

PolicySettings by(Policy policy) {
  PolicySettings out;
  out.policy = policy;
  return out;
}

WorkerNo winner(const Award& award) {
  return award.winner == none ? none : award.terms[award.winner].worker;
}

TEST(Policy, NamesAreReadAndUnknownOnesAreRefused) {
  for (const auto policy : {Policy::least_loaded, Policy::sticky, Policy::learned, Policy::auction})
    EXPECT_EQ(policy_from(name_of(policy)).value(), policy);
  EXPECT_EQ(policy_from("fastest").error().code, Code::invalid);
}

TEST(Policy, SettingsOutOfRangeAreRefusedByName) {
  PolicySettings bad;
  bad.value = -1;
  EXPECT_EQ(check(bad).error().context, "value");
  bad = {};
  bad.wait_price = std::numeric_limits<Micros>::max();
  EXPECT_EQ(check(bad).error().context, "wait_price");
  bad = {};
  bad.explore_percent = 201;
  EXPECT_EQ(check(bad).error().context, "explore_percent");
  EXPECT_TRUE(check(PolicySettings{}));
}

TEST(Policy, NobodyWinsAmongNobody) {
  for (const auto policy : {Policy::least_loaded, Policy::sticky, Policy::learned, Policy::auction})
    EXPECT_EQ(decide(by(policy), {}, 1).winner, none);
}

TEST(Policy, LeastLoadedTakesTheLeastLoadThenTheLeastNumber) {
  const auto award = decide(by(Policy::least_loaded), {worker(4, 9), worker(3, 5), worker(2, 5)}, 1);
  EXPECT_EQ(winner(award), 2u);
  EXPECT_EQ(award.terms[award.runner_up].worker, 3u);
}

TEST(Policy, APreferredLabelIsWorthAQuarterOfTheSlots) {
  auto near = worker(1, load_one / 5), far = worker(2, 0);
  near.preferred = 1;
  EXPECT_EQ(winner(decide(by(Policy::least_loaded), {near, far}, 1)), 1u);
  near.load = load_one / 2;
  EXPECT_EQ(winner(decide(by(Policy::least_loaded), {near, far}, 1)), 2u);
}

TEST(Policy, AKeySticksToItsWorkerAndMovesOnlyWhenThatOneIsFullOrGone) {
  std::vector<Candidate> fleet;
  for (WorkerNo i = 0; i < 20; ++i) fleet.push_back(worker(i));
  std::map<std::uint64_t, WorkerNo> home;
  std::map<WorkerNo, int> keys;
  for (std::uint64_t key = 0; key < 2000; ++key)
    ++keys[home[key] = winner(decide(by(Policy::sticky), fleet, key, Stream(key).next()))];
  for (const auto& [no, count] : keys) EXPECT_NEAR(count, 100, 50) << no;
  auto fewer = fleet;
  fewer.erase(fewer.begin() + 7);
  for (const auto& [key, at] : home) {
    const auto now = winner(decide(by(Policy::sticky), fewer, key + 99, Stream(key).next()));
    EXPECT_TRUE(now == at || at == 7);
  }
  fleet[home[5]].load = load_one;
  EXPECT_NE(winner(decide(by(Policy::sticky), fleet, 1, Stream(5).next())), home[5]);
}

TEST(Policy, LearnedPrefersSkillAndWeighsItsPrice) {
  auto good = skilled(1, 0.95, 0.01), poor = skilled(2, 0.40, 0.01);
  EXPECT_EQ(winner(decide(by(Policy::learned), {good, poor}, 3)), 1u);
  good.cost = micros_per_unit * 6 / 10;
  EXPECT_EQ(winner(decide(by(Policy::learned), {good, poor}, 3)), 2u);
}

TEST(Policy, AStarWithALongLineLosesToAFreeWorker) {
  auto settings = by(Policy::learned);
  settings.wait_price = micros_per_unit / 100;  // a second costs a hundredth of a success
  auto star = skilled(1, 0.95, 0.01), free = skilled(2, 0.80, 0.01);
  star.finish_ms = 5'000, free.finish_ms = 1'000;
  EXPECT_EQ(winner(decide(settings, {star, free}, 3)), 1u);
  star.finish_ms = 30'000;
  EXPECT_EQ(winner(decide(settings, {star, free}, 3)), 2u);
}

TEST(Policy, WhoIsLessWellKnownIsTriedSometimes) {
  const std::vector<Candidate> fleet{skilled(0, 0.7, 0.1), skilled(1, 0.6, 1.0)};
  int tried = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed)
    if (decide(by(Policy::learned), fleet, seed).winner == 1) ++tried;
  EXPECT_NEAR(tried / 4000.0, propensity(by(Policy::learned), fleet, 1), 0.03);
  auto greedy = by(Policy::learned);
  greedy.explore_percent = 0;
  EXPECT_EQ(decide(greedy, fleet, 5).winner, 0u);
  EXPECT_EQ(propensity(greedy, fleet, 0), 1);
}

TEST(Policy, PropensitiesAreTheFrequenciesOfChoices) {
  Stream chance(seed_of_run(71));
  auto settings = by(Policy::learned);
  settings.wait_price = 1000;
  std::vector<Candidate> fleet;
  for (WorkerNo i = 0; i < 6; ++i) {
    fleet.push_back(skilled(i, 0.3 + 0.6 * chance.uniform(), 0.2 + chance.uniform()));
    fleet.back().cost = static_cast<Micros>(chance.below(200'000));
    fleet.back().finish_ms = static_cast<std::int64_t>(chance.below(100'000));
  }
  std::array<double, 6> chosen{};
  constexpr int draws = 20000;
  for (int i = 0; i < draws; ++i) chosen[decide(settings, fleet, chance.next()).winner] += 1.0 / draws;
  double sum = 0;
  for (std::uint32_t i = 0; i < 6; ++i) {
    const double p = propensity(settings, fleet, i);
    EXPECT_NEAR(chosen[i], p, 0.015) << i;
    sum += p;
  }
  EXPECT_NEAR(sum, 1, 0.02);
}

TEST(Policy, AnAuctionRecordsBothPrices) {
  auto a = skilled(1, 0.9, 0), b = skilled(2, 0.9, 0);
  a.ask = 100'000, b.ask = 250'000;
  const auto award = decide(by(Policy::auction), {a, b}, 1);
  EXPECT_EQ(winner(award), 1u);
  EXPECT_EQ(award.first_price, 100'000);
  EXPECT_EQ(award.second_price, 250'000);  // equally good: it could have asked what the other one asked
  const auto alone = decide(by(Policy::auction), {a}, 1);
  EXPECT_EQ(alone.second_price, 900'000);  // all that it is worth
}

// An agent that asks for nothing and fails: the hall pays for successes, so it soon loses its share.
TEST(Policy, WhoUnderbidsAndFailsLosesItsShare) {
  Stream chance(seed_of_run(72));
  Prediction hall;
  const std::array<const char*, 2> names{"honest", "liar"};
  const std::array<double, 2> truth{0.9, 0.1};
  std::array<int, 2> early{}, late{};
  for (int i = 0; i < 400; ++i) {
    std::vector<Candidate> fleet;
    for (WorkerNo w = 0; w < 2; ++w) {
      const auto belief = hall.forecast(names[w], "t").success;
      fleet.push_back(worker(w));
      fleet.back().log_odds = belief.log_odds;
      fleet.back().log_odds_sd = belief.own_sd;
      fleet.back().ask = w == 0 ? 300'000 : 0;
    }
    const auto won = winner(decide(by(Policy::auction), fleet, chance.next()));
    ++(i < 40 ? early : late)[won];
    hall.learn({names[won], "1", "t", chance.uniform() < truth[won], 10});
  }
  EXPECT_GT(early[1], 0) << "its price wins at first";
  EXPECT_LT(late[1], 40) << "of 360";
}

TEST(Policy, AShadowSaysWhatItWouldHaveDone) {
  const std::vector<Candidate> fleet{skilled(0, 0.2, 0.01), skilled(1, 0.9, 0.01)};
  const auto real = decide(by(Policy::least_loaded), fleet, 1);
  EXPECT_FALSE(shadow(by(Policy::learned), fleet, 1, 0, real).agrees);
  EXPECT_TRUE(shadow(by(Policy::least_loaded), fleet, 1, 0, real).agrees);
}

// What `explain` printed, read again without any code of the policies.
std::int64_t winner_by_the_text(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::int64_t winner = -1, best = 0, least = 0;
  while (std::getline(lines, line)) {
    std::map<std::string, std::int64_t> t;
    std::istringstream words(line);
    for (std::string word; words >> word;)
      t[word.substr(0, word.find('='))] = std::stoll(word.substr(word.find('=') + 1));
    const auto score = t["value"] + t["preferred"] - t["cost"] - t["wait"] - t["slot_price"];
    EXPECT_EQ(score, t["score"]);
    const bool first = winner < 0 || score > best || (score == best && t["load"] < least) ||
                       (score == best && t["load"] == least && t["worker"] < winner);
    if (first) winner = t["worker"], best = score, least = t["load"];
  }
  return winner;
}

TEST(Explain, ThePrintedTermsGiveTheSameWinner) {
  Stream chance(seed_of_run(73));
  for (int i = 0; i < 4000; ++i) {
    auto settings = by(static_cast<Policy>(chance.below(4)));
    settings.value = static_cast<Micros>(chance.below(3'000'000));
    settings.wait_price = static_cast<Micros>(chance.below(2'000));
    std::vector<Candidate> fleet;
    for (WorkerNo w = 0; w < 1 + chance.below(12); ++w) {
      fleet.push_back(worker(w, chance.below(4) * load_one / 2));
      auto& c = fleet.back();
      c.log_odds = chance.normal(), c.log_odds_sd = chance.uniform();
      c.cost = static_cast<Micros>(chance.below(3) * 500'000), c.ask = static_cast<Micros>(chance.below(3));
      c.finish_ms = static_cast<std::int64_t>(chance.below(3) * 1000);
      c.preferred = static_cast<std::uint32_t>(chance.below(3));
    }
    const auto award = decide(settings, fleet, chance.next(), chance.next());
    ASSERT_EQ(winner_by_the_text(explain(award)), winner(award)) << explain(award);
    ASSERT_EQ(winner_of(award.terms), award.winner);
  }
}

TEST(Explain, EverySumFitsAtTheLimits) {
  PolicySettings most = by(Policy::auction);
  most.value = most.wait_price = most.preference = std::numeric_limits<Micros>::max();
  Candidate c = worker(1, std::numeric_limits<std::uint64_t>::max());
  c.ask = c.cost = std::numeric_limits<Micros>::max();
  c.finish_ms = std::numeric_limits<std::int64_t>::max();
  c.preferred = none;
  c.log_odds = 700;
  for (const auto policy : {Policy::least_loaded, Policy::sticky, Policy::learned, Policy::auction}) {
    most.policy = policy;
    const auto award = decide(most, {c, worker(2)}, 1);
    EXPECT_EQ(winner_by_the_text(explain(award)), winner(award));
  }
}

TEST(Prices, AFunctionOfTypeAndLoadUpToItsCap) {
  const auto price = PriceFunction::from({.base = 2, .load_slope = 1, .cap = 5, .types = {{"hard", 1.5}}});
  ASSERT_TRUE(price);
  EXPECT_EQ(price->ask("easy", 0), 2'000'000);
  EXPECT_EQ(price->ask("easy", load_one / 2), 2'500'000);
  EXPECT_EQ(price->ask("hard", 0), 3'000'000);
  EXPECT_EQ(price->ask("easy", 100 * load_one), 5'000'000);
  EXPECT_EQ(PriceFunction().ask("easy", load_one), 0);
}

TEST(Prices, WhatIsNoPriceIsRefusedByName) {
  const auto nan = std::numeric_limits<double>::quiet_NaN(), huge = 1e300, endless = HUGE_VAL;
  for (const double bad : {nan, huge, endless, -0.01}) {
    EXPECT_EQ(PriceFunction::from({.base = bad}).error().context, "base");
    EXPECT_EQ(PriceFunction::from({.load_slope = bad}).error().context, "load_slope");
    EXPECT_EQ(PriceFunction::from({.cap = bad}).error().context, "cap");
    EXPECT_EQ(PriceFunction::from({.types = {{"t", bad}}}).error().context, "multiplier for t");
  }
  PriceTerms many;
  for (std::size_t i = 0; i <= price_types_max; ++i) many.types["t" + std::to_string(i)] = 1;
  EXPECT_EQ(PriceFunction::from(many).error().code, Code::invalid);
}

TEST(Prices, TheLargestFunctionDoesNotOverflow) {
  const auto price = PriceFunction::from({.base = price_units_max,
                                          .load_slope = price_units_max,
                                          .cap = price_units_max,
                                          .types = {{"t", 1000}}});
  ASSERT_TRUE(price);
  EXPECT_EQ(price->ask("t", std::numeric_limits<std::uint64_t>::max()), 1'000'000'000'000);
}

}  // namespace
}  // namespace hirehall::scheduler
