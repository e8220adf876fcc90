// Lanes are charged what their tasks are expected to occupy, and in the end what they did (I13).
#include "broker/engine/costs.h"

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions of_tenant(const std::string& tenant, const std::string& type = "echo") {
  TaskOptions options;
  options.type = type;
  options.tenant = tenant;
  return options;
}

class Shares : public testing::Test {
 protected:
  struct Source {
    TaskOptions options;
    std::function<Millis()> takes;
    Millis busy = 0;  // that its attempts had of slots
    int attempts = 0;
  };
  struct Running {
    Millis since = 0, ends = 0;
    std::size_t source = 0;
  };

  std::uint32_t lane_of(const std::string& tenant, const std::string& queue = "default") const {
    const auto& lanes = hall.engine->ledger().lanes;
    for (std::uint32_t i = 0; i < lanes.size(); ++i)
      if (lanes[i].tenant == tenant && hall.engine->ledger().queues[lanes[i].queue].name == queue) return i;
    ADD_FAILURE() << "no lane of " << tenant;
    return 0;
  }
  const LaneService& service(const std::string& tenant) const {
    return hall.engine->costs().service(lane_of(tenant));
  }
  void set_weights(const std::map<std::string, std::uint32_t>& tenants) {
    QueueSettings settings;
    for (const auto& [tenant, weight] : tenants) settings.tenants[tenant] = weight;
    ASSERT_TRUE(hall.engine->set_queue("default", settings));
  }
  std::size_t source_of(const AwardOut& award) const {
    const auto name = hall.payloads.at(award.sequence);
    return static_cast<std::size_t>(name.front() - '0');
  }

  // All sources have work all the time; workers run what they hold, in order, in as many slots as they have.
  void work(std::vector<Source>& sources, Millis for_ms, Millis step = 10) {
    std::vector<int> waiting(sources.size(), 0);
    std::map<std::uint64_t, Running> running;
    for (const auto until = hall.now + for_ms; hall.now < until; hall.now += step) {
      for (auto& hand : hall.hands) {
        hall.beat(hand);
        const std::deque<AwardOut> held = hand.awards;
        for (const auto& award : held) {
          const auto at = running.find(award.token);
          if (at == running.end() || hall.now < at->second.ends) continue;
          FinishItem item;
          item.outcome = Outcome::succeeded;
          if (hand.timed) item.ran_ms = hall.now - at->second.since;
          auto& source = sources[at->second.source];
          source.busy += hall.now - at->second.since;
          ++source.attempts;
          running.erase(at);
          hall.finish(hand, award, item);
        }
      }
      for (std::size_t i = 0; i < sources.size(); ++i)
        for (; waiting[i] < 64; ++waiting[i]) hall.submit(std::to_string(i), sources[i].options);
      hall.turn();
      for (auto& hand : hall.hands) begin(hand, sources, running, waiting);
    }
  }

  void begin(const Hand& hand, std::vector<Source>& sources, std::map<std::uint64_t, Running>& running,
             std::vector<int>& waiting) {
    auto free = hand.slots != 0 ? hand.slots : hand.credit;
    for (const auto& award : hand.awards) {
      if (free == 0) return;
      --free;
      if (running.contains(award.token)) continue;
      const auto source = source_of(award);
      --waiting[source];
      running.emplace(award.token, Running{hall.now, hall.now + sources[source].takes(), source});
    }
  }

  Hall hall;
};

