#include "client/src/socket.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "common/limits.h"
#include "common/secret_file.h"

namespace hirehall::client_core {

struct Socket::Handles {
  void* context = nullptr;
  void* dealer = nullptr;
  int event = -1;

  ~Handles() {
    if (dealer != nullptr) zmq_close(dealer);
    if (context != nullptr) zmq_ctx_term(context);
    if (event >= 0) ::close(event);
  }
};

Socket::Socket(std::string endpoint, CurveKeys keys)
    : endpoint_(std::move(endpoint)), keys_(std::move(keys)), handles_(std::make_unique<Handles>()) {}
Socket::~Socket() = default;

hirehall::Result<std::unique_ptr<Socket>> Socket::make(std::string endpoint, CurveKeys keys) {
  std::unique_ptr<Socket> socket(new Socket(std::move(endpoint), std::move(keys)));
  auto& h = *socket->handles_;
  h.event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (h.event < 0) return fail(Code::io, std::string("cannot make an eventfd: ") + std::strerror(errno));
  h.context = zmq_ctx_new();
  if (h.context == nullptr) return fail(Code::io, "cannot make a ZeroMQ context");
  if (auto s = socket->reopen(); !s) return tl::unexpected(s.error());
  return socket;
}

hirehall::Status Socket::reopen() {
  auto& h = *handles_;
  auto* fresh = zmq_socket(h.context, ZMQ_DEALER);
  if (fresh == nullptr)
    return fail(Code::io, std::string("cannot make a socket: ") + zmq_strerror(zmq_errno()));
  if (h.dealer != nullptr) zmq_close(h.dealer);
  h.dealer = fresh;
  auto set = [&](int option, int value) { zmq_setsockopt(h.dealer, option, &value, sizeof value); };
  set(ZMQ_LINGER, 0);
  set(ZMQ_IMMEDIATE, 1);
  set(ZMQ_RECONNECT_IVL, 200);
  set(ZMQ_RECONNECT_IVL_MAX, 10'000);
  set(ZMQ_HANDSHAKE_IVL, 5'000);
  std::int64_t message_max = limits::frame_bytes_max;
  zmq_setsockopt(h.dealer, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
  if (!keys_.server_public.empty()) {
    zmq_setsockopt(h.dealer, ZMQ_CURVE_SERVERKEY, keys_.server_public.data(), keys_.server_public.size());
    zmq_setsockopt(h.dealer, ZMQ_CURVE_PUBLICKEY, keys_.own_public.data(), keys_.own_public.size());
    zmq_setsockopt(h.dealer, ZMQ_CURVE_SECRETKEY, keys_.own_secret.data(), keys_.own_secret.size());
  }
  if (zmq_connect(h.dealer, endpoint_.c_str()) != 0)
    return fail(Code::invalid,
                std::string("not an endpoint to connect to (") + zmq_strerror(zmq_errno()) +
                    "); it looks like ipc:///run/hirehall/broker.ipc or tcp://127.0.0.1:7420",
                endpoint_);
  return {};
}

bool Socket::send(std::string_view frame) {
  int sent = 0;
  do {
    sent = zmq_send(handles_->dealer, frame.data(), frame.size(), ZMQ_DONTWAIT);
  } while (sent < 0 && zmq_errno() == EINTR);
  return sent >= 0;
}

std::size_t Socket::receive(std::size_t max, const std::function<void(std::string_view)>& take) {
  std::size_t count = 0;
  zmq_msg_t message;
  for (; count < max; ++count) {
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, handles_->dealer, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&message);
      if (zmq_errno() == EINTR) continue;
      break;
    }
    take({static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message)});
    zmq_msg_close(&message);
  }
  return count;
}

void Socket::wait(std::int64_t timeout_ms, bool for_sending) {
  std::array<zmq_pollitem_t, 2> items{};
  items[0].socket = handles_->dealer;
  items[0].events = static_cast<short>(ZMQ_POLLIN | (for_sending ? ZMQ_POLLOUT : 0));
  items[1].fd = handles_->event;
  items[1].events = ZMQ_POLLIN;
  zmq_poll(items.data(), 2, static_cast<long>(std::min<std::int64_t>(timeout_ms, 60'000)));
  if ((items[1].revents & ZMQ_POLLIN) != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] auto n = ::read(handles_->event, &count, sizeof count);
  }
}

void Socket::wake() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(handles_->event, &one, sizeof one);
}

hirehall::Result<CurveKeys> make_key_pair() {
  std::array<char, 41> pub{}, secret{};
  if (zmq_curve_keypair(pub.data(), secret.data()) != 0)
    return fail(Code::unsupported, "this ZeroMQ was built without CURVE");
  return CurveKeys{{}, std::string(pub.data(), 40), std::string(secret.data(), 40)};
}

hirehall::Result<std::string> read_key_file(const std::string& path, std::string_view what) {
  std::ifstream in(path);
  std::string key;
  if (!in) return fail(Code::io, "cannot read the " + std::string(what) + ": " + std::strerror(errno), path);
  in >> key;
  if (key.size() != 40)
    return fail(Code::invalid,
                "the " + std::string(what) + " has 40 characters; make one with `hirehall key new`", path);
  return key;
}

hirehall::Result<CurveKeys> load_keys(const std::string& key_file, const std::string& server_key_file) {
  CurveKeys keys;
  if (server_key_file.empty() && key_file.empty()) return keys;
  if (server_key_file.empty())
    return fail(Code::invalid, "a key of our own is of no use without the broker's public key",
                "server-key-file");
  auto server = read_key_file(server_key_file, "public key of the broker");
  if (!server) return tl::unexpected(server.error());
  keys.server_public = *server;
  if (key_file.empty()) {
    auto pair = make_key_pair();
    if (!pair) return pair;
    keys.own_public = pair->own_public;
    keys.own_secret = pair->own_secret;
    return keys;
  }
  auto secret = read_key_file(key_file, "secret key");
  if (!secret) return tl::unexpected(secret.error());
  struct stat file {};
  if (::stat(key_file.c_str(), &file) != 0 || !keeps_secret(file))
    return fail(Code::denied,
                key_file.ends_with(".pub")
                    ? "this is a public key by its name, and others may read it; give the .key file beside it"
                    : "group or others may read this secret key: chmod 600, and make a new one",
                key_file);
  std::array<char, 41> pub{};
  if (zmq_curve_public(pub.data(), secret->c_str()) != 0)
    return fail(Code::invalid, "not a CURVE key; make one with `hirehall key new`", key_file);
  keys.own_secret = *secret;
  keys.own_public.assign(pub.data(), 40);
  return keys;
}

}  // namespace hirehall::client_core
