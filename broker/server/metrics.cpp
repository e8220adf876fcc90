#include "broker/server/metrics.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <ctime>
#include <future>
#include <mutex>

#include "broker/server/metrics_text.h"
#include "common/check.h"
#include "common/log.h"

namespace hirehall::server {
namespace {

constexpr std::int64_t alive_within_ms = 5000;
constexpr std::int64_t publish_every_ms = 200;
constexpr std::int64_t never = -1;

struct Address {
  std::string host;
  std::string port;
};

bool loopback(const std::string& host) {
  in_addr four{};
  return host.starts_with("127.") && ::inet_pton(AF_INET, host.c_str(), &four) == 1;
}

Result<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() || number > 65535) {
    return fail(Code::invalid,
                "metrics need an address and a port from 0 (any free one) to 65535: 127.0.0.1:9420",
                std::string(text));
  }
  Address address{std::string(text.substr(0, colon)), std::to_string(number)};
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (!loopback(address.host)) {
    return fail(Code::denied,
                "metrics have no authentication and are served on loopback only: use 127.0.0.1, and a proxy "
                "in front of it for other machines",
                std::string(text));
  }
  return address;
}

struct Answer {
  int status = 200;
  const char* type = "text/plain; charset=utf-8";
  std::string body;
};

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

// Connects and hangs up.
void knock(const std::string& host, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &to.sin_addr);
  static_cast<void>(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to));
  ::close(fd);
}

// The library looks at its stop flag when a connection comes or two seconds have passed: too long for a
// broker that is to be back at once. So connections are made until it has noticed.
void stop_quickly(mg_context* web, const std::string& host) {
  mg_server_port port{};
  HH_CHECK(mg_get_server_ports(web, 1, &port) == 1, "a started server has one port");
  auto stopped = std::async(std::launch::async, [web] { mg_stop(web); });
  do {
    knock(host, port.port);
  } while (stopped.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready);
}

}  // namespace

struct MetricsServer::State {
  ~State() {
    // Joins the HTTP threads, which use the rest of this.
    if (web != nullptr) stop_quickly(web, host);
  }
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status open(const Address& address);
  std::shared_ptr<const MetricsPage> current() const {
    const std::lock_guard lock(mutex);
    return page;
  }
  std::string why_dead() const;
  Answer metrics() const;
  Answer healthz() const;
  Answer readyz() const;
  Answer answer(std::string_view method, std::string_view path) const;

  static int on_request(mg_connection* connection);
  static int on_log(const mg_connection* connection, const char* message);

  mutable std::mutex mutex;
  std::shared_ptr<const MetricsPage> page;
  std::atomic<std::int64_t> last_turn_ms{never};
  std::int64_t last_published_ms = never;  // command thread
  std::string host;
  std::string bound;
  std::string complaint;  // the first line of the HTTP library, which has the cause
  bool started = false;
  mg_context* web = nullptr;
};

Status MetricsServer::State::open(const Address& address) {
  host = address.host;
  const std::string listen = address.host + ":" + address.port;
  mg_callbacks callbacks{};
  callbacks.begin_request = &State::on_request;
  callbacks.log_message = &State::on_log;
  // Two threads: a scraper that dawdles does not keep the other from asking for health.
  std::array<const char*, 13> options = {"listening_ports",
                                         listen.c_str(),
                                         "num_threads",
                                         "2",
                                         "request_timeout_ms",
                                         "5000",
                                         "enable_keep_alive",
                                         "no",
                                         "max_request_size",
                                         "8192",
                                         "enable_directory_listing",
                                         "no",
                                         nullptr};
  mg_init_library(0);
  web = mg_start(&callbacks, this, options.data());
  if (web == nullptr) {
    return fail(Code::conflict,
                "cannot serve metrics there" + (complaint.empty() ? std::string() : " (" + complaint + ")") +
                    "; is the port in use? See `ss -ltnp`, or choose another with --metrics",
                listen);
  }
  started = true;
  mg_server_port port{};
  HH_CHECK(mg_get_server_ports(web, 1, &port) == 1, "a started server has one port");
  bound = host + ":" + std::to_string(port.port);
  return {};
}

int MetricsServer::State::on_log(const mg_connection* connection, const char* message) {
  auto* state = static_cast<State*>(mg_get_user_data(mg_get_context(connection)));
  if (state != nullptr && !state->started && state->complaint.empty()) state->complaint = message;
  log::debug("metrics server", {{"said", message}});
  return 1;
}

int MetricsServer::State::on_request(mg_connection* connection) {
  const auto* request = mg_get_request_info(connection);
  const auto* state = static_cast<const State*>(request->user_data);
  const std::string_view method = request->request_method != nullptr ? request->request_method : "";
  const Answer answer = state->answer(method, request->local_uri != nullptr ? request->local_uri : "");
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            answer.status, phrase(answer.status), answer.type, answer.body.size());
  if (method != "HEAD") mg_write(connection, answer.body.data(), answer.body.size());
  return answer.status;
}

Answer MetricsServer::State::answer(std::string_view method, std::string_view path) const {
  if (method != "GET" && method != "HEAD") return {405, Answer().type, "only GET and HEAD\n"};
  if (path == "/metrics") return metrics();
  if (path == "/healthz") return healthz();
  if (path == "/readyz") return readyz();
  return {404, Answer().type, "there are /metrics, /healthz and /readyz\n"};
}

Answer MetricsServer::State::metrics() const {
  const auto shown = current();
  if (!shown) return {503, Answer().type, "starting: there is no page yet\n"};
  return {200, "text/plain; version=0.0.4; charset=utf-8", render_page(*shown, read_process_figures())};
}

std::string MetricsServer::State::why_dead() const {
  const auto last = last_turn_ms.load();
  if (last == never) return "starting: the loop has not turned yet\n";
  const auto silent = monotonic_ms() - last;
  if (silent <= alive_within_ms) return {};
  return "the loop has not turned for " + std::to_string(silent) + " ms\n";
}

Answer MetricsServer::State::healthz() const {
  auto why = why_dead();
  return why.empty() ? Answer{200, Answer().type, "ok\n"} : Answer{503, Answer().type, std::move(why)};
}

Answer MetricsServer::State::readyz() const {
  if (auto why = why_dead(); !why.empty()) return {503, Answer().type, std::move(why)};
  const auto shown = current();
  if (!shown) return {503, Answer().type, "starting\n"};
  if (!shown->not_ready.empty()) return {503, Answer().type, shown->not_ready + "\n"};
  return {200, Answer().type, "ready\n"};
}

MetricsServer::MetricsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(std::string_view listen) {
  auto address = parse_address(listen);
  if (!address) return tl::unexpected(address.error());
  auto state = std::make_unique<State>();
  if (auto opened = state->open(*address); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(state)));
}

std::string MetricsServer::address() const {
  return state_->bound;
}

bool MetricsServer::due(std::int64_t now_ms) const {
  return state_->last_published_ms == never || now_ms - state_->last_published_ms >= publish_every_ms;
}

void MetricsServer::publish(std::shared_ptr<const MetricsPage> page, std::int64_t now_ms) {
  state_->last_published_ms = now_ms;
  turned(now_ms);
  const std::lock_guard lock(state_->mutex);
  state_->page.swap(page);
}

void MetricsServer::turned(std::int64_t now_ms) {
  state_->last_turn_ms.store(now_ms);
}

std::int64_t MetricsServer::monotonic_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace hirehall::server
