// Random histories: the dispatcher decides as the oracle does, and twice the same.
#include "tests/unit/scheduler/oracle.h"

#include <array>
#include <string>

#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

// One random change or award, to a dispatcher and an oracle alike.
class History {
 public:
  explicit History(std::uint64_t seed) : chance_(seed), bind_workers_(seed % 2 == 0) {
    for (int i = 0; i < 2; ++i) add_queue();
    for (int i = 0; i < 4; ++i) add_lane();
    for (int i = 0; i < 3; ++i) add_class();
  }

  void step() {
    switch (chance_.below(24)) {
      case 0:
        return connect();
      case 1:
        return disconnect();
      case 2:
        return set_credit();
      case 3:
        return drain();
      case 4:
        return set_held();
      case 5:
        return change_weight();
      case 6:
        return chance_.one_in(20) ? add_class() : correct();
      case 7:
        return chance_.one_in(20) ? add_lane() : correct();
      case 8:
        return chance_.one_in(40) ? add_queue() : correct();
      case 9:
      case 10:
      case 11:
      case 12:
        return set_ready();
      case 13:
      case 14:
      case 15:
        return release();
      case 16:
        return give_back();
      default:
        return award();
    }
  }
  void compare() {
    oracle_.settle();
    const auto pick = hall_.next();
    const auto expected = oracle_.next();
    ASSERT_EQ(pick.has_value(), expected.has_value());
    if (!pick) return;
    ASSERT_EQ(pick->shelf, expected->shelf);
    ASSERT_EQ(pick->lane, expected->lane);
    ASSERT_EQ(pick->cls, expected->cls);
    ASSERT_EQ(pick->worker, expected->worker);
    ASSERT_EQ(pick->agent, expected->agent);
    ASSERT_EQ(pick->load, expected->load);
    ASSERT_EQ(pick->candidates, expected->candidates);
    ASSERT_EQ(pick->runner_up, expected->runner_up);
    ASSERT_EQ(pick->runner_up_load, expected->runner_up_load);
    trace_ = (trace_ ^ pick->shelf ^ (std::uint64_t{pick->worker} << 32)) * 1099511628211u;
  }
  void compare_served() {
    for (ClassNo cls = 0; cls < oracle_.classes.size(); ++cls)
      for (QueueNo queue = 0; queue < oracle_.queues.size(); ++queue) {
        const bool expected = oracle_.served(cls, queue);
        ASSERT_EQ(hall_.served(cls, queue), expected) << "class " << cls << ", queue " << queue;
        ASSERT_EQ(hall_.missing(cls, queue).empty(), expected) << "class " << cls << ", queue " << queue;
      }
  }
  std::uint64_t trace() const { return trace_; }
  int awards() const { return awards_; }

 private:
  static constexpr std::array types{"draw", "write", "sum", "sing"};
  static constexpr std::array hosts{"a", "b", "c"};

  std::uint32_t any(std::size_t size) { return chance_.below(static_cast<std::uint32_t>(size)); }
  std::uint32_t weight() { return 1 + chance_.below(9); }

