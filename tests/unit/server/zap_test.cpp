#include "broker/server/zap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "broker/server/curve.h"
#include "broker/server/endpoint.h"
#include "tests/unit/server/scratch.h"
#include "tests/unit/server/zmq_pair.h"

namespace hirehall::server {
namespace {

std::string yaml_of(const std::string& name, const KeyPair& keys) {
  return "principals:\n  - name: " + name + "\n    public_key: '" + keys.public_key.data() +
         "'\n    roles: [developer]\n    tenants: [red]\n";
}

void no_death(const Error& error) {
  ADD_FAILURE() << describe(error);
}

// A broker's door: handler, book and a ROUTER that is bound with CURVE, or without.
struct Door {
  ZmqContext context;
  Scratch scratch;
  KeyPair broker;
  CurveKeys keys{broker.public_key.data(), broker.secret_key.data()};
  PrincipalBook book;
  std::unique_ptr<ZapHandler> handler;
  std::optional<ZmqSocket> router;
  std::string endpoint;

  Door() {
    auto started = ZapHandler::start(context.handle, book, no_death);
    EXPECT_TRUE(started) << describe(started.error());
    handler = std::move(*started);
    router.emplace(context, ZMQ_ROUTER);
  }
  ~Door() {
    router.reset();
    handler.reset();
  }

  void listen(const std::string& text, const ListenPolicy& policy) {
    auto bound = bind_endpoint(router->handle, *parse_endpoint(text), policy);
    ASSERT_TRUE(bound) << describe(bound.error());
    endpoint = *bound;
  }
  void listen_curve() { listen("tcp://127.0.0.1:*", {false, &keys}); }
  void admit(const std::string& yaml) {
    const auto status = book.reload(scratch.file("p.yaml", yaml, 0644));
    ASSERT_TRUE(status) << describe(status.error());
  }

