#include "broker/server/endpoint.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "broker/server/zap.h"

namespace hirehall::server {
namespace {

constexpr std::string_view ipc_prefix = "ipc://";
constexpr std::string_view tcp_prefix = "tcp://";
// The library has it; the header of 4.3.4 shows it only to users of draft interfaces.
constexpr int option_zap_enforce_domain = 93;
constexpr std::size_t ipc_path_max = sizeof(sockaddr_un::sun_path) - 1;

// Everything made while this lives is for the owner only.
class PrivateUmask {
 public:
  PrivateUmask() : before_(::umask(0077)) {}
  ~PrivateUmask() { ::umask(before_); }
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  mode_t before_;
};

Result<Endpoint> parse_ipc(std::string_view path, const std::string& text) {
  if (path.empty() || path == "*") {
    return fail(Code::invalid, "the path of the socket is missing; write ipc:///run/hirehall/broker.ipc",
                text);
  }
  if (path.front() == '@') {
    return fail(Code::invalid, "abstract sockets have no file mode, so anybody may connect; give a path",
                text);
  }
  if (path.size() > ipc_path_max) {
    return fail(Code::invalid,
                "the path has " + std::to_string(path.size()) + " bytes and the system allows " +
                    std::to_string(ipc_path_max) + "; choose a shorter one",
                text);
  }
  Endpoint endpoint;
  endpoint.path = path;
  return endpoint;
}

bool is_port(std::string_view port) {
  if (port == "*") return true;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

bool is_ipv4(const std::string& host) {
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_ipv6(const std::string& host) {
  if (host.size() < 4 || host.front() != '[' || host.back() != ']') return false;
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
}

Result<Endpoint> parse_tcp(std::string_view rest, const std::string& text) {
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos || !is_port(rest.substr(colon + 1))) {
    return fail(Code::invalid,
                "the port is missing or wrong; write tcp://127.0.0.1:7420, with * for any free port", text);
  }
  Endpoint endpoint;
  endpoint.transport = Transport::tcp;
  endpoint.port = rest.substr(colon + 1);
  endpoint.host = rest.substr(0, colon);
  if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
  if (endpoint.host != "*" && !is_ipv4(endpoint.host) && !is_ipv6(endpoint.host)) {
    return fail(
        Code::invalid,
        "'" + endpoint.host +
            "' is no address of this machine; give an IPv4 address, an IPv6 address in brackets, or *",
        text);
  }
  return endpoint;
}

enum class Presence { nobody, stale, answering };

Result<Presence> knock(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Code::io, std::string("cannot make a socket: ") + std::strerror(errno), path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), ipc_path_max));
  const int got = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int why = errno;
  ::close(fd);
  if (got == 0 || why == EAGAIN || why == EINPROGRESS) return Presence::answering;
  if (why == ECONNREFUSED) return Presence::stale;
  if (why == ENOENT) return Presence::nobody;
  return fail(Code::io, std::string("cannot tell whether a broker listens there: ") + std::strerror(why),
              path);
}

Status make_directory(const std::string& path) {
  const auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) return {};
  std::error_code error;
  const PrivateUmask owner_only;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail(
        Code::io,
        "cannot make the directory of the socket: " + error.message() + "; make it, or choose another",
        directory.string());
  }
  return {};
}

