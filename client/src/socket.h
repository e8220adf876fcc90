// A DEALER socket with the options docs/protocol.md asks for, and an event to wake its owner. Hides ZeroMQ.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::client_core {

// Z85 texts of 40 characters; empty server key: no encryption.
struct CurveKeys {
  std::string server_public;
  std::string own_public;
  std::string own_secret;
};

// A fresh pair.
hirehall::Result<CurveKeys> make_key_pair();
// Reads the secret key and computes its public one. `what` names the file's role in errors.
hirehall::Result<std::string> read_key_file(const std::string& path, std::string_view what);
hirehall::Result<CurveKeys> load_keys(const std::string& key_file, const std::string& server_key_file);

class Socket {
 public:
  static hirehall::Result<std::unique_ptr<Socket>> make(std::string endpoint, CurveKeys keys);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  hirehall::Status reopen();          // a new connection; what was queued on the old one is dropped
  bool send(std::string_view frame);  // false: it cannot leave now
  // Hands frames to `take` (views that end with the call) until none is left or `max` were taken; returns how
  // many.
  std::size_t receive(std::size_t max, const std::function<void(std::string_view)>& take);

  void wait(std::int64_t timeout_ms,
            bool for_sending);  // until a frame, room to send, wake() or the timeout; -1: for ever
  void wake();                  // from any thread

 private:
  struct Handles;
  Socket(std::string endpoint, CurveKeys keys);
  std::string endpoint_;
  CurveKeys keys_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace hirehall::client_core
