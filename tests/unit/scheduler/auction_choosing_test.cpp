// Auctions by the chooser over the real dispatcher: bids of price functions, the reserve, what is paid.
#include <cmath>
#include <set>

#include "common/task_features.h"
#include "scheduler/chance.h"
#include "scheduler/chooser.h"
#include "scheduler/prices.h"
#include "scheduler/queue_policy.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

class Auctions : public Hall {
 protected:
  Auctions() : stream(seed_of_run(20261121)) {
    open_lanes({1});
    settings.explore_percent = 0;
  }

  void hire(WorkerNo number, const std::string& agent, const PriceTerms& terms, std::uint32_t slots = 1,
            std::uint32_t credit = 0) {
    WorkerSpec spec = worker_doing({"echo"}, slots);
    spec.name_hash = hash_of("worker " + std::to_string(number));
    spec.agents[0].name = agent;
    const auto price = PriceFunction::from(terms);
    ASSERT_TRUE(price);
    spec.agents[0].price = std::make_shared<const PriceFunction>(*price);
    hall.connect(number, spec, credit == 0 ? slots : credit);
  }
  void teach(const std::string& agent, int successes, int failures, double took_ms = 5000) {
    while (successes-- > 0) prediction.learn({agent, "1", "echo", true, took_ms});
    while (failures-- > 0) prediction.learn({agent, "1", "echo", false, took_ms});
  }
  Pick bid() {
    chooser.begin_turn(&prediction);
    auto pick = *hall.next();
    chose = chooser.choose(hall, settings, {0, "echo", {}, {}}, stream.next(), pick);
    return pick;
  }
  const Award& award() const { return chooser.choice().award; }

  Stream stream;
  Chooser chooser;
  Prediction prediction;
  PolicySettings settings = settings_of(Policy::auction);
  Chose chose = Chose::nothing;
};