TEST_F(Shares, TwoTenantsWithLongAndShortTasksGetTheSameSlotTime) {
  hall.hire({"echo"}, 4);
  std::vector<Source> sources{{of_tenant("long"), [] { return 1000; }},
                              {of_tenant("short"), [] { return 100; }}};
  work(sources, 60'000);
  EXPECT_NEAR(static_cast<double>(sources[0].busy) / static_cast<double>(sources[1].busy), 1, 0.1);
  EXPECT_GT(sources[1].attempts, 8 * sources[0].attempts);
  // The time they had is what their lanes were charged in the end; the rest is of what runs.
  EXPECT_NEAR(static_cast<double>(service("short").used_ms()), static_cast<double>(sources[1].busy), 1000);
  EXPECT_NEAR(static_cast<double>(service("long").used_ms()), static_cast<double>(sources[0].busy), 4000);
}

TEST_F(Shares, WeightsAreOfTimeAsWell) {
  set_weights({{"long", 3}, {"short", 1}});
  hall.hire({"echo"}, 8);
  std::vector<Source> sources{{of_tenant("long"), [] { return 500; }},
                              {of_tenant("short"), [] { return 50; }}};
  work(sources, 60'000);
  EXPECT_NEAR(static_cast<double>(sources[0].busy) / static_cast<double>(sources[1].busy), 3, 0.3);
}

TEST_F(Shares, QueuesShareTimeAsTheirLanesDo) {
  hall.hire({"echo"}, 4);
  ASSERT_TRUE(hall.engine->set_queue("bulk", {}));
  auto bulk = of_tenant("one");
  bulk.queue = "bulk";
  std::vector<Source> sources{{bulk, [] { return 1000; }}, {of_tenant("one"), [] { return 100; }}};
  work(sources, 60'000);
  EXPECT_NEAR(static_cast<double>(sources[0].busy) / static_cast<double>(sources[1].busy), 1, 0.1);
}

TEST_F(Shares, WhatRunsOnIsChargedOnBeforeItEnds) {
  hall.hire({"echo"}, 8);
  // Nobody knows yet that they take an hour.
  std::vector<Source> sources{{of_tenant("long"), [] { return 3'600'000; }},
                              {of_tenant("short"), [] { return 100; }}};
  work(sources, 20'000);
  // Some got through while they were charged as little as the others; the rest of the slots is not lost.
  EXPECT_GT(sources[1].busy, 2 * 20'000 * 9 / 10);
  EXPECT_NEAR(static_cast<double>(service("long").used_ms() + service("short").used_ms()), 8 * 20'000, 2000);
}

TEST_F(Shares, ALaneThatWasThoughtLongIsNotLockedOut) {
  hall.hire({"echo"}, 2);
  Millis takes = 60'000;
  std::vector<Source> sources{{of_tenant("changing"), [&] { return takes; }}};
  work(sources, 200'000, 500);
  EXPECT_EQ(hall.engine->costs().expected(lane_of("changing"), 0), 60'000);
  for (auto& hand : hall.hands)
    while (!hand.awards.empty()) hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  hall.turn();
  for (auto& hand : hall.hands)
    while (!hand.awards.empty()) hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  takes = 50;
  std::vector<Source> both{{of_tenant("changing"), [&] { return takes; }},
                           {of_tenant("other"), [] { return 50; }}};
  work(both, 20'000);
  EXPECT_GT(both[0].busy, both[1].busy * 8 / 10);
  EXPECT_GT(both[1].busy, both[0].busy * 8 / 10);
}

TEST_F(Shares, ShortTasksTakeTurnsByNumberAndAreNeverCorrected) {
  auto& hand = hall.hire({"echo"}, 1);
  hand.timed = true;
  hall.come_back(hand, {});
  std::map<std::string, int> runs;
  for (int i = 0; i < 20; ++i) hall.submit("a", of_tenant("a")), hall.submit("b", of_tenant("b"));
  for (int i = 0; i < 20; ++i) {
    const auto award = hall.award(hand);
    ++runs[hall.name(award)];
    hall.pass(20);  // on its way, in line at the worker: no time of a slot
    hall.finish(hand, award, Outcome::succeeded);
  }
  EXPECT_EQ(runs["a"], 10);
  EXPECT_EQ(service("a").charged_ms, 10u + (hand.awards.empty() ? 0u : 1u));
  EXPECT_EQ(service("a").back_ms, service("a").added_ms) << "what was added while it waited is given back";
}

struct End {
  const char* name;
  std::function<void(Hall&, Hand&, const AwardOut&)> end;
};
class EveryEnd : public Shares, public testing::WithParamInterface<End> {};

TEST_P(EveryEnd, CostsWhatItOccupied) {
  auto& hand = hall.hire({"echo"}, 1);
  const auto award = [&] {
    hall.submit("task", of_tenant("a"));
    return hall.award(hand);
  }();
  hall.pass(700);
  GetParam().end(hall, hand, award);
  EXPECT_EQ(hall.engine->ledger().lease_by_token(award.token), nullptr);
  EXPECT_EQ(service("a").used_ms(), 700);
  EXPECT_EQ(hall.engine->costs().expected(lane_of("a"), 0), 700);
}

INSTANTIATE_TEST_SUITE_P(
    Costs, EveryEnd,
    testing::Values(
        End{"succeeded", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::succeeded); }},
        End{"failed", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::failed); }},
        End{"failed_final",
            [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::failed_final); }},
        End{"timed_out", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::timed_out); }},
        End{"handed_back", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::interrupted); }},
        End{"snoozed", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::snoozed); }},
        End{"suspended", [](Hall& h, Hand& w, const AwardOut& a) { h.finish(w, a, Outcome::suspended); }},
        End{"cancelled",
            [](Hall& h, Hand& w, const AwardOut& a) {
              h.cancel(a.sequence);
              h.finish(w, a, Outcome::cancelled);
            }},
        End{"lost",
            [](Hall& h, Hand& w, const AwardOut& a) {
              EXPECT_EQ(h.engine->holding(w.number, a.award, {}).size(), 0u);
            }}),
    [](const auto& info) { return info.param.name; });