  void add_queue() {
    const auto no = static_cast<QueueNo>(oracle_.queues.size());
    oracle_.queues.emplace_back().weight = weight();
    hall_.define_queue(no, static_cast<std::uint32_t>(oracle_.queues[no].weight));
  }
  void add_lane() {
    const auto no = static_cast<LaneNo>(oracle_.lanes.size());
    auto& lane = oracle_.lanes.emplace_back();
    lane.weight = weight();
    lane.queue = any(oracle_.queues.size());
    hall_.define_lane(no, lane.queue, static_cast<std::uint32_t>(lane.weight));
  }
  void add_class() {
    Need need{types[any(types.size())], {}};
    if (chance_.one_in(3)) need.requirements.capabilities = {"vision"};
    if (chance_.one_in(4)) need.requirements.labels = {{"host", hosts[any(hosts.size())]}};
    if (chance_.one_in(4)) need.requirements.resources = {{"gpu", std::to_string(1 + chance_.below(2))}};
    if (chance_.one_in(5)) need.requirements.tier = 2;
    if (chance_.one_in(5)) need.requirements.labels["rack " + std::to_string(chance_.below(3))] = "1";
    auto no = static_cast<ClassNo>(oracle_.classes.size());
    if (no > 2 && chance_.one_in(3)) no = any(no);  // defined anew
    hall_.define_class(no, need.type, need.requirements);
    if (no == oracle_.classes.size()) oracle_.classes.emplace_back();
    oracle_.classes[no] = need;
  }
  WorkerSpec spec() {
    WorkerSpec spec;
    for (std::uint32_t i = 0; i <= chance_.below(2); ++i) {
      auto& agent = spec.agents.emplace_back();
      for (const auto* type : types)
        if (chance_.one_in(2)) agent.types.emplace_back(type);
      if (chance_.one_in(2)) agent.capabilities = {"vision"};
      if (chance_.one_in(4)) agent.labels = {{"rack 1", "1"}};
      agent.tier = chance_.below(4);
    }
    spec.labels = {{"host", hosts[any(hosts.size())]}};
    if (chance_.one_in(2)) spec.resources = {{"gpu", std::to_string(chance_.below(3))}};
    spec.slots = 1 + chance_.below(4);
    if (bind_workers_ && chance_.one_in(3)) {
      spec.queues.emplace();
      for (QueueNo queue = 0; queue < oracle_.queues.size(); ++queue)
        if (chance_.one_in(2)) spec.queues->push_back(queue);
    }
    return spec;
  }
  void connect() {
    const WorkerNo no = chance_.below(12);
    auto& worker = oracle_.workers[no];
    if (worker.spec.agents.empty() || chance_.one_in(3)) worker.spec = spec();
    worker.connected = true, worker.draining = false;
    worker.credit = chance_.below(12);
    hall_.connect(no, worker.spec, worker.credit);
  }
  Oracle::Worker* known_worker(WorkerNo& no) {
    no = chance_.below(12);
    const auto found = oracle_.workers.find(no);
    return found == oracle_.workers.end() ? nullptr : &found->second;
  }
  void disconnect() {
    WorkerNo no;
    if (auto* worker = known_worker(no)) worker->connected = false, hall_.disconnect(no);
  }
  void set_credit() {
    WorkerNo no;
    if (auto* worker = known_worker(no))
      worker->credit = chance_.below(12), hall_.set_credit(no, worker->credit);
  }
  void drain() {
    WorkerNo no;
    if (auto* worker = known_worker(no))
      worker->draining = chance_.one_in(3), hall_.set_draining(no, worker->draining);
  }
  void set_held() {
    WorkerNo no;
    if (auto* worker = known_worker(no)) worker->held = chance_.below(8), hall_.set_held(no, worker->held);
  }
  void release() {
    WorkerNo no;
    auto* worker = known_worker(no);
    if (!worker) return;
    const auto count = chance_.below(worker->held + 1);
    worker->held -= count;
    hall_.release(no, count);
  }
  void give_back() {
    WorkerNo no;
    if (known_worker(no) == nullptr) return;
    const ClassNo cls = any(oracle_.classes.size());
    hall_.give_back(no, cls);
    oracle_.give_back(no, cls);
  }
  void change_weight() {
    const auto no = any(oracle_.lanes.size());
    auto& lane = oracle_.lanes[no];
    lane.weight = weight(), lane.rest = 0;
    hall_.define_lane(no, lane.queue, static_cast<std::uint32_t>(lane.weight));
  }
  void correct() {
    const auto no = any(oracle_.lanes.size());
    const auto difference = static_cast<std::int64_t>(chance_.below(200)) - 120;
    oracle_.correct(no, difference);
    hall_.correct(no, difference);
  }
  void set_ready() {
    const LaneNo lane = any(oracle_.lanes.size());
    const ClassNo cls = any(oracle_.classes.size());
    const auto no = hall_.shelf(lane, cls);
    if (no >= oracle_.shelves.size()) oracle_.shelves.push_back({.lane = lane, .cls = cls});
    auto& shelf = oracle_.shelves[no];
    shelf.ready = !chance_.one_in(3);
    shelf.order = chance_.below(5);
    hall_.set_ready(no, shelf.ready, shelf.order);
  }
  void award() {
    oracle_.settle();
    const auto pick = hall_.next();
    if (!pick) return;
    if (pick->worker == none) {  // nobody has room
      oracle_.shelves[pick->shelf].ready = false;
      hall_.set_ready(pick->shelf, false);
      return;
    }
    const std::uint32_t count = 1 + chance_.below(pick->run);
    const std::uint64_t cost = 1 + chance_.below(100);
    for (std::uint32_t i = 1; i < count; ++i) {
      hall_.take(*pick, 1, cost);
      oracle_.take(*pick, 1, cost);
      const auto again = oracle_.next();
      ASSERT_TRUE(again.has_value()) << "a run promised more";
      ASSERT_EQ(again->shelf, pick->shelf);
      ASSERT_EQ(again->worker, pick->worker);
    }
    hall_.take(*pick, 1, cost);
    oracle_.take(*pick, 1, cost);
    ++awards_;
  }

  Chance chance_;
  const bool bind_workers_;  // some of them to queues
  Dispatcher hall_;
  Oracle oracle_;
  std::uint64_t trace_ = 14695981039346656037u;
  int awards_ = 0;
};

TEST(AgainstTheOracle, EveryPickOfARandomHistoryIsTheSame) {
  const auto seed = seed_of_run(2024);
  int awards = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    History history(seed + round);
    for (int i = 0; i < 400; ++i) {
      SCOPED_TRACE("round " + std::to_string(round) + ", step " + std::to_string(i));
      history.step();
      history.compare();
      if (i % 20 == 0) history.compare_served();
      if (::testing::Test::HasFatalFailure()) return;
    }
    awards += history.awards();
  }
  EXPECT_GT(awards, 1000) << "the histories hardly award anything";
}

TEST(Determinism, TheSameCallsGiveTheSamePicks) {
  const auto trace = [](std::uint64_t seed) {
    History history(seed);
    for (int i = 0; i < 300; ++i) history.step(), history.compare();
    return history.trace();
  };
  EXPECT_EQ(trace(7), trace(7));
  EXPECT_NE(trace(7), trace(8));
}

}  // namespace
}  // namespace hirehall::scheduler
