#include "broker/server/zap.h"

#include <zmq.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/log.h"

namespace hirehall::server {
namespace {

constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr std::size_t frames_max = 16;
constexpr auto log_interval = std::chrono::seconds(10);

struct Socket {
  void* handle = nullptr;

  Socket(void* context, int type) : handle(zmq_socket(context, type)) {
    const int none = 0;
    if (handle != nullptr) zmq_setsockopt(handle, ZMQ_LINGER, &none, sizeof none);
  }
  ~Socket() {
    if (handle != nullptr) zmq_close(handle);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

Error zmq_error(std::string_view what) {
  return Error{Code::internal, std::string(what) + ": " + zmq_strerror(zmq_errno()), zap_endpoint, 0};
}

// All frames of one message; what is beyond `frames_max` is read and dropped.
Result<std::vector<std::string>> receive(void* socket) {
  std::vector<std::string> frames;
  for (int more = 1; more != 0;) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) < 0) {
      Error error = zmq_error("cannot receive an authentication request");
      if (zmq_errno() == EINTR || zmq_errno() == EAGAIN) error.code = Code::timeout;
      zmq_msg_close(&message);
      return tl::unexpected(std::move(error));
    }
    if (frames.size() < frames_max) {
      frames.emplace_back(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    }
    more = zmq_msg_more(&message);
    zmq_msg_close(&message);
  }
  return frames;
}

struct Request {
  std::string id;
  std::string domain;
  std::string address;
  std::string mechanism;
  std::string key;
  bool well_formed = false;
};

Request parse(std::vector<std::string> frames) {
  Request request;
  if (frames.size() < 6) return request;
  request.id = std::move(frames[1]);
  request.domain = std::move(frames[2]);
  request.address = std::move(frames[3]);
  request.mechanism = std::move(frames[5]);
  request.well_formed = frames[0] == "1.0";
  if (frames.size() > 6) request.key = std::move(frames[6]);
  return request;
}

// The user id of the principal, or nothing. A mechanism counts only in its own domain.
std::string decide(const Request& request, const PrincipalBook& book) {
  if (!request.well_formed) return {};
  const auto principals = book.current();
  if (request.mechanism == "NULL" && request.domain == zap_domain_local) return principals->local()->user_id;
  if (request.mechanism != "CURVE" || request.domain != zap_domain_network) return {};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(request.key.data());
  const auto principal = principals->by_key({bytes, request.key.size()});
  return principal ? principal->user_id : std::string();
}

std::string z85(const std::string& key) {
  if (key.size() != std::tuple_size_v<PublicKey>) return "none";
  std::array<char, 41> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  return text.data();
}

// At most one line per interval, however hard somebody knocks.
class RefusalLog {
 public:
  void note(const Request& request) {
    const auto now = std::chrono::steady_clock::now();
    ++unsaid_;
    if (said_once_ && now - last_ < log_interval) return;
    log::warn(
        "connection refused: its key is not in the principals file, or this endpoint takes no such mechanism",
        {{"address", request.address},
         {"mechanism", request.mechanism},
         {"domain", request.domain},
         {"public_key", z85(request.key)},
         {"refused_since_last_line", unsaid_}});
    said_once_ = true;
    last_ = now;
    unsaid_ = 0;
  }

 private:
  std::chrono::steady_clock::time_point last_{};
  std::uint64_t unsaid_ = 0;
  bool said_once_ = false;
};

}  // namespace

struct ZapHandler::State {
  State(void* context, const PrincipalBook& principals, std::function<void(const Error&)> death)
      : book(principals),
        on_death(std::move(death)),
        requests(context, ZMQ_REP),
        stop_here(context, ZMQ_PAIR),
        stop_there(context, ZMQ_PAIR) {}

  Status open();
  void run();
  Status turn();
  Status reply(const Request& request, const std::string& user_id);

  const PrincipalBook& book;
  std::function<void(const Error&)> on_death;
  Socket requests;
  Socket stop_here;   // the handler's end
  Socket stop_there;  // the destructor's end
  RefusalLog refusals;
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<bool> stopping{false};
  std::thread thread;
};

Status ZapHandler::State::open() {
  if (requests.handle == nullptr || stop_here.handle == nullptr || stop_there.handle == nullptr) {
    return tl::unexpected(zmq_error("cannot make the sockets of the authentication handler"));
  }
  const std::string stop =
      "inproc://hirehall.zap.stop." + std::to_string(reinterpret_cast<std::uintptr_t>(this));
  if (zmq_bind(requests.handle, zap_endpoint) != 0 || zmq_bind(stop_here.handle, stop.c_str()) != 0 ||
      zmq_connect(stop_there.handle, stop.c_str()) != 0) {
    return tl::unexpected(zmq_error("cannot bind the authentication handler"));
  }
  return {};
}

void ZapHandler::State::run() {
  Status status;
  while (status && !stopping.load()) status = turn();
  if (!status && !stopping.load()) on_death(status.error());
}

Status ZapHandler::State::turn() {
  std::array<zmq_pollitem_t, 2> items{
      {{requests.handle, 0, ZMQ_POLLIN, 0}, {stop_here.handle, 0, ZMQ_POLLIN, 0}}};
  if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
    if (zmq_errno() == EINTR) return {};
    return tl::unexpected(zmq_error("the authentication handler cannot wait for requests"));
  }
  if ((items[0].revents & ZMQ_POLLIN) == 0) return {};
  auto frames = receive(requests.handle);
  if (!frames && frames.error().code == Code::timeout) return {};
  if (!frames) return tl::unexpected(frames.error());

  const Request request = parse(std::move(*frames));
  const std::string user_id = decide(request, book);
  if (user_id.empty()) {
    refused.fetch_add(1);
    refusals.note(request);
  } else {
    accepted.fetch_add(1);
  }
  return reply(request, user_id);
}

// Only 200 and 400: other codes leave clients of this libzmq hanging. The text does not tell why.
Status ZapHandler::State::reply(const Request& request, const std::string& user_id) {
  const bool yes = !user_id.empty();
  const std::array<std::string_view, 6> frames = {
      "1.0", request.id, yes ? "200" : "400", yes ? "OK" : "not authorized", user_id, ""};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int flags = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
    if (zmq_send(requests.handle, frames[i].data(), frames[i].size(), flags) < 0) {
      return tl::unexpected(zmq_error("cannot answer an authentication request"));
    }
  }
  return {};
}

ZapHandler::ZapHandler(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ZapHandler>> ZapHandler::start(void* zmq_context, const PrincipalBook& book,
                                                      std::function<void(const Error&)> on_death) {
  auto state = std::make_unique<State>(zmq_context, book, std::move(on_death));
  if (auto opened = state->open(); !opened) return tl::unexpected(opened.error());
  state->thread = std::thread([s = state.get()] { s->run(); });
  return std::unique_ptr<ZapHandler>(new ZapHandler(std::move(state)));
}

ZapHandler::~ZapHandler() {
  state_->stopping.store(true);
  static_cast<void>(zmq_send(state_->stop_there.handle, "", 0, ZMQ_DONTWAIT));
  state_->thread.join();
}

ZapCounts ZapHandler::counts() const {
  return {state_->accepted.load(), state_->refused.load()};
}

}  // namespace hirehall::server
