// Which of the capable workers gets the task, and what comes and goes.
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

class Workers : public Hall {
 protected:
  void SetUp() override { open_lanes({1}); }
  // Awards without finishing.
  WorkerNo award() {
    const auto pick = hall.next();
    if (!pick) return none;
    hall.take(*pick, 1, 1);
    return pick->worker;
  }
};

TEST_F(Workers, NobodyMeansNoPick) {
  EXPECT_FALSE(hall.next());
}

TEST_F(Workers, TheLeastOutstandingIsChosen) {
  for (WorkerNo worker = 0; worker < 3; ++worker) hall.connect(worker, worker_doing({"echo"}), plenty);
  hall.set_held(0, 2), hall.set_held(1, 1), hall.set_held(2, 3);
  EXPECT_EQ(award(), 1u);  // 2 1 3
  EXPECT_EQ(award(), 0u);  // 2 2 3
  EXPECT_EQ(award(), 1u);  // 3 2 3
  EXPECT_EQ(award(), 0u);  // 3 3 3
  hall.release(2, 2);
  EXPECT_EQ(award(), 2u);
}

TEST_F(Workers, LoadIsOutstandingPerSlot) {
  hall.connect(0, worker_doing({"echo"}, 1), plenty);
  hall.connect(1, worker_doing({"echo"}, 3), plenty);
  int given[2] = {};
  for (int i = 0; i < 400; ++i) ++given[award()];
  EXPECT_NEAR(given[1], 300, 2);
}

TEST_F(Workers, LoadsAreComparedAcrossGroups) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.connect(1, worker_doing({"echo", "other"}), plenty);
  hall.set_held(0, 1);
  const auto pick = hall.next();
  EXPECT_EQ(pick->worker, 1u);
  EXPECT_EQ(pick->runner_up, 0u);
  EXPECT_EQ(pick->runner_up_load, load_one);
  EXPECT_EQ(pick->candidates, 2u);
}

TEST_F(Workers, AwardsStopAtTheCredit) {
  hall.connect(0, worker_doing({"echo"}), 2);
  EXPECT_EQ(award(), 0u);
  EXPECT_EQ(award(), 0u);
  EXPECT_EQ(award(), none);
  hall.set_credit(0, 3);
  EXPECT_EQ(award(), 0u);
  EXPECT_EQ(award(), none);
  hall.release(0, 1);
  EXPECT_EQ(award(), 0u);
}

TEST_F(Workers, ADrainingWorkerGetsNothingMore) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.set_draining(0, true);
  EXPECT_EQ(award(), none);
  EXPECT_TRUE(hall.served(0));
  hall.set_draining(0, false);
  EXPECT_EQ(award(), 0u);
}

TEST_F(Workers, ALeavingWorkerKeepsWhatItHoldsInTheBooks) {
  hall.connect(0, worker_doing({"echo"}), 2);
  award(), award();
  hall.disconnect(0);
  EXPECT_EQ(award(), none);
  EXPECT_EQ(hall.held(0), 2u);
  hall.release(0, 1);
  hall.connect(0, worker_doing({"echo"}), 2);
  EXPECT_EQ(award(), 0u);
  EXPECT_EQ(award(), none);
}

TEST_F(Workers, ConnectingAgainReplacesAbilities) {
  hall.connect(0, worker_doing({"other"}), plenty);
  EXPECT_EQ(award(), none);
  hall.connect(0, worker_doing({"echo"}), plenty);
  EXPECT_EQ(award(), 0u);
  hall.connect(0, worker_doing({"other"}), plenty);
  EXPECT_EQ(award(), none);
}

TEST_F(Workers, ConnectingAgainWithTheSameAbilitiesEndsDraining) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.set_draining(0, true);
  hall.connect(0, worker_doing({"echo"}), plenty);
  EXPECT_EQ(award(), 0u);
}

TEST_F(Workers, ManyGenerationsOfAbilitiesAreForgotten) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  for (int i = 0; i < 1000; ++i) {
    hall.connect(1, worker_doing({"echo", "generation " + std::to_string(i)}), plenty);
    hall.disconnect(1);
  }
  const auto before = hall.effort().looked_at;
  EXPECT_EQ(award(), 0u);
  EXPECT_LE(hall.effort().looked_at - before, 150u);
}

TEST_F(Workers, AskingAloneChangesNothing) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.connect(1, worker_doing({"echo"}), plenty);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(hall.next()->worker, 0u);
}

TEST_F(Workers, ARunLastsUntilTheNextWorkerIsLessLoaded) {
  hall.connect(0, worker_doing({"echo"}, 2), plenty);
  hall.connect(1, worker_doing({"echo"}, 1), plenty);
  hall.set_held(1, 5);
  EXPECT_EQ(hall.next()->run, 11u);  // 0 … 10 held on two slots are at most 5 on one, and its number is lower
  hall.disconnect(1);
  EXPECT_EQ(hall.next()->run, run_max);
  hall.set_credit(0, 7);
  EXPECT_EQ(hall.next()->run, 7u);
}

TEST_F(Workers, WithAnotherLaneWaitingARunIsOne) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.define_lane(1, 0, 1);
  hall.set_ready(hall.shelf(1, 0), true);
  EXPECT_EQ(hall.next()->run, 1u);
}

TEST_F(Workers, TasksThatNobodyCanDoHideNobodyAndCostNothing) {
  hall.connect(0, worker_doing({"echo"}), plenty);
  hall.connect(1, worker_doing({"echo"}), plenty);
  const auto cost_of_picks = [&] {
    const auto before = hall.effort().looked_at;
    for (int i = 0; i < 500000; ++i) serve();
    return hall.effort().looked_at - before;
  };
  serve();
  const auto alone = cost_of_picks();
  for (ClassNo cls = 1; cls <= 10000; ++cls) {
    hall.define_class(cls, "nobody's " + std::to_string(cls), {});
    hall.set_ready(hall.shelf(0, cls), true);
  }
  EXPECT_EQ(cost_of_picks(), alone);
}

TEST_F(Workers, ABusyKindOfWorkerHidesNoOther) {
  hall.define_class(1, "slow", {});
  hall.set_ready(hall.shelf(0, 0), true, 5);
  hall.set_ready(hall.shelf(0, 1), true, 4);
  hall.connect(0, worker_doing({"slow"}), 1);
  hall.connect(1, worker_doing({"echo"}), plenty);
  hall.set_held(0, 1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(award(), 1u);
  hall.set_held(0, 0);
  EXPECT_EQ(hall.next()->worker, 0u) << "the lane's other shelf was not forgotten";
}

}  // namespace
}  // namespace hirehall::scheduler
