// What --listen takes: parsing, the rule about keys, and binding with the right mechanism and file modes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/server/curve.h"
#include "common/error.h"

namespace hirehall::server {

enum class Transport : std::uint8_t { ipc, tcp };

struct Endpoint {
  Transport transport = Transport::ipc;
  std::string path;  // ipc
  std::string host;  // tcp: an address, a name, or * (all interfaces); IPv6 in brackets
  std::string port;  // tcp: 1–65535, or * = the kernel picks

  std::string text() const;  // as zmq_bind takes it
  bool loopback() const;     // tcp: 127.0.0.0/8, [::1] or localhost; ipc: true
};

Result<Endpoint> parse_endpoint(std::string_view text);

// What the broker was told about security on the network.
struct ListenPolicy {
  bool insecure = false;            // --insecure
  const CurveKeys* keys = nullptr;  // the broker's own key pair, when it has one
};

// TCP without keys is refused unless --insecure; with keys TCP asks for CURVE always.
Status check_endpoint(const Endpoint& endpoint, const ListenPolicy& policy);
// True when peers on this endpoint are anonymous and count as `local`.
bool is_local(const Endpoint& endpoint, const ListenPolicy& policy);

// ipc: makes the directory (0700) and removes the socket of a dead broker, but not one on which somebody
// answers.
Status prepare_endpoint(const Endpoint& endpoint);

// Checks, prepares, sets mechanism and ZAP domain on the zmq socket (void*) and binds; gives the endpoint
// that peers connect to (with the port the kernel picked). One socket can be bound several times, each with
// its own mechanism. Changes the umask for the moment: call it before other threads make files.
Result<std::string> bind_endpoint(void* zmq_socket, const Endpoint& endpoint, const ListenPolicy& policy);

}  // namespace hirehall::server
