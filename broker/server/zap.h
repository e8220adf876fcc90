// The gate: a thread that answers libzmq's authentication requests (ZAP, inproc://zeromq.zap.01).
// CURVE peers must be in the principal book; NULL peers pass only on sockets of the local domain (ipc,
// --insecure). Start it before the first bind: without a handler libzmq lets any CURVE key in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "broker/server/principals.h"
#include "common/error.h"

namespace hirehall::server {

// The ZAP domain of a listener says which mechanism is allowed there (endpoint.h sets it).
inline constexpr std::string_view zap_domain_local = "hirehall-local";      // NULL; everybody is `local`
inline constexpr std::string_view zap_domain_network = "hirehall-network";  // CURVE

struct ZapCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
};

class ZapHandler {
 public:
  // `zmq_context` is the void* of the context and outlives the handler; so does `book`. `on_death` is called
  // from the handler's thread if it ends without being told: the broker must end too. Not called after the
  // destructor began.
  static Result<std::unique_ptr<ZapHandler>> start(void* zmq_context, const PrincipalBook& book,
                                                   std::function<void(const Error&)> on_death);
  ~ZapHandler();  // stops the thread; after the sockets that need it are closed
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  ZapCounts counts() const;

 private:
  struct State;
  explicit ZapHandler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The User-Id property that an accepted peer's messages carry (read it from the payload frame, never from the
// routing id frame) leads to its principal: Principals::by_user.

}  // namespace hirehall::server