TEST_F(Shares, AWorkerThatIsGoneCostsUntilItsLeaseEnds) {
  auto& hand = hall.hire({"echo"}, 1);
  hall.submit("task", of_tenant("a"));
  hall.award(hand);
  hall.pass(3000);
  hall.pass(hall.engine->lease_ms() + 1000, false);
  EXPECT_EQ(hall.engine->ledger().workers.at(hand.number).held, 0u);
  EXPECT_NEAR(static_cast<double>(service("a").used_ms()),
              3000.0 + static_cast<double>(hall.engine->lease_ms()), 600);
}

TEST_F(Shares, AnAwardThatNeverArrivedCostsNextToNothing) {
  auto& hand = hall.hire({"echo"}, 1);
  hall.submit("task", of_tenant("a"));
  hall.award(hand);
  hall.pass(2000);
  hand.last_award = 0;  // it has never heard of it
  hand.awards.clear();
  hall.come_back(hand, {});
  EXPECT_EQ(service("a").used_ms(), 1);
}

TEST_F(Shares, OfAWorkerThatHoldsMoreThanItRunsEachTaskHadItsPart) {
  auto& hand = hall.hire({"echo"}, 4);
  hand.slots = 1;
  hall.come_back(hand, {});
  for (int i = 0; i < 4; ++i) hall.submit("task", of_tenant("a"));
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 4u);
  hall.pass(1000);
  hall.finish(hand, hand.awards.front(), Outcome::succeeded);
  EXPECT_NEAR(static_cast<double>(service("a").used_ms()), 1000, 10) << "a slot of a second, whoever had it";
}

TEST_F(Shares, WhatIsHandedBackUnbegunCostsNothingAndSaysNothingOfItsKind) {
  auto& hand = hall.hire({"echo"}, 64);
  hand.timed = true;
  hall.come_back(hand, {});
  const auto end = [&](Outcome outcome, Millis ran) {
    hall.submit("task", of_tenant("a"));
    const auto award = hall.award(hand);
    hall.pass(700);
    FinishItem item;
    item.outcome = outcome;
    item.ran_ms = ran;
    hall.finish(hand, award, item);
  };
  end(Outcome::succeeded, 600);
  const auto task = hall.submit("task", of_tenant("a"));
  for (int i = 0; i < 40; ++i) {
    const auto before = service("a").used_ms();
    const auto award = hall.award(hand);
    ASSERT_EQ(award.sequence, task);
    FinishItem item;
    item.outcome = Outcome::interrupted;
    hall.finish(hand, award, item);
    ASSERT_LE(service("a").used_ms() - before, 1);
    hall.turn();
  }
  EXPECT_EQ(hall.engine->costs().expected(lane_of("a"), 0), 600);
}

TEST_F(Shares, AWorkersMeasureCountsAndIsNotBelievedBeyondTheLease) {
  auto& hand = hall.hire({"echo"}, 2);
  hand.timed = true;
  hall.come_back(hand, {});
  for (const auto& [ran, costs] : {std::pair<Millis, Millis>{300, 300}, {1'000'000, 700}, {-1, 1}, {0, 1}}) {
    const auto before = hall.hands.empty() || hall.engine->ledger().lanes.empty()
                            ? 0
                            : hall.engine->costs().service(0).used_ms();
    hall.submit("task", of_tenant("a"));
    const auto award = hall.award(hand);
    hall.pass(700);
    FinishItem item;
    item.outcome = Outcome::succeeded;
    item.ran_ms = ran;
    hall.finish(hand, award, item);
    EXPECT_EQ(hall.engine->costs().service(lane_of("a")).used_ms() - before, costs) << ran;
  }
}

