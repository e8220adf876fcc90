// The worker's ZeroMQ socket: opened and closed as the session says, one frame per message, never blocking.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "worker/attempt.h"

namespace hirehall::worker {

struct LinkKeys {
  std::string server_public;  // 40 characters of Z85; empty: no encryption
  std::string own_public;
  std::string own_secret;
};
// Reads and checks both files; empty paths give no keys.
Result<LinkKeys> read_keys(const std::string& server_key_file, const std::string& key_file);

class Link {
 public:
  enum class Event : std::uint8_t { connected, disconnected };
  // A received message: stays valid and in place as long as somebody holds it.
  using Message = std::shared_ptr<const void>;

  Link(std::string endpoint, LinkKeys keys);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  Status open();  // invalid: the endpoint is not one
  void close();
  bool send(std::string_view frame);  // false: no peer takes it now
  // The next received frame; an empty view with a null message: none. Messages of several frames are dropped:
  // not ours.
  std::string_view receive(Message& message);
  std::vector<Event> events();  // since the last call, in order

  // Waits until the socket or one of `fds` is readable, or `until`.
  void wait(const std::vector<int>& fds, Micros until);

 private:
  struct Sockets;
  const std::string endpoint_;
  const LinkKeys keys_;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace hirehall::worker