Status remove_stale(const Endpoint& endpoint) {
  struct stat info {};
  if (::lstat(endpoint.path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return fail(Code::io, std::string("cannot look at the socket's place: ") + std::strerror(errno),
                endpoint.path);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return fail(Code::conflict, "something that is no socket lies there; move it, or listen elsewhere",
                endpoint.text());
  }
  auto presence = knock(endpoint.path);
  if (!presence) return tl::unexpected(presence.error());
  if (*presence == Presence::answering) {
    return fail(Code::conflict, "another process listens there; stop it, or listen elsewhere",
                endpoint.text());
  }
  if (*presence == Presence::stale && ::unlink(endpoint.path.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::io, std::string("cannot remove the socket of a dead broker: ") + std::strerror(errno),
                endpoint.path);
  }
  return {};
}

Status set_option(void* socket, int option, const void* value, std::size_t size, const Endpoint& endpoint) {
  if (zmq_setsockopt(socket, option, value, size) == 0) return {};
  return fail(Code::internal, std::string("libzmq refuses a socket option: ") + zmq_strerror(zmq_errno()),
              endpoint.text() + " option " + std::to_string(option));
}

Status set_option(void* socket, int option, int value, const Endpoint& endpoint) {
  return set_option(socket, option, &value, sizeof value, endpoint);
}

// What is set here counts for the next bind of the socket and leaves earlier ones alone.
Status set_security(void* socket, const Endpoint& endpoint, const ListenPolicy& policy) {
  const bool local = is_local(endpoint, policy);
  const auto domain = local ? zap_domain_local : zap_domain_network;
  Status status = set_option(socket, option_zap_enforce_domain, 1, endpoint);
  if (status) status = set_option(socket, ZMQ_ZAP_DOMAIN, domain.data(), domain.size(), endpoint);
  if (status) status = set_option(socket, ZMQ_CURVE_SERVER, local ? 0 : 1, endpoint);
  if (status && !local) {
    const auto& secret = policy.keys->secret_key;
    status = set_option(socket, ZMQ_CURVE_SECRETKEY, secret.c_str(), secret.size() + 1, endpoint);
  }
  if (status) status = set_option(socket, ZMQ_IPV6, endpoint.host.starts_with('[') ? 1 : 0, endpoint);
  return status;
}

Error bind_error(const Endpoint& endpoint) {
  const int why = zmq_errno();
  if (why == EADDRINUSE) {
    return {
        Code::conflict,
        "the port is in use; find its owner with `ss -ltnp`, or listen on another port (* = any free one)",
        endpoint.text(), 0};
  }
  if (why == EADDRNOTAVAIL || why == ENODEV) {
    return {Code::invalid, "this machine has no such address; see `ip address`, or listen on 127.0.0.1",
            endpoint.text(), 0};
  }
  return {Code::io, std::string("cannot listen: ") + zmq_strerror(why), endpoint.text(), 0};
}

}  // namespace

std::string Endpoint::text() const {
  if (transport == Transport::ipc) return std::string(ipc_prefix) + path;
  return std::string(tcp_prefix) + host + ":" + port;
}

bool Endpoint::loopback() const {
  if (transport == Transport::ipc || host == "[::1]") return true;
  return host.starts_with("127.") && is_ipv4(host);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::string whole(text);
  if (text.find('\0') != std::string_view::npos) {
    return fail(Code::invalid, "the endpoint contains a zero byte; write it as text");
  }
  if (text.starts_with(ipc_prefix)) return parse_ipc(text.substr(ipc_prefix.size()), whole);
  if (text.starts_with(tcp_prefix)) return parse_tcp(text.substr(tcp_prefix.size()), whole);
  return fail(Code::invalid, "unknown transport; write ipc://PATH or tcp://ADDRESS:PORT", whole);
}

bool is_local(const Endpoint& endpoint, const ListenPolicy& policy) {
  return endpoint.transport == Transport::ipc || policy.keys == nullptr;
}

Status check_endpoint(const Endpoint& endpoint, const ListenPolicy& policy) {
  if (!is_local(endpoint, policy) || endpoint.transport == Transport::ipc || policy.insecure) return {};
  if (endpoint.loopback()) {
    return fail(Code::denied,
                "without keys every user of this machine would be an admin; give a key file and principals "
                "(docs/security.md), use ipc://, or accept it with --insecure",
                endpoint.text());
  }
  return fail(Code::denied,
              "without keys everybody on the network would be an admin; give a key file and principals "
              "(docs/security.md), listen on ipc:// or loopback, or accept it with --insecure",
              endpoint.text());
}

Status prepare_endpoint(const Endpoint& endpoint) {
  if (endpoint.transport != Transport::ipc) return {};
  if (auto made = make_directory(endpoint.path); !made) return made;
  return remove_stale(endpoint);
}

Result<std::string> bind_endpoint(void* zmq_socket, const Endpoint& endpoint, const ListenPolicy& policy) {
  Status status = check_endpoint(endpoint, policy);
  if (status) status = prepare_endpoint(endpoint);
  if (status) status = set_security(zmq_socket, endpoint, policy);
  if (!status) return tl::unexpected(status.error());

  const PrivateUmask owner_only;
  if (zmq_bind(zmq_socket, endpoint.text().c_str()) != 0) return tl::unexpected(bind_error(endpoint));
  std::array<char, 512> bound{};
  std::size_t size = bound.size();
  if (zmq_getsockopt(zmq_socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
    return fail(Code::internal,
                std::string("libzmq does not tell where it listens: ") + zmq_strerror(zmq_errno()),
                endpoint.text());
  }
  return std::string(bound.data());
}

}  // namespace hirehall::server
