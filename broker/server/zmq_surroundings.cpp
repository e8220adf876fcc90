#include <sodium/randombytes.h>
#include <time.h>
#include <zmq.h>

#include <cerrno>

#include "broker/server/metrics.h"
#include "broker/server/surroundings.h"

namespace hirehall::server {
namespace {

class ZmqMessage {
 public:
  ZmqMessage() { zmq_msg_init(&message_); }
  ~ZmqMessage() { zmq_msg_close(&message_); }
  ZmqMessage(const ZmqMessage&) = delete;
  ZmqMessage& operator=(const ZmqMessage&) = delete;
  bool receive(void* socket) { return zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT) >= 0; }
  std::string_view bytes() {
    return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  bool more() { return zmq_msg_more(&message_) != 0; }
  const char* address() { return zmq_msg_gets(&message_, "Peer-Address"); }
  const char* user() { return zmq_msg_gets(&message_, "User-Id"); }

 private:
  zmq_msg_t message_{};
};

class ZmqSurroundings final : public Surroundings {
 public:
  explicit ZmqSurroundings(void* router) : router_(router) {}

  bool receive(Arrived& message) override {
    for (;;) {
      if (!routing_.receive(router_)) return false;
      if (routing_.more() && frame_.receive(router_)) break;
    }
    message = {routing_.bytes(), frame_.bytes(), frame_.user(), !frame_.more()};
    for (bool more = frame_.more(); more;) {
      ZmqMessage rest;
      if (!rest.receive(router_)) break;
      more = rest.more();
    }
    return true;
  }

  bool send(const std::string& routing, const std::string& frame) override {
    return zmq_send(router_, routing.data(), routing.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(router_, frame.data(), frame.size(), ZMQ_DONTWAIT) >= 0;
  }

  Status wait(Millis ms, const Wakeup& wakeup) override {
    zmq_pollitem_t items[] = {{router_, 0, ZMQ_POLLIN, 0}, {nullptr, wakeup.descriptor(), ZMQ_POLLIN, 0}};
    if (ms > 0 && zmq_poll(items, 2, ms) < 0 && errno != EINTR)
      return fail(Code::io, std::string("polling the socket failed: ") + zmq_strerror(errno));
    if (ms == 0 || (items[1].revents & ZMQ_POLLIN) != 0) wakeup.clear();
    return {};
  }

  std::int64_t monotonic_ms() override { return MetricsServer::monotonic_ms(); }
  std::int64_t wall_ms() override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
  }
  std::string address() override {
    const char* known = frame_.address();
    return known == nullptr ? "" : known;
  }
  std::string random(std::size_t bytes) override {
    std::string out(bytes, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
  }
  bool threads() const override { return true; }

 private:
  void* router_;
  ZmqMessage routing_, frame_;
};

}  // namespace

std::unique_ptr<Surroundings> zmq_surroundings(void* router) {
  return std::make_unique<ZmqSurroundings>(router);
}

}  // namespace hirehall::server
