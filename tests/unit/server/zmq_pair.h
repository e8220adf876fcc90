// ZeroMQ handles that close themselves, for tests of the gate and of endpoints.
#pragma once

#include <zmq.h>

#include <array>
#include <string>

namespace hirehall::server {

// Generous: a machine that is busy with something else is no failure.
inline constexpr int patience_ms = 20000;

struct ZmqContext {
  void* handle = zmq_ctx_new();
  ZmqContext() = default;
  ~ZmqContext() { zmq_ctx_term(handle); }
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
};

struct ZmqSocket {
  void* handle;
  ZmqSocket(const ZmqContext& context, int type) : handle(zmq_socket(context.handle, type)) {
    const int zero = 0;
    zmq_setsockopt(handle, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(handle, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(handle, ZMQ_SNDTIMEO, &patience_ms, sizeof patience_ms);
  }
  ~ZmqSocket() { zmq_close(handle); }
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  bool send(const std::string& text, bool more = false) {
    return zmq_send(handle, text.data(), text.size(), more ? ZMQ_SNDMORE : 0) >= 0;
  }
};

struct KeyPair {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  KeyPair() { zmq_curve_keypair(public_key.data(), secret_key.data()); }
};

}  // namespace hirehall::server
