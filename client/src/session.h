// The client's side of the protocol, pure: frames, calls and the time go in; frames and events come out.
// It numbers and resends submits, so that none is lost or made twice, finds dead connections, resumes its
// session and its subscriptions, and matches answers with requests. No sockets, clocks or threads; one owner
// drives it:
//
//   opened()       a fresh socket exists: the session says hello on it
//   receive()      a frame arrived
//   tick()         time passed; call it at next_tick() at the latest
//   wants_socket() the socket should be replaced at reopen_at(): then opened() again
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/src/batcher.h"
#include "common/error.h"
#include "common/msgpack.h"
#include "common/task.h"
#include "common/wire.h"

namespace hirehall::client_core {

// Where frames go. A frame that cannot leave at once is the port's to keep, until the socket is replaced.
class Port {
 public:
  virtual ~Port() = default;
  virtual void send(std::string_view frame) = 0;
};

struct PushedResult {
  std::string_view id;  // 16 bytes
  State state = State::succeeded;
  std::string_view result;
  std::string_view result_type;
  std::string_view error_code;
  std::string_view error_message;
};

struct Position {
  std::uint64_t commit = 0;
  std::uint64_t index = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

class Events {
 public:
  virtual ~Events() = default;
  // The answer of request `ticket`: the body of `ok`, or the error.
  virtual void answered(std::uint64_t ticket, const hirehall::Result<std::string_view>& body) = 0;
  // Results of a subscription, views into the frame. Called once per push.
  virtual void results(std::uint64_t subscription, std::span<const PushedResult> items, Position after,
                       bool gap, std::size_t bytes) = 0;
  virtual void became_ready() = 0;
  // The broker will not have us (denied, version_mismatch): nothing more will come.
  virtual void refused(const hirehall::Error& error) = 0;
};

struct Counters {
  std::uint64_t hellos = 0, resent = 0, reopened = 0, malformed = 0, repeated_results = 0, sessions = 0;
};

class Session {
 public:
  struct Settings {
    std::string name = "client";
    std::string reason = {};  // for the audit log
    std::size_t batches_in_flight = limits::batches_in_flight_max;
    std::uint64_t seed = 1;
  };
  enum class Phase : std::uint8_t { closed, greeting, ready, refused };

  Session(Settings settings, Port& port, Events& events);

  void opened(Millis now);
  void receive(std::string_view frame, Millis now);
  void tick(Millis now);
  Millis next_tick() const;

  Phase phase() const { return phase_; }
  bool wants_socket() const { return phase_ == Phase::closed; }
  Millis reopen_at() const { return reopen_at_; }
  void disconnected(Millis now);  // the owner knows that the connection is gone

  // Submitting. submit() only while window_open().
  bool window_open() const;
  std::size_t in_flight() const { return unanswered_; }
  void submit(Batch batch);
  void fail_submits(const hirehall::Error& error);  // gives up everything unanswered

  // Any other request; sent again after a reconnect (the protocol makes that safe for all of them).
  // deadline: then it is answered `timeout`, or `unreachable`; 0 = none.
  std::uint64_t request(wire::Kind kind, std::string body, Millis deadline);
  void forget(std::uint64_t ticket) { requests_.erase(ticket); }

  // A stream of results. The subscription is renewed by itself after a reconnect, from its last position.
  struct SubscribeSettings {
    std::string queue;  // empty: of this session
    bool has_position = false;
    Position position;
    std::size_t window_bytes = 4u << 20;
  };
  std::uint64_t subscribe(SubscribeSettings settings);  // answered() tells when it stands
  void seen(std::uint64_t subscription, Position position, std::size_t bytes);
  void unsubscribe(std::uint64_t subscription);

  const Counters& counters() const { return counters_; }
  const std::string& tenant() const { return tenant_; }
  std::string dump() const;  // state for tests and bug reports

 private:
  struct Submitted {
    Batch batch;
    std::uint64_t number = 0;
    std::uint64_t request = 0;  // of the latest transmission
    bool answered = false;
  };
  struct Request {
    wire::Kind kind = wire::Kind::get;
    std::string body;
    Millis deadline = 0;
    std::uint64_t number = 0;  // of the latest transmission; 0 = not sent
  };
  struct Subscription {
    SubscribeSettings settings;
    std::uint64_t server = 0;  // the broker's number; 0 = not standing
    std::uint64_t ticket = 0;  // the request that asks for it
    std::size_t unseen_bytes = 0;
    Position furthest;  // of what was seen on this connection
    bool gap = false;
  };

  void say_hello(Millis now);
  void close(Millis now);
  void on_welcome(std::string_view body, Millis now);
  void on_hello_error(const hirehall::Error& error, Millis now);
  void on_error(std::uint64_t number, std::string_view body, Millis now);
  void on_ok(std::uint64_t number, std::string_view body);
  void on_submitted(std::string_view body);
  void on_results(std::string_view body);
  bool read_answer(msgpack::Reader& reader, Submitted& record);
  void settle_front();
  void on_submit_error(std::size_t index, const hirehall::Error& error, Millis now);
  void fail_batch(Submitted& record, const hirehall::Error& error);
  void resend_submits(std::size_t from);
  void renumber(std::uint64_t first);
  void transmit(Submitted& record);
  void send_request(Request& request);
  void send_subscribe(std::uint64_t id, Subscription& subscription);
  void send_unsubscribe(std::uint64_t server);
  void answer(std::uint64_t ticket, const hirehall::Result<std::string_view>& body);
  void on_subscribed(std::uint64_t id, const hirehall::Result<std::string_view>& body);
  void expire_requests(Millis now);
  std::size_t find_by_request(std::uint64_t number) const;
  Millis jitter(Millis low, Millis high);

  Settings settings_;
  Port& port_;
  Events& events_;
  std::mt19937_64 random_;
  Counters counters_;

  Phase phase_ = Phase::closed;
  std::string token_;
  std::string tenant_;
  std::uint64_t next_number_ = 1;  // of requests
  std::uint64_t hello_number_ = 0;
  Millis greeting_until_ = 0;
  Millis reopen_at_ = 0;
  Millis outage_since_ = -1;
  int failed_openings_ = 0;
  Millis heartbeat_ms_ = limits::heartbeat_ms;
  Millis heard_at_ = 0;
  Millis heartbeat_at_ = 0;  // the next one, unless something else is sent before
  bool sent_since_tick_ = false;

  std::deque<Submitted> submits_;  // consecutive numbers, lowest first
  std::size_t unanswered_ = 0;
  std::size_t unanswered_bytes_ = 0;
  std::uint64_t next_batch_ = 1;
  std::size_t credit_batches_ = 0;
  std::size_t credit_bytes_ = 0;
  Millis submits_held_until_ = 0;
  std::size_t resend_from_ = 0;  // index into submits_, once the hold is over
  bool held_ = false;
  int rounds_without_progress_ = 0;

  std::map<std::uint64_t, Request> requests_;         // by ticket
  std::map<std::uint64_t, std::uint64_t> ticket_of_;  // by number of the latest transmission
  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Subscription> subscriptions_;
  std::map<std::uint64_t, std::uint64_t> subscription_of_ticket_;
  std::vector<PushedResult> pushed_;  // reused between pushes
};

}  // namespace hirehall::client_core
