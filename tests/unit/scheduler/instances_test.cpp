// Agents that allow only so many attempts at a time in one worker.
#include <gtest/gtest.h>

#include "scheduler/instances.h"
#include "scheduler/room_waits.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

struct Capped {
  std::string name;
  std::vector<std::string> types;
  std::uint32_t max = 0;
};

class Instanced : public testing::Test {
 protected:
  Instanced() {
    hall.define_queue(0, 1);
    hall.define_lane(0, 0, 1);
    hall.define_class(0, "echo", {});
    hall.define_class(1, "other", {});
  }
  void hire(WorkerNo worker, const std::vector<Capped>& agents, std::uint32_t slots, std::uint32_t credit) {
    WorkerSpec spec;
    spec.slots = slots;
    for (const auto& agent : agents) {
      auto& made = spec.agents.emplace_back();
      made.name = agent.name, made.types = agent.types, made.max_instances = agent.max;
    }
    hall.connect(worker, spec, credit);
  }
  // Takes one at a time until nobody is free: how many each (worker, agent) got.
  std::map<std::pair<WorkerNo, std::uint16_t>, int> fill(ClassNo cls) {
    std::map<std::pair<WorkerNo, std::uint16_t>, int> out;
    const auto shelf = hall.shelf(0, cls);
    hall.set_ready(shelf, true);
    for (auto pick = hall.next(); pick && pick->worker != none; pick = hall.next()) {
      EXPECT_GE(pick->run, 1u);
      hall.take(*pick, pick->run, 1);
      out[{pick->worker, pick->agent}] += static_cast<int>(pick->run);
    }
    hall.set_ready(shelf, false);
    return out;
  }

  Dispatcher hall;
};

TEST_F(Instanced, AnAgentGetsNoMoreThanItAllowsAndOthersTheRest) {
  hire(1, {{"narrow", {"echo"}, 2}, {"wide", {"other"}, 0}}, 8, 8);
  hire(2, {{"narrow", {"echo"}, 3}}, 4, 4);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 0}, 2}, {{2, 0}, 3}}));
  const auto prospect = hall.prospect(0);
  EXPECT_EQ(prospect.at_most, 2u);
  EXPECT_EQ(prospect.at_most_agent, "narrow");
  EXPECT_EQ(fill(1), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 1}, 6}})) << "slots for others";
  hall.end_instance(2, 0);
  hall.release(2, 1);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{2, 0}, 1}}));
}

TEST_F(Instanced, AnotherAgentOfTheWorkerTakesOver) {
  hire(1, {{"first", {"echo"}, 1}, {"second", {"echo"}, 2}}, 8, 8);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 0}, 1}, {{1, 1}, 2}}));
}

TEST_F(Instanced, CreditBeyondTheSlotsIsSharedAsTheSlotsAre) {
  hire(1, {{"half", {"echo"}, 2}}, 4, 4000);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 0}, 2000}}));
  hire(2, {{"more than slots", {"echo"}, 9}}, 4, 4);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{2, 0}, 4}}));
}

TEST_F(Instanced, WhatAWorkerHoldsWhenItComesBackIsCounted) {
  hire(1, {{"narrow", {"echo"}, 2}}, 4, 4);
  EXPECT_TRUE(hall.counts_instances(1));
  hall.set_held(1, 1);
  hall.use_instance(1, 0);
  EXPECT_EQ(fill(0), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 0}, 1}}));
  hire(1, {{"narrow", {"echo"}, 0}}, 4, 4);
  EXPECT_FALSE(hall.counts_instances(1));
}

TEST_F(Instanced, ShortListsLeaveThemOut) {
  hire(1, {{"narrow", {"echo"}, 1}, {"second", {"echo"}, 0}}, 8, 8);
  hire(2, {{"third", {"echo"}, 1}}, 8, 8);
  hall.set_ready(hall.shelf(0, 0), true);
  std::vector<std::uint64_t> best;
  std::vector<Listed> listed;
  auto pick = *hall.next();
  hall.short_list(pick, 7, best, listed);
  EXPECT_EQ(listed.size(), 3u);
  for (const auto& one : listed) EXPECT_EQ(one.room, *one.name == "second" ? 8u : 1u) << *one.name;
  hall.take(pick, 1, 1);
  pick = *hall.next();
  hall.short_list(pick, 7, best, listed);
  EXPECT_EQ(listed.size(), 2u);
  for (const auto& one : listed) EXPECT_NE(*one.name, "narrow");
}

TEST_F(Instanced, MoreCreditIsToldToWhoWaits) {
  hire(1, {{"narrow", {"echo"}, 2}}, 4, 4);
  fill(0);
  const auto shelf = hall.shelf(0, 0);
  hall.set_ready(shelf, true);
  const auto pick = hall.next();
  ASSERT_TRUE(pick);
  ASSERT_EQ(pick->worker, none);
  hall.set_aside(*pick, 0);
  hall.set_credit(1, 16);
  std::vector<ShelfNo> offered;
  hall.rooms().offer(offered);
  EXPECT_EQ(offered, std::vector<ShelfNo>{shelf});
}

TEST_F(Instanced, NoRoomIsKeptWhereAnInstanceIsWhatLacks) {
  Requirements gpus;
  gpus.resources = {{"gpu", "2"}};
  hall.define_class(2, "train", gpus);
  gpus.resources = {{"gpu", "1"}};
  hall.define_class(3, "small", gpus);
  WorkerSpec spec;
  spec.slots = 8;
  spec.resources = {{"gpu", "4"}};
  for (const auto* name : {"train", "small"}) {
    auto& agent = spec.agents.emplace_back();
    agent.name = name, agent.types = {name}, agent.max_instances = agent.name == "train" ? 1 : 0;
  }
  hall.connect(1, spec, 8);
  EXPECT_EQ(fill(2), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 0}, 1}}));
  hall.set_ready(hall.shelf(0, 2), true);
  const auto pick = hall.next();
  ASSERT_TRUE(pick);
  ASSERT_EQ(pick->worker, none);
  hall.set_aside(*pick, 0);
  hall.rooms().keep(10'000, 5'000);
  EXPECT_TRUE(hall.rooms().kept().empty());
  EXPECT_EQ(fill(3), (std::map<std::pair<WorkerNo, std::uint16_t>, int>{{{1, 1}, 2}}));
}

}  // namespace
}  // namespace hirehall::scheduler
