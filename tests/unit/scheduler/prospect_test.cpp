// Who could do a class, told for people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {
namespace {

using testing::ElementsAre;

WorkerSpec hand(std::vector<std::string> types, std::vector<std::string> tools = {}, StringMap labels = {}) {
  WorkerSpec spec;
  spec.agents.push_back({.name = "a",
                         .version = {},
                         .digest = {},
                         .types = std::move(types),
                         .capabilities = {},
                         .tools = std::move(tools),
                         .labels = {},
                         .tier = 0});
  spec.labels = std::move(labels);
  return spec;
}

struct Shop {
  Shop() {
    d.define_queue(0, 1);
    Requirements wanted;
    wanted.tools = {"brush", "easel"};
    d.define_class(0, "draw", wanted);
    d.define_class(1, "draw", {});
  }
  Dispatcher d;
};

TEST(Prospect, NamesTheWorkerThatLacksLeast) {
  Shop s;
  s.d.connect(1, hand({"write"}), 1);
  s.d.connect(2, hand({"draw"}), 1);
  s.d.connect(3, hand({"draw"}, {"brush"}), 1);
  auto p = s.d.prospect(0, 0);
  EXPECT_EQ(p.connected, 3u);
  EXPECT_EQ(p.capable, 0u);
  EXPECT_EQ(p.nearest, 3u);
  EXPECT_THAT(p.nearest_lacks, ElementsAre("tool easel"));
  s.d.disconnect(3);
  EXPECT_EQ(s.d.prospect(0, 0).nearest, 2u) << "who does the type is nearer than who does not";
}

TEST(Prospect, CountsThoseThatDrainAndThoseThatAreFull) {
  Shop s;
  s.d.connect(1, hand({"draw"}), 2);
  s.d.connect(2, hand({"draw"}), 1);
  s.d.set_held(1, 2);
  s.d.set_draining(2, true);
  auto p = s.d.prospect(1, 0);
  EXPECT_EQ(p.capable, 2u);
  EXPECT_EQ(p.draining, 1u);
  EXPECT_EQ(p.full, 1u);
  EXPECT_EQ(p.held, 2u);
  EXPECT_EQ(p.credit, 2u);
  s.d.set_held(1, 1);
  EXPECT_EQ(s.d.prospect(1, 0).full, 0u);
}

}  // namespace
}  // namespace hirehall::scheduler