  // The principal of the next message, by the User-Id of its payload frame.
  std::string user_of_next() {
    const auto user_id = user_id_of_next();
    const auto principal = book.current()->by_user(user_id);
    return principal ? principal->name : "nobody: " + user_id;
  }
  std::string user_id_of_next() {
    std::string user = "(nothing came)";
    for (bool more = true; more;) {
      zmq_msg_t frame;
      zmq_msg_init(&frame);
      if (zmq_msg_recv(&frame, router->handle, 0) < 0) return user;
      more = zmq_msg_more(&frame) != 0;
      const char* name = more ? nullptr : zmq_msg_gets(&frame, "User-Id");
      if (!more) user = name != nullptr ? name : "(none)";
      zmq_msg_close(&frame);
    }
    return user;
  }
};

void use_curve(ZmqSocket& socket, const KeyPair& own, const char* server_key) {
  ASSERT_EQ(zmq_setsockopt(socket.handle, ZMQ_CURVE_SERVERKEY, server_key, 41), 0);
  ASSERT_EQ(zmq_setsockopt(socket.handle, ZMQ_CURVE_PUBLICKEY, own.public_key.data(), 41), 0);
  ASSERT_EQ(zmq_setsockopt(socket.handle, ZMQ_CURVE_SECRETKEY, own.secret_key.data(), 41), 0);
}

// Connects and waits until the handshake came to something: 0, or the status code of the refusal, or -1.
int handshake(const ZmqContext& context, ZmqSocket& dealer, const std::string& endpoint) {
  const int wanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
  // A name of its own: libzmq frees that of a closed socket when it gets round to it.
  static int count = 0;
  const std::string name = "inproc://monitor." + std::to_string(++count);
  EXPECT_EQ(zmq_socket_monitor(dealer.handle, name.c_str(), wanted), 0);
  ZmqSocket monitor(context, ZMQ_PAIR);
  EXPECT_EQ(zmq_connect(monitor.handle, name.c_str()), 0);
  EXPECT_EQ(zmq_connect(dealer.handle, endpoint.c_str()), 0);
  std::array<unsigned char, 6> event{};
  if (zmq_recv(monitor.handle, event.data(), event.size(), 0) != 6) return -1;
  std::uint16_t what = 0;
  std::uint32_t value = 0;
  std::memcpy(&what, event.data(), 2);
  std::memcpy(&value, event.data() + 2, 4);
  zmq_socket_monitor(dealer.handle, nullptr, 0);
  if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return 0;
  return what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? static_cast<int>(value) : -1;
}

TEST(Gate, lets_in_a_key_of_the_book_and_names_the_principal_on_its_messages) {
  Door door;
  const KeyPair alice;
  door.admit(yaml_of("alice", alice));
  door.listen_curve();

  ZmqSocket dealer(door.context, ZMQ_DEALER);
  use_curve(dealer, alice, door.broker.public_key.data());
  ASSERT_EQ(zmq_connect(dealer.handle, door.endpoint.c_str()), 0);
  ASSERT_TRUE(dealer.send("hello"));
  EXPECT_EQ(door.user_of_next(), "alice");
  ASSERT_TRUE(dealer.send("again"));
  EXPECT_EQ(door.user_of_next(), "alice");
  EXPECT_EQ(door.handler->counts().accepted, 1u);
}

TEST(Gate, refuses_a_key_that_is_not_in_the_book_with_400) {
  Door door;
  door.admit(yaml_of("alice", KeyPair()));
  door.listen_curve();
  ZmqSocket stranger(door.context, ZMQ_DEALER);
  use_curve(stranger, KeyPair(), door.broker.public_key.data());
  EXPECT_EQ(handshake(door.context, stranger, door.endpoint), 400);
  EXPECT_EQ(door.handler->counts().accepted, 0u);
}

TEST(Gate, does_not_talk_to_a_peer_without_keys_on_a_curve_endpoint) {
  Door door;
  door.listen_curve();
  ZmqSocket plain(door.context, ZMQ_DEALER);
  EXPECT_NE(handshake(door.context, plain, door.endpoint), 0);
  EXPECT_EQ(door.handler->counts().accepted, 0u);
}

TEST(Gate, follows_the_book_when_it_is_reloaded) {
  Door door;
  const KeyPair alice;
  door.listen_curve();
  {
    ZmqSocket early(door.context, ZMQ_DEALER);
    use_curve(early, alice, door.broker.public_key.data());
    EXPECT_EQ(handshake(door.context, early, door.endpoint), 400);
  }
  door.admit(yaml_of("alice", alice));
  {
    ZmqSocket now(door.context, ZMQ_DEALER);
    use_curve(now, alice, door.broker.public_key.data());
    EXPECT_EQ(handshake(door.context, now, door.endpoint), 0);
  }
  door.admit("principals: []");
  ZmqSocket late(door.context, ZMQ_DEALER);
  use_curve(late, alice, door.broker.public_key.data());
  EXPECT_EQ(handshake(door.context, late, door.endpoint), 400);
}

TEST(Gate, gives_a_connection_with_an_old_key_nothing_of_the_new_one) {
  Door door;
  const KeyPair old_key;
  const KeyPair new_key;
  door.admit(yaml_of("alice", old_key));
  door.listen_curve();
  ZmqSocket dealer(door.context, ZMQ_DEALER);
  use_curve(dealer, old_key, door.broker.public_key.data());
  ASSERT_EQ(zmq_connect(dealer.handle, door.endpoint.c_str()), 0);
  ASSERT_TRUE(dealer.send("hello"));
  EXPECT_EQ(door.user_of_next(), "alice");
  door.admit(yaml_of("alice", new_key));
  ASSERT_TRUE(dealer.send("hello"));
  EXPECT_TRUE(door.user_of_next().starts_with("nobody"));
}

TEST(Gate, knows_everybody_on_ipc_as_local) {
  Door door;
  door.listen("ipc://" + door.scratch.path("s/broker.sock"), {});
  ZmqSocket dealer(door.context, ZMQ_DEALER);
  ASSERT_EQ(zmq_connect(dealer.handle, door.endpoint.c_str()), 0);
  ASSERT_TRUE(dealer.send("hello"));
  EXPECT_EQ(door.user_of_next(), "local");
}

TEST(Gate, keeps_ipc_and_network_apart_on_one_socket) {
  Door door;
  const KeyPair alice;
  door.admit(yaml_of("alice", alice));
  door.listen("ipc://" + door.scratch.path("broker.sock"), {false, &door.keys});
  const std::string ipc = door.endpoint;
  door.listen_curve();

  ZmqSocket local(door.context, ZMQ_DEALER);
  ASSERT_EQ(zmq_connect(local.handle, ipc.c_str()), 0);
  ASSERT_TRUE(local.send("hello"));
  EXPECT_EQ(door.user_of_next(), "local");

  ZmqSocket plain(door.context, ZMQ_DEALER);
  EXPECT_NE(handshake(door.context, plain, door.endpoint), 0) << "no keys, no way in over the network";

  ZmqSocket remote(door.context, ZMQ_DEALER);
  use_curve(remote, alice, door.broker.public_key.data());
  ASSERT_EQ(zmq_connect(remote.handle, door.endpoint.c_str()), 0);
  ASSERT_TRUE(remote.send("hello"));
  EXPECT_EQ(door.user_of_next(), "alice");
}

// A CURVE socket without a handler would let any key in if the domain were not enforced.
TEST(Gate, that_is_not_there_lets_nobody_in) {
  Door door;
  const KeyPair alice;
  door.admit(yaml_of("alice", alice));
  door.listen_curve();
  door.handler.reset();
  ZmqSocket dealer(door.context, ZMQ_DEALER);
  use_curve(dealer, alice, door.broker.public_key.data());
  EXPECT_NE(handshake(door.context, dealer, door.endpoint), 0);
}

TEST(Gate, can_be_there_only_once) {
  Door door;
  const auto second = ZapHandler::start(door.context.handle, door.book, no_death);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().context, "inproc://zeromq.zap.01");
}

struct Answer {
  std::string status;
  std::string text;
  std::string user;
};

// Speaks ZAP to the handler as libzmq does.
Answer ask(Door& door, const std::vector<std::string>& frames) {
  ZmqSocket request(door.context, ZMQ_REQ);
  EXPECT_EQ(zmq_connect(request.handle, "inproc://zeromq.zap.01"), 0);
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_TRUE(request.send(frames[i], i + 1 < frames.size()));
  std::vector<std::string> got;
  for (int more = 1; more != 0;) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, request.handle, 0) < 0) return {};
    got.emplace_back(static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
    more = zmq_msg_more(&frame);
    zmq_msg_close(&frame);
  }
  if (got.size() != 6) return {};
  EXPECT_EQ(got[0], "1.0");
  EXPECT_EQ(got[5], "");
  return {got[2], got[3], got[4]};
}

