#include "worker/link.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <zmq.hpp>

#include "common/limits.h"
#include "common/secret_file.h"
#include "worker/board.h"

namespace hirehall::worker {
namespace {

constexpr std::size_t key_characters = 40;  // Z85 of 32 bytes
constexpr int reconnect_ms = 200;  // libzmq adds up to as much at random; longer pauses are the session's
constexpr int handshake_ms = 5000;

// Z85 uses nearly every punctuation mark, so a key file is read word by word: the last word of 40 characters
// counts.
Result<std::string> read_key(const std::string& path, const char* what) {
  std::ifstream in(path);
  if (!in) return fail(Code::not_found, std::string("the file with ") + what + " cannot be read", path);
  std::string found;
  for (std::string word; in >> word && word.size() <= 4096;)
    if (word.size() == key_characters) found = word;
  if (found.empty())
    return fail(Code::invalid, std::string("no key of 40 characters in the file with ") + what, path);
  return found;
}

}  // namespace

Result<LinkKeys> read_keys(const std::string& server_key_file, const std::string& key_file) {
  LinkKeys keys;
  if (server_key_file.empty()) return keys;
  auto server = read_key(server_key_file, "the broker's public key");
  if (!server) return tl::unexpected(server.error());
  auto secret = read_key(key_file, "the worker's secret key");
  if (!secret) return tl::unexpected(secret.error());
  struct stat file {};
  if (::stat(key_file.c_str(), &file) != 0 || !keeps_secret(file))
    return fail(Code::denied, "group or others may read this secret key: chmod 600, and make a new one",
                key_file);
  std::array<char, key_characters + 1> own{};
  if (zmq_curve_public(own.data(), secret->c_str()) != 0)
    return fail(Code::invalid, "not a CURVE secret key", key_file);
  keys.server_public = std::move(*server);
  keys.own_secret = std::move(*secret);
  keys.own_public = own.data();
  return keys;
}

struct Link::Sockets {
  zmq::context_t context{1};
  std::optional<zmq::socket_t> peer;
  std::optional<zmq::socket_t> monitor;
  int opened = 0;
};

Link::Link(std::string endpoint, LinkKeys keys)
    : endpoint_(std::move(endpoint)), keys_(std::move(keys)), sockets_(std::make_unique<Sockets>()) {}

Link::~Link() {
  close();
}

Status Link::open() {
  namespace o = zmq::sockopt;
  close();
  try {
    auto& peer = sockets_->peer.emplace(sockets_->context, zmq::socket_type::dealer);
    peer.set(o::linger, 0);
    peer.set(o::immediate, 1);  // nothing queues up while nobody is there
    peer.set(o::reconnect_ivl, reconnect_ms);
    peer.set(o::handshake_ivl, handshake_ms);
    peer.set(o::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
    peer.set(o::sndhwm, 0);  // the session bounds what is unanswered
    peer.set(o::rcvhwm, 0);  // credit bounds what is awarded
    if (!keys_.server_public.empty()) {
      peer.set(o::curve_serverkey, keys_.server_public);
      peer.set(o::curve_publickey, keys_.own_public);
      peer.set(o::curve_secretkey, keys_.own_secret);
    }
    auto name = "inproc://monitor-" + std::to_string(++sockets_->opened);
    if (zmq_socket_monitor(peer.handle(), name.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
      return fail(Code::io, std::string("the socket cannot be watched: ") + zmq_strerror(errno));
    auto& monitor = sockets_->monitor.emplace(sockets_->context, zmq::socket_type::pair);
    monitor.set(o::linger, 0);
    monitor.connect(name);
    peer.connect(endpoint_);
  } catch (const zmq::error_t& e) {
    close();
    return fail(Code::invalid, std::string("cannot connect: ") + e.what() + "; check --broker", endpoint_);
  }
  return {};
}

void Link::close() {
  if (sockets_->peer) zmq_socket_monitor(sockets_->peer->handle(), nullptr, 0);
  sockets_->monitor.reset();
  sockets_->peer.reset();
}

bool Link::send(std::string_view frame) {
  if (!sockets_->peer) return false;
  try {
    auto sent = sockets_->peer->send(zmq::buffer(frame), zmq::send_flags::dontwait);
    return sent.has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

std::string_view Link::receive(Message& message) {
  message.reset();
  if (!sockets_->peer) return {};
  try {
    for (;;) {
      // Received where it stays: short messages live inside the object, so it must not move.
      auto received = std::make_shared<zmq::message_t>();
      if (!sockets_->peer->recv(*received, zmq::recv_flags::dontwait)) return {};
      bool single = !received->more();
      while (received->more()) {
        if (!sockets_->peer->recv(*received, zmq::recv_flags::dontwait)) break;
      }
      if (!single || received->size() == 0) continue;
      std::string_view view(static_cast<const char*>(received->data()), received->size());
      message = std::move(received);
      return view;
    }
  } catch (const zmq::error_t&) {
    return {};
  }
}

std::vector<Link::Event> Link::events() {
  std::vector<Event> out;
  if (!sockets_->monitor) return out;
  try {
    zmq::message_t event;
    zmq::message_t address;
    while (sockets_->monitor->recv(event, zmq::recv_flags::dontwait)) {
      if (event.more()) static_cast<void>(sockets_->monitor->recv(address, zmq::recv_flags::dontwait));
      std::uint16_t number = 0;
      if (event.size() < sizeof number) continue;
      std::memcpy(&number, event.data(), sizeof number);
      out.push_back(number == ZMQ_EVENT_DISCONNECTED ? Event::disconnected : Event::connected);
    }
    // Makes the socket take up a connection that its I/O thread has just announced.
    if (!out.empty()) static_cast<void>(sockets_->peer->get(zmq::sockopt::events));
  } catch (const zmq::error_t&) {
    return out;
  }
  return out;
}

void Link::wait(const std::vector<int>& fds, Micros until) {
  std::vector<zmq_pollitem_t> items;
  items.reserve(fds.size() + 2);
  for (int fd : fds) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  if (sockets_->peer) items.push_back({sockets_->peer->handle(), 0, ZMQ_POLLIN, 0});
  if (sockets_->monitor) items.push_back({sockets_->monitor->handle(), 0, ZMQ_POLLIN, 0});
  auto left = until == INT64_MAX ? Micros{60'000'000} : std::max<Micros>(0, until - monotonic_us());
  zmq_poll(items.data(), static_cast<int>(items.size()),
           static_cast<long>(std::min<Micros>(left / 1000 + 1, 60'000)));
}

}  // namespace hirehall::worker
