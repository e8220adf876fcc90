// Pauses of a queue, a type and a tenant, alone and together; and where a ready task stands.
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions in(const char* queue, const char* tenant = "") {
  auto options = echo();
  options.queue = queue;
  options.tenant = tenant;
  return options;
}

TEST(Pauses, OfAQueueAndATypeTogetherHoldOnlyWhatMatchesBoth) {
  Hall hall;
  ASSERT_TRUE(hall.engine->set_queue("other", {}));
  hall.engine->pause("default", "echo", "", "repair", true, "ada");
  hall.submit("held", in("default"));
  hall.submit("free", in("other"));
  auto& hand = hall.hire({"echo"}, 2);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hall.name(hall.award(hand)), "free");
  hall.engine->pause("default", "echo", "", "", false);
  hall.turn();
  EXPECT_EQ(hall.name(hall.award(hand)), "held");
}

TEST(Pauses, OfATypeAndATenantTogetherHoldOnlyWhatMatchesBoth) {
  Hall hall;
  hall.engine->pause("", "echo", "acme", "", true);
  hall.submit("held", in("default", "acme"));
  hall.submit("free", in("default", "other"));
  auto& hand = hall.hire({"echo"}, 2);
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hall.name(hall.award(hand)), "free");
}

TEST(Pauses, TellWhoAndWhenAfterARestart) {
  for (const bool from_snapshot : {false, true}) {
    Hall hall;
    hall.engine->pause("default", "", "", "repair", true, "ada");
    auto at = hall.engine->now();
    hall.turn();
    hall.restart(from_snapshot);
    const auto& queue = hall.engine->ledger().queues.at(0);
    const auto* pause = hall.engine->ledger().pause_of(queue);
    ASSERT_NE(pause, nullptr);
    EXPECT_EQ(pause->by, "ada");
    EXPECT_EQ(pause->reason, "repair");
    EXPECT_EQ(pause->at, at);
    EXPECT_TRUE(queue.paused);
  }
}

struct Standing {
  explicit Standing(Engine::Settings settings = {}) : hall(settings) {}
  Engine::Ahead of(Sequence sequence, int priority = 5) {
    Place place;
    place.priority = static_cast<std::uint8_t>(priority);
    return hall.engine->ahead_of(place, sequence);
  }
  Hall hall;
};

TEST(Ahead, CountsHigherPrioritiesAndThoseBeforeItInLine) {
  Standing s;
  std::vector<Sequence> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(s.hall.submit("t" + std::to_string(i)));
  auto urgent = echo();
  urgent.priority = 9;
  auto first = s.hall.submit("urgent", urgent);
  s.hall.turn();
  EXPECT_EQ(s.of(tasks[2]).tasks, 3u);
  EXPECT_TRUE(s.of(tasks[2]).exact);
  EXPECT_EQ(s.of(first, 9).tasks, 0u);
  s.hall.cancel(tasks[0]);
  s.hall.turn();
  EXPECT_EQ(s.of(tasks[2]).tasks, 2u) << "what has ended stands before nobody";
}

TEST(Ahead, OfATaskOnAPageIsALowerBound) {
  Engine::Settings settings;
  settings.window_bytes = 4096;
  Standing s(settings);
  std::vector<Sequence> tasks;
  for (int i = 0; i < 400; ++i) {
    tasks.push_back(s.hall.submit("t" + std::to_string(i)));
    s.hall.turn();
  }
  bool bounded = false;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    auto ahead = s.of(tasks[i]);
    EXPECT_LE(ahead.tasks, i);
    if (ahead.exact) {
      EXPECT_EQ(ahead.tasks, i);
    }
    bounded = bounded || !ahead.exact;
  }
  EXPECT_TRUE(bounded) << "with so small a window some task is on a page";
}

}  // namespace
}  // namespace hirehall::engine