TEST(Gate, answers_every_wrong_request_with_the_same_400) {
  Door door;
  const KeyPair alice;
  door.admit(yaml_of("alice", alice));
  const auto decoded = decode_key(alice.public_key.data(), "");
  ASSERT_TRUE(decoded);
  const std::string key(decoded->begin(), decoded->end());
  const std::string network(zap_domain_network);
  const std::string local(zap_domain_local);

  const auto fine = ask(door, {"1.0", "1", network, "10.0.0.1", "", "CURVE", key});
  EXPECT_EQ(fine.status, "200");
  EXPECT_EQ(fine.user, "alice/" + std::string(alice.public_key.data()));

  std::string near = key;
  near.back() = static_cast<char>(near.back() ^ 1);
  const std::vector<std::vector<std::string>> wrong = {
      {"1.0", "1", network, "a", "", "CURVE", near},
      {"1.0", "1", network, "a", "", "CURVE", std::string(32, '\0')},  // the key of `local`, if it had one
      {"1.0", "1", network, "a", "", "CURVE", key.substr(1)},
      {"1.0", "1", network, "a", "", "CURVE", key + "x"},
      {"1.0", "1", network, "a", "", "CURVE", alice.public_key.data()},
      {"1.0", "1", network, "a", "", "CURVE"},
      {"1.0", "1", local, "a", "", "CURVE", key},
      {"1.0", "1", "", "a", "", "CURVE", key},
      {"1.0", "1", network, "a", "", "NULL"},
      {"1.0", "1", "", "a", "", "NULL"},
      {"1.0", "1", local, "a", "", "PLAIN", "local", "local"},
      {"1.0", "1", local, "a", "", "null"},
      {"2.0", "1", local, "a", "", "NULL"},
      {"1.0", "1", local},
      {""},
      std::vector<std::string>(100, "1.0"),
  };
  for (const auto& frames : wrong) {
    const auto answer = ask(door, frames);
    EXPECT_EQ(answer.status, "400");
    EXPECT_EQ(answer.text, "not authorized");
    EXPECT_EQ(answer.user, "");
  }
  EXPECT_EQ(door.handler->counts().refused, wrong.size());
  EXPECT_EQ(door.handler->counts().accepted, 1u);
}

}  // namespace
}  // namespace hirehall::server
