// Connection, hello, liveness and plain requests. Submits: session_submit.cpp; results: session_results.cpp.
#include "client/src/session.h"

#include <algorithm>

#include "common/check.h"
#include "common/mutant.h"
#include "common/version.h"

namespace hirehall::client_core {
namespace {

using msgpack::Reader;
using msgpack::Writer;

constexpr Millis eager_ms = 10'000;  // so long an outage is met with quick retries
constexpr Millis eager_greeting_ms = 1'000;
constexpr Millis patient_greeting_ms = 5'000;
constexpr Millis reopen_max_ms = 10'000;
constexpr int silent_intervals_max = 3;

}  // namespace

Session::Session(Settings settings, Port& port, Events& events)
    : settings_(std::move(settings)), port_(port), events_(events), random_(settings_.seed) {}

Millis Session::jitter(Millis low, Millis high) {
  return low + static_cast<Millis>(random_() % static_cast<std::uint64_t>(high - low + 1));
}

void Session::opened(Millis now) {
  HH_CHECK(phase_ == Phase::closed, "a socket was opened for a session that has one");
  if (outage_since_ < 0) outage_since_ = now;
  say_hello(now);
}

void Session::say_hello(Millis now) {
  phase_ = Phase::greeting;
  hello_number_ = next_number_++;
  ++counters_.hellos;
  std::string frame;
  wire::write_header(frame, wire::Kind::hello, hello_number_);
  Writer w(frame);
  std::size_t pairs = 5;
  if (!token_.empty()) ++pairs;
  if (!settings_.reason.empty()) ++pairs;
  w.map(pairs);
  w.entry_uint("min_version", wire::version);
  w.entry_uint("max_version", wire::version);
  w.entry("role", "client");
  w.entry("name", settings_.name);
  w.entry("software", std::string("hirehall ") + std::string(software_version()));
  if (!settings_.reason.empty()) w.entry("reason", settings_.reason);
  if (!token_.empty()) w.entry_bin("session", token_);
  port_.send(frame);
  bool eager = outage_since_ < 0 || now - outage_since_ < eager_ms;
  greeting_until_ = now + (eager ? eager_greeting_ms : patient_greeting_ms);
}

void Session::disconnected(Millis now) {
  if (phase_ == Phase::ready || phase_ == Phase::greeting) close(now);
}

// Quick retries while a restarting broker is likely; after that full jitter, so that a thousand clients
// spread out.
void Session::close(Millis now) {
  phase_ = Phase::closed;
  ++counters_.reopened;
  if (outage_since_ < 0) outage_since_ = now;
  if (now - outage_since_ < eager_ms) {
    reopen_at_ = now + jitter(200, 400);
    failed_openings_ = 0;
    return;
  }
  auto exponent = std::min(++failed_openings_, 6);
  reopen_at_ = now + jitter(0, std::min<Millis>(reopen_max_ms, Millis{400} << exponent));
}

void Session::tick(Millis now) {
  if (phase_ == Phase::greeting && now >= greeting_until_) close(now);
  if (phase_ == Phase::ready) {
    if (now - heard_at_ > silent_intervals_max * heartbeat_ms_) {
      close(now);
    } else if (now >= heartbeat_at_) {
      if (!sent_since_tick_ || now - heard_at_ >= heartbeat_ms_) {
        std::string frame;
        wire::write_header(frame, wire::Kind::heartbeat, next_number_++);
        Writer(frame).map(0);
        port_.send(frame);
      }
      heartbeat_at_ = now + heartbeat_ms_;
      sent_since_tick_ = false;
    }
    if (phase_ == Phase::ready && held_ && now >= submits_held_until_) {
      held_ = false;
      resend_submits(resend_from_);
    }
  }
  expire_requests(now);
}

Millis Session::next_tick() const {
  Millis next = INT64_MAX;
  switch (phase_) {
    case Phase::closed:
      next = reopen_at_;
      break;
    case Phase::greeting:
      next = greeting_until_;
      break;
    case Phase::ready:
      next = std::min(heartbeat_at_, heard_at_ + silent_intervals_max * heartbeat_ms_ + 1);
      break;
    case Phase::refused:
      break;
  }
  if (phase_ == Phase::ready && held_) next = std::min(next, submits_held_until_);
  for (const auto& [ticket, request] : requests_)
    if (request.deadline > 0) next = std::min(next, request.deadline);
  return next;
}

void Session::receive(std::string_view bytes, Millis now) {
  auto frame = wire::read_frame(bytes);
  if (!frame) {
    ++counters_.malformed;
    return;
  }
  heard_at_ = now;
  if (phase_ == Phase::closed || phase_ == Phase::refused) return;
  auto number = frame->header.request;
  switch (static_cast<wire::Kind>(frame->header.kind)) {
    case wire::Kind::welcome:
      if (phase_ == Phase::greeting && number == hello_number_) on_welcome(frame->body, now);
      return;
    case wire::Kind::submitted:
      return on_submitted(frame->body);
    case wire::Kind::results:
      return on_results(frame->body);
    case wire::Kind::ok:
      return on_ok(number, frame->body);
    case wire::Kind::error:
      return on_error(number, frame->body, now);
    default:
      ++counters_.malformed;  // a kind of a newer broker, or not ours
  }
}

void Session::on_welcome(std::string_view body, Millis now) {
  Reader r(body);
  bool resumed = false;
  std::uint64_t next_batch = 1;
  std::string token;
  credit_batches_ = limits::batches_in_flight_max;
  credit_bytes_ = SIZE_MAX;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "session")
      token = r.bin();
    else if (key == "resumed")
      resumed = r.boolean();
    else if (key == "next_batch")
      next_batch = r.uint();
    else if (key == "tenant")
      tenant_ = r.str();
    else if (key == "heartbeat_ms")
      heartbeat_ms_ = std::clamp<Millis>(r.sint(), 10, 3'600'000);
    else if (key == "credit_batches")
      credit_batches_ = static_cast<std::size_t>(std::max<std::uint64_t>(1, r.uint()));
    else if (key == "credit_bytes")
      credit_bytes_ = static_cast<std::size_t>(r.uint());
    else
      r.skip();
  }
  if (!r.ok() || token.empty()) {
    ++counters_.malformed;
    return close(now);
  }
  token_ = token;
  phase_ = Phase::ready;
  outage_since_ = -1;
  failed_openings_ = 0;
  heartbeat_at_ = now + heartbeat_ms_;
  if (!resumed) {
    ++counters_.sessions;
    fail_submits(
        {Code::session_expired,
         "the broker no longer knows this session: whether these tasks were recorded is unknown; submit them "
         "again with idempotency keys to be safe",
         {},
         0});
    next_batch_ = next_batch;
  } else {
    renumber(next_batch);
  }
  held_ = false;
  if (!HH_MUTANT("client_forgets_batches")) resend_submits(0);
  // Subscriptions ask anew below, with their latest position.
  for (auto& [id, subscription] : subscriptions_) {
    forget(subscription.ticket);
    subscription_of_ticket_.erase(subscription.ticket);
    subscription.ticket = 0;
  }
  ticket_of_.clear();
  for (auto& [ticket, request] : requests_) send_request(request), ticket_of_[request.number] = ticket;
  for (auto& [id, subscription] : subscriptions_) send_subscribe(id, subscription);
  events_.became_ready();
}