TEST_F(Auctions, OfEqualAgentsTheCheapestWinsAndIsPaidTheSecondPrice) {
  hire(0, "dear", {.base = 0.5});
  hire(1, "cheap", {.base = 0.1});
  hire(2, "middling", {.base = 0.3});
  EXPECT_EQ(bid().worker, 1u);
  ASSERT_EQ(chose, Chose::winner);
  EXPECT_EQ(award().first_price, 100'000);
  EXPECT_EQ(award().second_price, 300'000);
  EXPECT_EQ(award().paid, 300'000);
  settings.settlement = Settlement::first_price;
  EXPECT_EQ(bid().worker, 1u);
  EXPECT_EQ(award().paid, 100'000);
}

TEST_F(Auctions, ALoneBidderIsHeardAndTheReserveBoundsWhatItIsPaid) {
  hire(0, "only", {.base = 0.1});
  bid();
  ASSERT_EQ(chose, Chose::winner) << "there is a price to settle";
  EXPECT_GT(award().second_price, 100'000);
  settings.reserve = 150'000;
  bid();
  EXPECT_EQ(award().second_price, 150'000);
}

TEST_F(Auctions, WhoAsksMoreThanTheReserveTakesNoPartAndWithNobodyLeftItIsUnsold) {
  hire(0, "good", {.base = 0.4});
  hire(1, "poor", {.base = 0.2});
  teach("good", 200, 0);
  teach("poor", 40, 160);
  EXPECT_EQ(bid().worker, 0u) << "it is worth its price";
  settings.reserve = 300'000;
  EXPECT_EQ(bid().worker, 1u);
  EXPECT_EQ(chooser.choice().over_reserve, 1u);
  settings.reserve = 100'000;
  bid();
  EXPECT_EQ(chose, Chose::unsold);
  EXPECT_EQ(chooser.choice().over_reserve, 2u);
  EXPECT_EQ(chooser.lowest(), 200'000);
  EXPECT_EQ(chooser.lowest_agent(), "poor");
}

TEST_F(Auctions, ABidRisesWithTheLoadByTypeAndUpToItsCap) {
  hire(0, "busy", {.base = 0.1, .load_slope = 0.4, .cap = 0.35, .types = {{"echo", 2.0}}}, 4, 8);
  hall.set_held(0, 1);
  bid();
  const auto& quote = chooser.choice().quotes.at(0);
  EXPECT_EQ(quote.base, 100'000);
  EXPECT_EQ(quote.load_slope, 400'000);
  EXPECT_EQ(quote.multiplier, 2000);
  EXPECT_EQ(quote.ask, 350'000) << "(0.1 + 0.4 · 1/4) · 2, and no more than 0.35";
}

TEST_F(Auctions, OneAgentOnTwoWorkersBidsWhereItIsCheapestAndOnce) {
  hire(0, "same", {.base = 0.5});
  hire(1, "same", {.base = 0.2});
  hire(2, "other", {.base = 0.3});
  EXPECT_EQ(bid().worker, 1u);
  EXPECT_EQ(chooser.choice().candidates.size(), 2u);
}

TEST_F(Auctions, AnAgentWithoutAPriceWorksForNothing) {
  hire(0, "priced", {.base = 0.2});
  WorkerSpec spec = worker_doing({"echo"});
  spec.agents[0].name = "free";
  hall.connect(1, spec, 1);
  EXPECT_EQ(bid().worker, 1u);
  EXPECT_EQ(award().first_price, 0);
}

TEST_F(Auctions, WhoUnderbidsAndFailsLosesItsShare) {
  settings = settings_of(Policy::auction);
  hire(0, "honest", {.base = 0.3});
  hire(1, "liar", {.base = 0});
  int liar = 0;
  for (int i = 0; i < 600; ++i) {
    const bool lied = bid().worker == 1;
    if (i >= 300) liar += lied;
    teach(lied ? "liar" : "honest", lied ? 0 : 1, lied ? 1 : 0);
  }
  EXPECT_LT(liar, 30);
}

TEST_F(Auctions, ShortTasksGoInRunsAndLongOnesOneByOne) {
  hire(0, "quick", {.base = 0.1}, 8, 64);
  hire(1, "other", {.base = 0.9}, 8, 64);
  teach("quick", 100, 0, 20);
  EXPECT_EQ(bid().run, 8u) << "as many as begin at once";
  hall.set_held(0, 8);
  EXPECT_EQ(bid().run, Chooser::run_max);
  hall.set_held(0, 60);
  EXPECT_EQ(bid().run, 4u) << "as many as it has room for";
  hall.set_held(0, 0);
  teach("quick", 300, 0, 30'000);
  EXPECT_EQ(bid().run, 1u);
}

TEST_F(Auctions, AKeptAuctionCanBeWorkedOutAgain) {
  settings = settings_of(Policy::auction);
  for (WorkerNo worker = 0; worker < 7; ++worker)
    hire(worker, "agent " + std::to_string(worker),
         {.base = stream.uniform(), .load_slope = stream.uniform(), .cap = 1.5}, 1 + worker, 16);
  for (int i = 0; i < 500; ++i) {
    const auto agent = "agent " + std::to_string(stream.below(7));
    teach(agent, static_cast<int>(stream.below(3)), static_cast<int>(stream.below(3)));
    hall.set_held(static_cast<WorkerNo>(stream.below(7)), static_cast<std::uint32_t>(stream.below(16)));
    settings.value = static_cast<Micros>(stream.below(3 * micros_per_unit));
    settings.reserve = i % 3 == 0 ? 0 : 800'000;
    settings.settlement = i % 2 == 0 ? Settlement::first_price : Settlement::second_price;
    const auto pick = bid();
    if (chose == Chose::unsold) continue;
    ASSERT_EQ(chose, Chose::winner);
    const auto kept = unpack_choice(pack(chooser.choice()));
    ASSERT_TRUE(kept);
    ASSERT_EQ(explain(kept->award), explain(award()));
    ASSERT_EQ(kept->award.paid, award().paid);
    ASSERT_EQ(kept->over_reserve, chooser.choice().over_reserve);
    ASSERT_EQ(kept->award.terms[winner_of(kept->award.terms)].worker, pick.worker);
    for (std::size_t c = 0; c < kept->candidates.size(); ++c) {
      const auto& quote = kept->quotes[c];
      ASSERT_EQ(kept->award.terms[c].cost, quote.ask);
      const auto load = static_cast<std::int64_t>(kept->candidates[c].load);
      ASSERT_EQ(quote.ask, std::min(quote.cap, quote.base + quote.load_slope * load / load_one));
    }
  }
}

TEST(QueueTariff, IsStoredWhereItIsNotTheUsualOneAndReadBack) {
  QueuePolicy policy = queue_policy("auction+learned reserve=500000 wait_price=0 settlement=first_price");
  EXPECT_EQ(policy.acting, Policy::auction);
  EXPECT_EQ(policy.shadow, Policy::learned);
  EXPECT_EQ(policy.tariff.reserve, 500'000);
  EXPECT_EQ(policy.tariff.wait_price, 0);
  EXPECT_EQ(policy.tariff.value, micros_per_unit);
  EXPECT_EQ(policy.settings(Policy::auction).settlement, Settlement::first_price);
  EXPECT_EQ(stored_form(policy), "auction+learned wait_price=0 reserve=500000 settlement=first_price");
  EXPECT_EQ(stored_form({}), "least_loaded");
}

TEST(QueueTariff, WhatAnotherVersionWroteIsLeftOut) {
  for (const auto* stored : {"auction reserve=", "auction reserve=-1", "auction reserve=x",
                             "auction reserve=1x", "auction reserve=99999999999999999999", "auction whim=3",
                             "auction reserve", "auction ", "auction  "}) {
    const auto policy = queue_policy(stored);
    EXPECT_EQ(policy.acting, Policy::auction) << stored;
    EXPECT_EQ(stored_form(policy), "auction") << stored;
  }
}

// Bids above the reserve fall out and of each agent one stays: what was believed without features stays with
// who it is about.
TEST_F(Auctions, FeaturesStayWithTheirCandidatesWhoeverTakesNoPart) {
  for (WorkerNo worker = 0; worker < 12; ++worker)
    hire(worker, "agent " + std::to_string(worker % 4), {.base = 0.05 * (1 + worker % 6)});
  const auto features = Features::of(write_features({{"topic", false, 0, "law"}}));
  for (int agent = 0; agent < 4; ++agent) {
    const auto name = "agent " + std::to_string(agent);
    teach(name, 5 * agent, 8);
    for (int i = 0; i < 20; ++i)
      prediction.learn({name, "1", "echo", (i + agent) % 3 == 0, 5000, {}, {}, &features});
  }
  settings.reserve = 210'000;
  bool fewer = false;
  for (int i = 0; i < 30; ++i) {
    chooser.begin_turn(&prediction);
    auto pick = *hall.next();
    ASSERT_EQ(chooser.choose(hall, settings, {0, "echo", {}, {}, &features}, stream.next(), pick),
              Chose::winner);
    const auto kept = unpack_choice(pack(chooser.choice()));
    ASSERT_TRUE(kept);
    ASSERT_EQ(kept->bare.size(), kept->candidates.size());
    fewer = fewer || kept->over_reserve > 0;
    for (std::size_t c = 0; c < kept->candidates.size(); ++c) {
      const auto bare = prediction.forecast(kept->agents[c], "echo").success;
      const auto with = prediction.forecast(kept->agents[c], "echo", &features).success;
      EXPECT_NEAR(kept->bare[c].log_odds, bare.log_odds, 0.001);
      EXPECT_NEAR(kept->candidates[c].log_odds, with.log_odds, 0.002);
      EXPECT_NEAR(kept->candidates[c].log_odds_sd, with.own_sd, 0.002);
    }
  }
  EXPECT_TRUE(fewer);
}

}  // namespace
}  // namespace hirehall::scheduler
