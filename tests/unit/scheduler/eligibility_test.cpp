// Who may be given what, and what is said when nobody may.
#include <gmock/gmock.h>

#include "scheduler/ability.h"
#include "tests/unit/scheduler/hall.h"

namespace hirehall::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  std::string name;
  Requirements required;
  std::vector<std::string> missing;  // none: eligible
};

Requirements capabilities(std::vector<std::string> words) {
  return {.capabilities = std::move(words), .tools = {}, .labels = {}, .tier = 0, .resources = {}};
}
Requirements tools(std::vector<std::string> words) {
  return {.capabilities = {}, .tools = std::move(words), .labels = {}, .tier = 0, .resources = {}};
}
Requirements labels(StringMap map) {
  return {.capabilities = {}, .tools = {}, .labels = std::move(map), .tier = 0, .resources = {}};
}
Requirements tier(std::int64_t least) {
  return {.capabilities = {}, .tools = {}, .labels = {}, .tier = least, .resources = {}};
}
Requirements resources(StringMap map) {
  return {.capabilities = {}, .tools = {}, .labels = {}, .tier = 0, .resources = std::move(map)};
}

WorkerSpec skilled() {
  auto spec = worker_doing({"draw", "write"});
  auto& agent = spec.agents[0];
  agent.capabilities = {"vision", "german"};
  agent.tools = {"browser", "shell"};
  agent.labels = {{"model", "large"}};
  agent.tier = 3;
  spec.labels = {{"zone", "eu"}};
  spec.resources = {{"gpu", "2"}, {"memory", "16Gi"}, {"odd", "many"}};
  return spec;
}

class Eligibility : public Hall, public ::testing::WithParamInterface<Case> {};

