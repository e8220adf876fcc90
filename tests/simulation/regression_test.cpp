// What the roaming worlds found, each as a dialogue with the broker (docs/testing.md, track record).
#include <gtest/gtest.h>

#include "client/src/body.h"
#include "common/log.h"
#include "tests/simulation/broker_host.h"
#include "tests/simulation/client_host.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

using client::Body;
using wire::Kind;

// A peer that sends what a test says and keeps what comes.
class RawPeer final : public NetworkPeer {
 public:
  explicit RawPeer(Scene& scene) : scene_(scene), link_(scene.network.open(this)) {}
  void connected(Link) override {}
  void disconnected(Link) override {}
  void arrived(Link, std::string_view frame) override { frames.emplace_back(frame); }

  std::uint64_t send(Kind kind, std::string_view body) {
    std::string frame;
    wire::write_header(frame, kind, ++request_);
    frame += body;
    scene_.network.send(link_, frame);
    return request_;
  }
  void pass(Micros time) {
    auto until = scene_.time.now() + time;
    while (scene_.time.step(until)) {
    }
  }
  // The last frame of a kind; fails the test when there is none.
  std::string last(Kind kind) {
    for (auto at = frames.rbegin(); at != frames.rend(); ++at)
      if (static_cast<Kind>(wire::read_frame(*at)->header.kind) == kind)
        return std::string(wire::read_frame(*at)->body);
    ADD_FAILURE() << "no frame of kind " << static_cast<int>(kind) << " came";
    return {};
  }
  std::size_t count(Kind kind) const {
    std::size_t n = 0;
    for (const auto& f : frames) n += static_cast<Kind>(wire::read_frame(f)->header.kind) == kind;
    return n;
  }
  void greet(const char* role) {
    Body b;
    b.text("role", role);
    send(Kind::hello, b.take());
    pass(second);
    last(Kind::welcome);
  }

  std::vector<std::string> frames;

 private:
  Scene& scene_;
  Link link_;
  std::uint64_t request_ = 0;
};

class Regression : public testing::Test {
 protected:
  Regression() : scene(1, Weather::fair()), broker(scene) {
    log::set_level(log::Level::off);
    broker.start();
  }
  std::string submit_body(std::uint64_t batch) {
    TaskOptions options;
    options.type = "type0";
    auto number = scene.model.intend(options, 10, true);
    return submit_body(batch, number);
  }
  std::string submit_body(std::uint64_t batch, Number number) {
    std::string body;
    msgpack::Writer w(body);
    w.array(4);
    w.uint(batch);
    w.uint(0);
    w.array(1);
    w.raw(options_bytes(scene.model.intent(number).options));
    w.array(1);
    w.array(2), w.uint(0), w.bin(scene.model.intent(number).payload);
    return body;
  }

  static std::string registration() {
    std::string body;
    msgpack::Writer w(body);
    w.map(3);
    w.entry("name", "w"), w.entry_uint("slots", 1);
    w.str("agents"), w.array(1), w.map(2), w.entry("name", "a");
    w.str("types"), w.array(1), w.str("type0");
    return body;
  }

  Scene scene;
  BrokerHost broker;
};

// Seed 565 of the first thousand: a client that reconnected on a full disk was told that a recorded batch was
// refused, and gave its number to the next one (I1, I3).
TEST_F(Regression, ARecordedBatchKeepsItsAnswerWhenTheDiskIsFull) {
  RawPeer client(scene);
  client.greet("client");
  auto body = submit_body(1);
  client.send(Kind::submit, body);
  client.pass(second);
  auto id = read_submitted(client.last(Kind::submitted)).answers.at(0).items.at(0).id;
  broker.set_full(true);
  auto again = client.send(Kind::submit, body);
  client.pass(second);
  auto answer = read_submitted(client.last(Kind::submitted)).answers.at(0);
  EXPECT_EQ(answer.request, again);
  EXPECT_EQ(answer.items.at(0).id, id);
  client.send(Kind::submit, submit_body(2));
  client.pass(second);
  EXPECT_EQ(wire::read_error(client.last(Kind::error)).code, Code::disk_full);
}

// A client that has less to say than a quarter of its window says nothing: the broker must not wait for it
// (I9).
TEST_F(Regression, AResultLargerThanTheRestOfAWindowIsPushed) {
  RawPeer client(scene), worker(scene);
  client.greet("client");
  worker.greet("worker");
  worker.send(Kind::register_worker, registration());
  Body subscribe;
  subscribe.number("window_bytes", 4096);
  client.send(Kind::subscribe, subscribe.take());
  for (std::uint64_t n = 1; n <= 2; ++n) {
    client.send(Kind::submit, submit_body(n));
    client.pass(second);
    auto award = read_award(worker.last(Kind::award)).items.at(0);
    auto result = "R" + std::to_string(n) + "/" + std::to_string(award.token);
    result.append(n == 1 ? 500 : 3900, 'r');
    std::string finish;
    msgpack::Writer f(finish);
    f.array(4), f.uint(1), f.array(1);
    f.array(4), f.uint(award.token), f.uint(static_cast<std::uint64_t>(Outcome::succeeded)), f.bin(result);
    f.map(0);
    f.uint(n), f.uint(n - 1);
    worker.send(Kind::finish, finish);
    client.pass(second);
  }
  EXPECT_EQ(client.count(Kind::results), 2u);
}

// Seed 404 of the first thousand: get told a state of before an attempt that it did not count any more (I7).
TEST_F(Regression, GetDuringTheEndOfAnAttemptTellsOneState) {
  RawPeer client(scene), worker(scene);
  client.greet("client");
  worker.greet("worker");
  worker.send(Kind::register_worker, registration());
  worker.pass(second);
  scene.weather.sync = 300 * ms;
  scene.weather.read = 100 * ms;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    client.send(Kind::submit, submit_body(n));
    client.pass(2 * second);
    auto award = read_award(worker.last(Kind::award)).items.at(0);
    Body ask;
    ask.bin("id", award.id);
    std::string finish;
    msgpack::Writer f(finish);
    f.array(4), f.uint(1), f.array(1);
    f.array(4), f.uint(award.token), f.uint(static_cast<std::uint64_t>(Outcome::snoozed)), f.bin("");
    f.map(1), f.entry_sint("delay_ms", 600'000);
    f.uint(n), f.uint(n - 1);
    client.send(Kind::get, ask.take());
    client.pass(3 * ms);
    worker.send(Kind::finish, finish);
    client.pass(2 * second);
    auto task = read_task(client.last(Kind::ok));
    EXPECT_TRUE(task.state == State::leased || task.state == State::scheduled) << name_of(*task.state);
    EXPECT_EQ(task.attempts, 1u);
  }
}

}  // namespace
}  // namespace hirehall::sim