TEST_F(Shares, AfterARestartWhatRunsCountsFromThen) {
  auto& hand = hall.hire({"echo"}, 2);
  hall.submit("one", of_tenant("a"));
  hall.submit("two", of_tenant("a"));
  hall.turn();
  const auto awards = hand.awards;
  ASSERT_EQ(awards.size(), 2u);
  hall.pass(10'000);
  for (const bool from_snapshot : {true, false}) {
    hall.restart(from_snapshot);
    EXPECT_EQ(service("a").used_ms(), 0);
    hall.come_back(hand, {awards[0].token, awards[1].token});
  }
  hall.finish(hand, awards[0], Outcome::succeeded);  // in the first turn
  EXPECT_EQ(service("a").used_ms(), 1);
  hall.pass(400);
  hall.finish(hand, awards[1], Outcome::succeeded);
  EXPECT_EQ(service("a").used_ms(), 401);
}

TEST_F(Shares, AJumpOfTheClockIsNobodysTime) {
  auto& hand = hall.hire({"echo"}, 1);
  hall.submit("task", of_tenant("a"));
  const auto award = hall.award(hand);
  hall.pass(300);
  hall.now += 3'600'000;
  hall.engine->begin_turn({hall.now, hall.now, 3'600'000});
  hall.pass(100);
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_EQ(service("a").used_ms(), 400) << "300 ms before the jump, 100 after it";
}

TEST_F(Shares, ResourcesCountWithTheirDominantShare) {
  auto& hand = hall.hire({"echo"}, 8);
  hand.resources = {{"gpu", "2"}};
  hall.come_back(hand, {});
  auto options = of_tenant("a");
  options.requirements.resources = {{"gpu", "1"}};
  hall.submit("task", options);
  const auto award = hall.award(hand);
  hall.pass(100);
  // The fleet doubles meanwhile: what it is corrected by has the weight that it was charged with.
  hall.hire({"echo"}, 8, "other");
  hall.finish(hand, award, Outcome::succeeded);
  EXPECT_EQ(service("a").used_ms(), 400);
  hall.submit("plain", of_tenant("a"));
  hall.turn();
  for (auto& any : hall.hands)
    for (const auto plain = any.awards; const auto& one : plain) {
      hall.pass(100);
      hall.finish(any, one, Outcome::succeeded);
    }
  EXPECT_EQ(service("a").used_ms(), 500);
}

TEST(Costs, ANewKindOfTaskIsExpectedToBeAsTheOthersAre) {
  Costs costs;
  EXPECT_EQ(costs.expected(0, 0), 1);
  for (int i = 0; i < 10; ++i) costs.ended(0, 0, 200);
  costs.settle([](std::uint32_t, std::int64_t) {});
  EXPECT_EQ(costs.expected(0, 0), 200);
  EXPECT_EQ(costs.expected(1, 0), 200) << "as its class in another lane";
  EXPECT_EQ(costs.expected(0, 1), 200) << "as all";
  costs.ended(0, 1, 1000);
  costs.ended(1, 0, 40);
  costs.settle([](std::uint32_t, std::int64_t) {});
  EXPECT_EQ(costs.expected(0, 1), 1000);
  EXPECT_EQ(costs.expected(1, 0), 40) << "as it has shown itself in this lane";
  costs.running(7, 7, 5000);
  EXPECT_EQ(costs.expected(7, 7), 5000) << "nothing has ended, and they run for so long already";
}

TEST(Costs, AMeanFollowsWhatChanges) {
  Costs costs;
  for (int i = 0; i < 1000; ++i) costs.ended(0, 0, 60'000);
  costs.settle([](std::uint32_t, std::int64_t) {});
  for (int i = 0; i < 200; ++i) {
    costs.ended(0, 0, 10);
    costs.settle([](std::uint32_t, std::int64_t) {});
  }
  EXPECT_LE(costs.expected(0, 0), 150);
  EXPECT_GE(costs.expected(0, 0), 10);
}

TEST(Costs, ExtremesStayInBounds) {
  Costs costs;
  costs.ended(0, 0, -5);
  costs.ended(0, 1, std::numeric_limits<Millis>::max());
  costs.correct(0, 3, 0, std::numeric_limits<Millis>::min());
  costs.correct(0, 4, 0, std::numeric_limits<Millis>::max());
  std::map<std::uint32_t, std::int64_t> owed;
  costs.settle([&](std::uint32_t lane, std::int64_t by) { owed[lane] = by; });
  EXPECT_EQ(costs.expected(0, 0), 1);
  EXPECT_EQ(costs.expected(0, 1), Costs::most);
  EXPECT_EQ(owed.at(3), -Costs::most);
  EXPECT_EQ(owed.at(4), Costs::most);
}

TEST(Costs, LatelyIsTheLastMinute) {
  LaneService service;
  service.note(0, 6000);
  EXPECT_EQ(service.lately_ms(30'000), 6000);
  EXPECT_EQ(service.lately_ms(90'000), 3000);
  EXPECT_EQ(service.lately_ms(120'000), 0);
  service.note(90'000, 1000);
  EXPECT_EQ(service.lately_ms(90'000), 4000);
  service.note(95'000, -9000);
  EXPECT_EQ(service.lately_ms(95'000), 0);
}

}  // namespace
}  // namespace hirehall::engine
