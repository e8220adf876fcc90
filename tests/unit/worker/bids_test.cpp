// A worker's session is called for bids, and says them.
#include <gmock/gmock.h>

#include "common/task_features.h"
#include "tests/unit/worker/broker_side.h"
#include "worker/session.h"

namespace hirehall::worker {
namespace {

using testing::IsEmpty;
using wire::Kind;

TEST(Session, ACallForBidsIsOneForEachAgentAndBidsAreSaidOnce) {
  BrokerSide broker;
  broker.join();
  broker.say(Kind::call_for_bids, 0, [](auto& w) {
    w.map(9);
    w.entry_uint("round", 7);
    w.entry_sint("left_ms", 200);
    w.str("agents"), w.array(2), w.str("echo"), w.str("other");
    w.entry("type", "echo");
    w.entry("queue", "default");
    w.entry_uint("payload_bytes", 12);
    w.entry_uint("priority", 50);
    w.str("features"), w.map(1), w.entry_uint("tokens", 12'000);
    w.entry("something", "new");
  });
  ASSERT_EQ(broker.out.calls.size(), 2u);
  EXPECT_EQ(broker.out.calls[1].agent, "other");
  EXPECT_EQ(broker.out.calls[1].round, 7u);
  EXPECT_EQ(broker.out.calls[1].payload_bytes, 12u);
  EXPECT_EQ(broker.out.calls[1].left_ms, 200);
  EXPECT_EQ(broker.out.calls[1].features, write_features({{"tokens", true, 12'000, {}}}));
  broker.session.bid({7, "echo", 0.25});
  broker.session.bid({7, "other", std::nullopt});
  broker.session.flush(broker.now, broker.out);
  const auto sent = broker.only(Kind::bid);
  msgpack::Reader r(sent.body);
  EXPECT_EQ(r.array(), 2u);
  EXPECT_EQ(r.array(), 3u);
  EXPECT_EQ(r.uint(), 7u);
  EXPECT_EQ(r.str(), "echo");
  EXPECT_EQ(r.real(), 0.25);
  EXPECT_EQ(r.array(), 3u);
  r.uint();
  EXPECT_EQ(r.str(), "other");
  EXPECT_TRUE(r.skip_nil());
  EXPECT_TRUE(r.finished());
  broker.session.disconnected(broker.now);
  broker.session.bid({7, "echo", 0.25});
  broker.session.flush(broker.now, broker.out);
  EXPECT_THAT(broker.sent(), IsEmpty()) << "without a session a bid is forgotten";
}

TEST(Session, AMalformedCallAsksNobody) {
  BrokerSide broker;
  broker.join();
  broker.say(Kind::call_for_bids, 0, [](auto& w) {
    w.map(2);
    w.entry("round", "seven");
    w.str("agents"), w.array(1), w.str("echo");
  });
  EXPECT_TRUE(broker.out.calls.empty());
  EXPECT_EQ(broker.session.counters().malformed, 1u);
}

}  // namespace
}  // namespace hirehall::worker
