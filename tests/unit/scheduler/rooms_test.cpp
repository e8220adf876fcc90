// Resources: what is free on a worker, who gets a task that asks for some, and what it costs its lane.
#include "scheduler/rooms.h"

#include "scheduler/room_waits.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

const Amounts one_gpu{{"gpu", 1}};

TEST(Rooms, WhatIsTakenIsMissingUntilItIsGivenBack) {
  Rooms rooms;
  rooms.offer(7, {{"gpu", "4"}, {"memory", "8Gi"}}, 8);
  const Amounts task{{"gpu", 3}, {"memory", 1}};
  EXPECT_EQ(rooms.room(7, task), 1u);
  rooms.take(7, task, 1);
  EXPECT_EQ(rooms.room(7, task), 0u);
  EXPECT_EQ(rooms.short_of(7, task), std::vector<std::string>{"gpu: 3 asked, 1 of 4 free"});
  EXPECT_EQ(rooms.room(7, one_gpu), 1u);
  rooms.give_back(7, task);
  EXPECT_EQ(rooms.room(7, one_gpu), 4u);
}

TEST(Rooms, AWorkerThatOffersNothingTakesTasksThatAskForNothing) {
  Rooms rooms;
  rooms.offer(1, {}, 2);
  EXPECT_EQ(rooms.room(1, {}), run_max);
  EXPECT_EQ(rooms.room(1, {{"gpu", 0}}), run_max);
  EXPECT_EQ(rooms.room(1, one_gpu), 0u);
  EXPECT_EQ(rooms.room(2, one_gpu), 0u) << "nobody knows it";
}

TEST(Rooms, WhatTasksUseOutlastsTheConnectionAndASmallerOffer) {
  Rooms rooms;
  rooms.offer(1, {{"gpu", "4"}}, 4);
  rooms.take(1, one_gpu, 3);
  rooms.withdraw(1);
  rooms.offer(1, {{"gpu", "2"}}, 4);
  EXPECT_EQ(rooms.room(1, one_gpu), 0u);
  EXPECT_EQ(rooms.short_of(1, one_gpu), std::vector<std::string>{"gpu: 1 asked, 0 of 2 free"});
  rooms.give_back(1, one_gpu);
  rooms.give_back(1, one_gpu);
  EXPECT_EQ(rooms.room(1, one_gpu), 1u);
}

TEST(Rooms, WhatIsNoAmountIsRefusedByName) {
  EXPECT_EQ(amounts_of({{"gpu", "many"}}).error().context, "gpu");
  EXPECT_EQ(amounts_of({{"gpu", "-1"}}).error().code, Code::invalid);
}

TEST(Rooms, TheDominantShareIsTheGreatestOne) {
  const Amounts fleet{{"cpu", 9}, {"memory", 18}};
  EXPECT_EQ(dominant_share({{"cpu", 3}, {"memory", 3}}, fleet), 333'333);
  EXPECT_EQ(dominant_share({{"cpu", 1}, {"memory", 12}}, fleet), 666'666);
  EXPECT_EQ(dominant_share({{"quantum", 5}}, fleet), 0);
  EXPECT_EQ(dominant_share({{"memory", INT64_MAX}}, {{"memory", INT64_MAX}}), 1'000'000);
}

TEST(Rooms, ATaskWeighsItsDominantShareInSlots) {
  Rooms rooms;
  rooms.offer(1, {{"gpu", "2"}, {"cpu", "8"}}, 8);
  EXPECT_EQ(rooms.weight_of({}), 1u);
  EXPECT_EQ(rooms.weight_of(one_gpu), 4u) << "half of all there are";
  EXPECT_EQ(rooms.weight_of({{"cpu", 1}}), 1u);
  rooms.offer(2, {{"gpu", "6"}}, 8);
  EXPECT_EQ(rooms.weight_of(one_gpu), 2u);
  rooms.withdraw(2);
  EXPECT_EQ(rooms.weight_of(one_gpu), 4u);
}

// Tasks of class 0 ask for a gpu, those of class 1 for nothing.
class WithResources : public Hall {
 protected:
  WithResources() {
    open_lanes({1});
    Requirements gpu;
    gpu.resources = one();
    hall.define_class(0, "echo", gpu);
  }
  static StringMap one() { return {{"gpu", "1"}}; }
  std::vector<ShelfNo> offered() {
    std::vector<ShelfNo> out;
    hall.rooms().offer(out);
    return out;
  }
  void hire(WorkerNo number, const char* gpus, std::uint32_t slots) {
    auto spec = worker_doing({"echo"}, slots);
    spec.resources = {{"gpu", gpus}};
    hall.connect(number, spec, slots);
  }
};

TEST_F(WithResources, NoMoreRunOnAWorkerThanHaveRoom) {
  hire(0, "2", 8);
  auto pick = *hall.next();
  EXPECT_EQ(pick.run, 2u) << "a run is cut to what fits";
  hall.take(pick, 2, 1);
  pick = *hall.next();
  EXPECT_EQ(pick.worker, none);
  hall.set_aside(pick, 0);
  EXPECT_FALSE(hall.next().has_value());
  const auto prospect = hall.prospect(0);
  EXPECT_EQ(prospect.cramped, 1u);
  EXPECT_EQ(prospect.short_of, std::vector<std::string>{"gpu: 1 asked, 0 of 2 free"});
  hall.release(0, 1);
  hall.give_back(0, 0);
  EXPECT_EQ(offered(), std::vector<ShelfNo>{0});
  hall.set_ready(0, true);
  EXPECT_EQ(hall.next()->worker, 0u);
}

TEST_F(WithResources, TheLeastLoadedWithRoomIsChosenAndListed) {
  hire(0, "1", 4);
  hire(1, "1", 4);
  hire(2, "8", 4);
  for (WorkerNo expected : {0u, 1u, 2u, 2u}) {
    const auto pick = *hall.next();
    ASSERT_EQ(pick.worker, expected);
    std::vector<std::uint64_t> best;
    std::vector<Listed> listed;
    hall.short_list(pick, 1, best, listed);
    for (const auto& one : listed) EXPECT_GE(one.worker, expected);
    hall.take(pick, 1, 1);
  }
}

}  // namespace
}  // namespace hirehall::scheduler
