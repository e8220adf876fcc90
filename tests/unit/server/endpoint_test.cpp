#include "broker/server/endpoint.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <string>

#include "tests/unit/server/scratch.h"
#include "tests/unit/server/zmq_pair.h"

namespace hirehall::server {
namespace {

const CurveKeys some_keys{"p", "s"};
const ListenPolicy plain{false, nullptr};
const ListenPolicy insecure{true, nullptr};
const ListenPolicy with_keys{false, &some_keys};

Endpoint parsed(const std::string& text) {
  auto endpoint = parse_endpoint(text);
  EXPECT_TRUE(endpoint) << text << ": " << describe(endpoint.error());
  return endpoint ? *endpoint : Endpoint{};
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777u;
}

TEST(Endpoint, is_read_from_text_and_written_back) {
  for (const std::string text :
       {"ipc:///run/hirehall/broker.sock", "ipc://relative.sock", "tcp://127.0.0.1:7420", "tcp://*:7420",
        "tcp://[::1]:7420", "tcp://10.0.0.1:*", "tcp://0.0.0.0:1"}) {
    EXPECT_EQ(parsed(text).text(), text);
  }
  EXPECT_EQ(parsed("tcp://localhost:7420").text(), "tcp://127.0.0.1:7420");
}

TEST(Endpoint, that_makes_no_sense_is_refused_with_the_text_and_a_remedy) {
  for (const std::string text :
       {"", "7420", "127.0.0.1:7420", "udp://1.2.3.4:5", "tcp://", "tcp://127.0.0.1",
        "tcp://127.0.0.1:", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:7x",
        "tcp://127.0.0.1:-1", "tcp://:7420", "tcp://no.such.name:7420", "tcp://127.0.0.1.evil.example:7420",
        "tcp://[::1:7420", "tcp://::1:7420", "ipc://", "ipc://*", "ipc://@abstract"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, Code::invalid);
    EXPECT_EQ(endpoint.error().context, text);
  }
  EXPECT_FALSE(parse_endpoint("ipc://" + std::string(200, 'x')));
  EXPECT_FALSE(parse_endpoint(std::string("ipc:///a\0b", 10)));
}

TEST(Endpoint, knows_what_is_loopback) {
  for (const auto* text : {"tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1", "ipc://x"}) {
    EXPECT_TRUE(parsed(text).loopback()) << text;
  }
  for (const auto* text : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "tcp://[::]:1"}) {
    EXPECT_FALSE(parsed(text).loopback()) << text;
  }
}

TEST(Endpoint, on_the_network_without_keys_is_refused_unless_told_insecure) {
  for (const auto* text :
       {"tcp://*:7420", "tcp://10.0.0.1:7420", "tcp://127.0.0.1:7420", "tcp://[::]:7420"}) {
    const auto refused = check_endpoint(parsed(text), plain);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::denied);
    EXPECT_EQ(refused.error().context, text);
    EXPECT_NE(refused.error().message.find("--insecure"), std::string::npos);
    EXPECT_TRUE(check_endpoint(parsed(text), insecure));
    EXPECT_TRUE(check_endpoint(parsed(text), with_keys));
    EXPECT_FALSE(is_local(parsed(text), with_keys));
  }
  EXPECT_TRUE(check_endpoint(parsed("ipc://x"), plain));
  EXPECT_TRUE(is_local(parsed("ipc://x"), with_keys));
}

TEST(Endpoint, keeps_asking_for_keys_when_both_keys_and_insecure_are_given) {
  EXPECT_FALSE(is_local(parsed("tcp://127.0.0.1:1"), {true, &some_keys}));
}

TEST(IpcEndpoint, makes_a_private_directory_and_a_private_socket) {
  const Scratch scratch;
  const ZmqContext context;
  ZmqSocket router(context, ZMQ_ROUTER);
  const mode_t before = ::umask(0);
  const auto bound = bind_endpoint(router.handle, parsed("ipc://" + scratch.path("a/b/broker.sock")), plain);
  const mode_t after = ::umask(before);
  ASSERT_TRUE(bound) << describe(bound.error());
  EXPECT_EQ(after, 0u) << "the umask is given back";
  EXPECT_EQ(mode_of(scratch.path("a")), 0700u);
  EXPECT_EQ(mode_of(scratch.path("a/b")), 0700u);
  EXPECT_EQ(mode_of(scratch.path("a/b/broker.sock")) & 0077u, 0u);
}

TEST(IpcEndpoint, removes_the_socket_of_a_dead_broker) {
  const Scratch scratch;
  const auto path = scratch.path("broker.sock");
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  ASSERT_TRUE(std::filesystem::exists(path));

  const ZmqContext context;
  ZmqSocket router(context, ZMQ_ROUTER);
  const auto bound = bind_endpoint(router.handle, parsed("ipc://" + path), plain);
  EXPECT_TRUE(bound) << describe(bound.error());
}

TEST(IpcEndpoint, leaves_a_socket_alone_on_which_somebody_answers) {
  const Scratch scratch;
  const ZmqContext context;
  const auto endpoint = parsed("ipc://" + scratch.path("broker.sock"));
  ZmqSocket first(context, ZMQ_ROUTER);
  ASSERT_TRUE(bind_endpoint(first.handle, endpoint, plain));
  ZmqSocket second(context, ZMQ_ROUTER);
  const auto refused = bind_endpoint(second.handle, endpoint, plain);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(refused.error().context, endpoint.text());
  EXPECT_TRUE(std::filesystem::exists(endpoint.path));
}

TEST(IpcEndpoint, leaves_alone_what_is_no_socket) {
  const Scratch scratch;
  const auto path = scratch.file("precious", "data", 0600);
  const auto refused = prepare_endpoint(parsed("ipc://" + path));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(TcpEndpoint, lets_the_kernel_pick_a_port_and_tells_which) {
  const ZmqContext context;
  ZmqSocket router(context, ZMQ_ROUTER);
  const auto bound = bind_endpoint(router.handle, parsed("tcp://127.0.0.1:*"), insecure);
  ASSERT_TRUE(bound) << describe(bound.error());
  const auto again = parsed(*bound);
  EXPECT_EQ(again.host, "127.0.0.1");
  EXPECT_GT(std::stoi(again.port), 0);
}

TEST(TcpEndpoint, that_is_taken_says_so_and_what_to_do) {
  const ZmqContext context;
  ZmqSocket first(context, ZMQ_ROUTER);
  const auto bound = bind_endpoint(first.handle, parsed("tcp://127.0.0.1:*"), insecure);
  ASSERT_TRUE(bound);
  ZmqSocket second(context, ZMQ_ROUTER);
  const auto refused = bind_endpoint(second.handle, parsed(*bound), insecure);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(refused.error().context, *bound);
  EXPECT_NE(refused.error().message.find("ss -ltnp"), std::string::npos);
}

TEST(TcpEndpoint, of_another_machine_is_an_error_that_names_it) {
  const ZmqContext context;
  ZmqSocket router(context, ZMQ_ROUTER);
  const auto refused = bind_endpoint(router.handle, parsed("tcp://192.0.2.1:*"), insecure);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(refused.error().context, "tcp://192.0.2.1:*");
}

}  // namespace
}  // namespace hirehall::server