TEST_P(Eligibility, DecidesAndExplains) {
  hall.define_queue(0, 1);
  hall.define_lane(0, 0, 1);
  hall.define_class(0, "draw", GetParam().required);
  hall.set_ready(hall.shelf(0, 0), true);
  hall.connect(0, skilled(), 1);

  EXPECT_EQ(hall.missing(0), GetParam().missing);
  EXPECT_EQ(hall.served(0), GetParam().missing.empty());
  EXPECT_EQ(hall.next().has_value(), GetParam().missing.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Requirement, Eligibility,
    ::testing::Values(Case{"Nothing", {}, {}}, Case{"Capabilities", capabilities({"vision", "german"}), {}},
                      Case{"MissingCapability", capabilities({"vision", "french"}), {"capability french"}},
                      Case{"Tool", tools({"shell"}), {}},
                      Case{"MissingTools", tools({"gdb", "lldb"}), {"tool gdb", "tool lldb"}},
                      Case{"LabelOfTheAgent", labels({{"model", "large"}}), {}},
                      Case{"LabelOfTheWorker", labels({{"zone", "eu"}}), {}},
                      Case{"OtherValueOfALabel", labels({{"zone", "us"}}), {"label zone=us"}},
                      Case{"UnknownLabel", labels({{"rack", "7"}}), {"label rack=7"}},
                      Case{"TierReached", tier(3), {}}, Case{"TierTooHigh", tier(4), {"tier 4 or higher"}},
                      Case{"EnoughOfAResource", resources({{"gpu", "2"}}), {}},
                      Case{"ResourceWithUnit", resources({{"memory", "16000M"}}), {}},
                      Case{"TooLittleOfAResource", resources({{"gpu", "3"}}), {"resource gpu 3"}},
                      Case{"TooLittleWithUnit", resources({{"memory", "17Gi"}}), {"resource memory 17Gi"}},
                      Case{"UnknownResource", resources({{"tpu", "1"}}), {"resource tpu 1"}},
                      Case{"UnreadableOffer", resources({{"odd", "1"}}), {"resource odd 1"}},
                      Case{"UnreadableRequirement",
                           resources({{"gpu", "a few"}}),
                           {"resource gpu a few (not a whole amount)"}}),
    [](const auto& info) { return info.param.name; });

class Missing : public Hall {};

TEST_F(Missing, AWorkerWhenThereIsNone) {
  hall.define_class(0, "draw", {});
  EXPECT_THAT(hall.missing(0), ElementsAre("a connected worker"));
}

TEST_F(Missing, TheTypeWhenNobodyKnowsIt) {
  hall.define_class(0, "sing", capabilities({"voice"}));
  hall.connect(0, skilled(), 1);
  EXPECT_THAT(hall.missing(0), ElementsAre("type sing"));
}

TEST_F(Missing, ATypeWhenNoneIsGiven) {
  hall.define_class(0, "", {});
  hall.connect(0, worker_doing({""}), 1);
  EXPECT_FALSE(hall.served(0));
  EXPECT_THAT(hall.missing(0),
              ElementsAre("a type: tasks found by their description are awarded to nobody yet"));
}

TEST_F(Missing, TheCombinationWhenEachPartIsThereInAnotherAgent) {
  auto spec = worker_doing({"draw"});
  spec.agents.push_back(spec.agents[0]);
  spec.agents[0].capabilities = {"vision"};
  spec.agents[1].tools = {"browser"};
  auto required = capabilities({"vision"});
  required.tools = {"browser"};
  hall.define_class(0, "draw", required);
  hall.connect(0, spec, 1);
  EXPECT_THAT(hall.missing(0), ElementsAre("all that it requires in one agent for type draw"));
}

TEST_F(Missing, NothingWhileAServingWorkerIsBusyAndSomethingWhenItLeaves) {
  hall.define_class(0, "draw", {});
  hall.connect(0, skilled(), 0);
  EXPECT_TRUE(hall.served(0));
  EXPECT_THAT(hall.missing(0), IsEmpty());
  hall.disconnect(0);
  EXPECT_FALSE(hall.served(0));
  EXPECT_THAT(hall.missing(0), ElementsAre("a connected worker"));
}

TEST_F(Missing, TheFirstCapableAgentOfTheWorkerIsNamed) {
  auto spec = worker_doing({"write"});
  spec.agents.push_back(skilled().agents[0]);
  open_lanes({1});
  hall.define_class(1, "draw", {});
  hall.set_ready(hall.shelf(0, 1), true);
  hall.connect(0, spec, 1);
  EXPECT_EQ(hall.next()->agent, 1);
}

TEST_F(Missing, ARequirementForANewLabelTellsConnectedWorkersApart) {
  open_lanes({1});
  auto near = worker_doing({"echo"}), far = worker_doing({"echo"});
  near.labels = {{"host", "a"}};
  far.labels = {{"host", "b"}};
  hall.connect(0, near, plenty);
  hall.connect(1, far, plenty);
  hall.define_class(1, "echo", labels({{"host", "b"}}));
  hall.define_lane(1, 0, 1);
  hall.set_ready(hall.shelf(1, 1), true);
  hall.set_ready(hall.shelf(0, 0), false);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(serve().worker, 1u);
}

TEST(Amount, ReadsWholeNumbersWithUnits) {
  EXPECT_EQ(parse_amount("0"), 0);
  EXPECT_EQ(parse_amount("8k"), 8000);
  EXPECT_EQ(parse_amount("2Ti"), std::int64_t{2} << 40);
  for (const auto* bad : {"", "k", "-1", "1.5", "1 G", "1gi", "9223372036854775808", "10000000000G", "0x10"})
    EXPECT_EQ(parse_amount(bad), std::nullopt) << bad;
}

class BoundWorkers : public Hall {
 protected:
  // Lane i lies in queue i; class 0 is "echo".
  void SetUp() override {
    for (QueueNo queue = 0; queue < 3; ++queue) {
      hall.define_queue(queue, 1);
      hall.define_lane(queue, queue, 1);
    }
    hall.define_class(0, "echo", {});
    for (LaneNo lane = 0; lane < 3; ++lane) hall.set_ready(hall.shelf(lane, 0), true);
  }
  static WorkerSpec bound_to(std::vector<QueueNo> queues) {
    auto spec = worker_doing({"echo"});
    spec.queues = std::move(queues);
    return spec;
  }
  std::map<LaneNo, std::map<WorkerNo, int>> serve_all(int count) {
    std::map<LaneNo, std::map<WorkerNo, int>> served;
    for (int i = 0; i < count; ++i) {
      const auto pick = hall.next();
      if (!pick) break;
      hall.take(*pick, 1, 1);
      ++served[pick->lane][pick->worker];
    }
    return served;
  }
};

TEST_F(BoundWorkers, GetTasksOfTheirQueuesOnly) {
  hall.connect(0, bound_to({2, 1}), 10);
  auto served = serve_all(20);
  EXPECT_EQ(served.count(0), 0u);
  EXPECT_EQ(served[1][0], 5);
  EXPECT_EQ(served[2][0], 5);
  EXPECT_THAT(hall.missing(0, 0), ElementsAre("the right to serve its queue"));
  EXPECT_THAT(hall.missing(0, 1), IsEmpty());
}

TEST_F(BoundWorkers, ShareTheirQueuesWithThoseWhoServeAll) {
  hall.connect(0, bound_to({1}), 4);
  hall.connect(1, worker_doing({"echo"}), 6);
  auto served = serve_all(20);
  EXPECT_EQ(served[0][0] + served[2][0], 0);
  EXPECT_EQ(served[1][0], 4);
  EXPECT_EQ(served[0][1] + served[1][1] + served[2][1], 6);
}

TEST_F(BoundWorkers, AreBoundAnewWhenTheyConnectAgain) {
  hall.connect(0, bound_to({1}), 1);
  EXPECT_EQ(hall.next()->lane, 1u);
  hall.connect(0, bound_to({2}), 1);
  EXPECT_EQ(hall.next()->lane, 2u);
  hall.connect(0, bound_to({}), 1);
  EXPECT_FALSE(hall.next());
  hall.connect(0, worker_doing({"echo"}), 1);
  EXPECT_EQ(hall.next()->lane, 0u);
}

TEST_F(BoundWorkers, GetWorkThatComesLater) {
  hall.connect(0, bound_to({1}), 10);
  hall.define_class(1, "echo", {});
  hall.define_lane(3, 1, 1);
  hall.define_lane(4, 0, 1);
  hall.set_ready(hall.shelf(1, 0), false);
  EXPECT_FALSE(hall.next());
  hall.set_ready(hall.shelf(4, 1), true);
  EXPECT_FALSE(hall.next());
  hall.set_ready(hall.shelf(3, 1), true);
  EXPECT_EQ(hall.next()->lane, 3u);
}

}  // namespace
}  // namespace hirehall::scheduler
