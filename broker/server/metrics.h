// /metrics, /healthz and /readyz over HTTP. The command thread publishes a whole page; the HTTP threads
// render the last.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/server/probe.h"
#include "common/error.h"

namespace hirehall::server {

class MetricsServer {
 public:
  // `listen` is ADDRESS:PORT, an IPv4 address or localhost; port 0 = the kernel picks. There is no
  // authentication: anything but loopback is refused. Neither healthy nor ready until the first page.
  static Result<std::unique_ptr<MetricsServer>> start(std::string_view listen);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  std::string address() const;  // ADDRESS:PORT as bound

  // Command thread only. Filling a page costs more than publishing it: do it when due, five times a second.
  bool due(std::int64_t now_ms) const;
  void publish(std::shared_ptr<const MetricsPage> page, std::int64_t now_ms);
  // Each turn of the loop (also idle ones, at least each second): /healthz fails 5 s after the last.
  // `now_ms` is CLOCK_MONOTONIC in milliseconds, as monotonic_ms() reads it.
  void turned(std::int64_t now_ms);
  static std::int64_t monotonic_ms();

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hirehall::server