void Session::on_hello_error(const hirehall::Error& error, Millis now) {
  if (error.code == Code::session_expired) {
    token_.clear();
    return say_hello(now);  // the welcome of a new session settles what was unanswered
  }
  if (action_of(error.code) == Action::retry) {
    close(now);
    reopen_at_ = std::max(reopen_at_, now + error.retry_after_ms);
    return;
  }
  phase_ = Phase::refused;
  fail_submits(error);
  std::vector<std::uint64_t> all;
  for (const auto& [ticket, request] : requests_) all.push_back(ticket);
  for (auto ticket : all) answer(ticket, tl::unexpected(error));
  events_.refused(error);
}

void Session::on_error(std::uint64_t number, std::string_view body, Millis now) {
  auto error = wire::read_error(body);
  if (phase_ == Phase::greeting) {
    // What is not about this hello concerns things sent before it, which the welcome makes us send again.
    if (number == hello_number_) on_hello_error(error, now);
    return;
  }
  if (error.code == Code::unknown_session) return say_hello(now);
  if (auto at = ticket_of_.find(number); at != ticket_of_.end())
    return answer(at->second, tl::unexpected(error));
  if (auto index = find_by_request(number); index < submits_.size()) on_submit_error(index, error, now);
}

void Session::on_ok(std::uint64_t number, std::string_view body) {
  if (auto at = ticket_of_.find(number); at != ticket_of_.end()) answer(at->second, body);
}

std::uint64_t Session::request(wire::Kind kind, std::string body, Millis deadline) {
  auto ticket = next_ticket_++;
  auto& request = requests_[ticket];
  request.kind = kind;
  request.body = std::move(body);
  request.deadline = deadline;
  if (phase_ == Phase::ready) send_request(request), ticket_of_[request.number] = ticket;
  return ticket;
}

void Session::send_request(Request& request) {
  request.number = next_number_++;
  std::string frame;
  wire::write_header(frame, request.kind, request.number);
  frame += request.body;
  port_.send(frame);
  sent_since_tick_ = true;
}

void Session::answer(std::uint64_t ticket, const hirehall::Result<std::string_view>& body) {
  auto at = requests_.find(ticket);
  if (at == requests_.end()) return;
  ticket_of_.erase(at->second.number);
  requests_.erase(at);
  if (auto s = subscription_of_ticket_.find(ticket); s != subscription_of_ticket_.end()) {
    auto id = s->second;
    subscription_of_ticket_.erase(s);
    return on_subscribed(id, body);
  }
  events_.answered(ticket, body);
}

void Session::expire_requests(Millis now) {
  std::vector<std::uint64_t> late;
  for (const auto& [ticket, request] : requests_)
    if (request.deadline > 0 && now >= request.deadline) late.push_back(ticket);
  for (auto ticket : late) {
    hirehall::Error error{Code::timeout, "the broker did not answer in time", {}, 0};
    if (phase_ != Phase::ready) error = {Code::unreachable, "no broker answers", {}, 0};
    answer(ticket, tl::unexpected(error));
  }
}

std::string Session::dump() const {
  static constexpr const char* names[] = {"closed", "greeting", "ready", "refused"};
  std::string out = names[static_cast<std::size_t>(phase_)];
  out += " unanswered=" + std::to_string(unanswered_) + " next_batch=" + std::to_string(next_batch_) +
         " batches=";
  for (const auto& s : submits_) out += std::to_string(s.number) + (s.answered ? "+ " : " ");
  return out;
}

}  // namespace hirehall::client_core
