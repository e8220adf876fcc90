// Room that is kept for tasks that ask for much: dialogues with the engine.
#include "scheduler/room_waits.h"

#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

TaskOptions asking(const std::string& gpus) {
  auto options = echo();
  options.requirements.resources = {{"gpu", gpus}};
  return options;
}

class KeptRooms : public ::testing::Test {
 protected:
  static Engine::Settings patient(Millis ms) {
    Engine::Settings settings;
    settings.room_patience_ms = ms;
    return settings;
  }
  Hand& hire(Hall& hall, const std::string& gpus = "4") {
    auto& hand = hall.hire({"echo"}, 16);
    hand.resources = {{"gpu", gpus}};
    hall.come_back(hand, {});
    return hand;
  }
  // Ends the attempt that began first.
  static void end_one(Hall& hall, Hand& hand) {
    hall.finish(hand, hand.awards.front(), Outcome::succeeded);
    hall.turn();
  }
  static const scheduler::RoomWaits& rooms(const Hall& hall) { return hall.engine->dispatcher().rooms(); }
};

TEST_F(KeptRooms, ALargeTaskGoesBeforeTheStreamOfSmallOnesAfterThePatience) {
  Hall hall(patient(2000));
  auto& hand = hire(hall);
  for (int i = 0; i < 40; ++i) hall.submit("small", asking("1"));
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 4u);
  const auto large = hall.submit("large", asking("4"));
  hall.turn();
  for (int i = 0; i < 3; ++i) end_one(hall, hand);
  EXPECT_EQ(hand.awards.size(), 4u) << "small ones follow each other";
  EXPECT_LE(hall.engine->next_deadline(), hall.now + 2000);
  hall.pass(2100);
  ASSERT_EQ(rooms(hall).kept().size(), 1u);
  for (int i = 0; i < 3; ++i) end_one(hall, hand);
  ASSERT_EQ(hand.awards.size(), 1u) << "nothing follows";
  EXPECT_EQ(hall.state(large), State::ready);
  end_one(hall, hand);
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hall.name(hand.awards.front()), "large");
  EXPECT_TRUE(rooms(hall).kept().empty());
  end_one(hall, hand);
  EXPECT_EQ(hand.awards.size(), 4u);
}

TEST_F(KeptRooms, AnEndOfTheWaitGivesTheRoomToTheOthersAtOnce) {
  for (const bool pause : {false, true}) {
    Hall hall(patient(1000));
    auto& hand = hire(hall);
    for (int i = 0; i < 10; ++i) hall.submit("small", asking("1"));
    hall.turn();
    auto options = asking("4");
    options.type = "train";
    hand.types = {"echo", "train"};
    hall.come_back(hand,
                   {hand.awards[0].token, hand.awards[1].token, hand.awards[2].token, hand.awards[3].token});
    const auto large = hall.submit("large", options);
    hall.turn();
    hall.pass(1200);
    ASSERT_EQ(rooms(hall).kept().size(), 1u);
    end_one(hall, hand);
    ASSERT_EQ(hand.awards.size(), 3u);
    if (pause)
      hall.engine->pause("", "train", "", "", true);
    else
      hall.cancel(large);
    hall.turn();
    hall.turn();
    EXPECT_TRUE(rooms(hall).kept().empty());
    EXPECT_EQ(hand.awards.size(), 4u);
  }
}

TEST_F(KeptRooms, ARestartBeginsTheWaitAnewAndForgetsNoLease) {
  Hall hall(patient(1000));
  auto& hand = hire(hall);
  for (int i = 0; i < 10; ++i) hall.submit("small", asking("1"));
  hall.turn();
  hall.submit("large", asking("4"));
  hall.turn();
  hall.pass(1200);
  ASSERT_EQ(rooms(hall).kept().size(), 1u);
  hall.restart();
  EXPECT_TRUE(rooms(hall).kept().empty());
  std::vector<std::uint64_t> holding;
  for (const auto& award : hand.awards) holding.push_back(award.token);
  hall.come_back(hand, holding);
  hall.turn();
  hall.pass(1200);
  ASSERT_EQ(rooms(hall).kept().size(), 1u);
  for (int i = 0; i < 4; ++i) end_one(hall, hand);
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(hall.name(hand.awards.front()), "large");
}

TEST_F(KeptRooms, WithoutPatienceNothingIsKept) {
  Hall hall(patient(0));
  auto& hand = hire(hall);
  for (int i = 0; i < 10; ++i) hall.submit("small", asking("1"));
  hall.turn();
  hall.submit("large", asking("4"));
  hall.pass(20'000);
  EXPECT_TRUE(rooms(hall).kept().empty());
  end_one(hall, hand);
  EXPECT_EQ(hand.awards.size(), 4u);
}

TEST_F(KeptRooms, ManyCrampedLinesAreOfferedAFewAtATimeAndNoneIsForgotten) {
  Hall hall(patient(0));
  auto& hand = hire(hall, "300");
  hall.submit("all", asking("300"));
  hall.turn();
  constexpr int lines = 250;
  for (int i = 1; i <= lines; ++i) hall.submit("line", asking(std::to_string(50 + i)));
  hall.turn();
  ASSERT_EQ(hand.awards.size(), 1u);
  EXPECT_EQ(rooms(hall).all().size(), lines);
  int ended = 0;
  while (!hand.awards.empty() && ended <= lines) {
    end_one(hall, hand);
    ++ended;
    for (int i = 0; i < 4 && hall.engine->more_to_award(); ++i) hall.turn();
  }
  EXPECT_EQ(ended, lines + 1);
}

}  // namespace
}  // namespace hirehall::engine
