// The link: hello, registration, heartbeats, reconnects. Tasks are in session_tasks.cpp.
#include "worker/session.h"

#include <algorithm>

#include "common/version.h"

namespace hirehall::worker {
namespace {

using msgpack::Reader;
using msgpack::Writer;

constexpr Micros second = 1'000'000;
// A broker that restarts is back within seconds: until then knock often. Later the whole fleet must not knock
// at once.
constexpr Micros eager_us = 10 * second;
constexpr Micros knock_low_us = second / 5;
constexpr Micros knock_high_us = 2 * second / 5;
constexpr Micros backoff_max_us = 10 * second;
constexpr Micros open_window_us = 2 * second;  // how long one late attempt to connect may take
constexpr Micros patience_min_us = 2 * second / 5;
constexpr Micros patience_max_us = 4 * second;
constexpr int silent_heartbeats_max = 3;

void write_strings(Writer& w, std::string_view key, const std::vector<std::string>& values) {
  w.str(key);
  w.array(values.size());
  for (const auto& v : values) w.str(v);
}

void write_map(Writer& w, std::string_view key, const StringMap& values) {
  w.str(key);
  w.map(values.size());
  for (const auto& [k, v] : values) w.entry(k, v);
}

void write_offer(Writer& w, const AgentOffer& agent) {
  w.map(8u + (agent.price ? 1 : 0) + (agent.bids ? 1 : 0) + (agent.max_instances != 0 ? 1 : 0) +
        agent.guard.fields());
  w.entry("name", agent.name);
  w.entry("version", agent.version);
  w.entry("digest", agent.digest);
  write_strings(w, "types", agent.types);
  write_strings(w, "capabilities", agent.capabilities);
  write_strings(w, "tools", agent.tools);
  write_map(w, "labels", agent.labels);
  w.entry_sint("tier", agent.tier);
  if (agent.price) w.str("price"), write_price(w, *agent.price);
  if (agent.bids) w.entry_bool("bids", true);
  if (agent.max_instances != 0) w.entry_uint("max_instances", agent.max_instances);
  write_guard(w, agent.guard);
}

bool try_again(const Error& error) {
  return action_of(error.code) == Action::retry;
}

}  // namespace

Session::Session(SessionConfig config)
    : config_(std::move(config)), random_(config_.seed), heartbeat_us_(limits::heartbeat_ms * 1000) {}

Micros Session::jitter(Micros low, Micros high) {
  random_ += 0x9e3779b97f4a7c15ull;  // splitmix64
  auto x = random_;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  x ^= x >> 31;
  return low + static_cast<Micros>(x % static_cast<std::uint64_t>(high - low + 1));
}

void Session::start(Micros now, SessionOutput& out) {
  HH_CHECK(phase_ == Phase::closed, "a session starts once");
  down_since_ = now;
  phase_ = Phase::opening;
  deadline_ = now + eager_us;
  out.open = true;
}

void Session::connected(Micros now, SessionOutput& out) {
  if (phase_ == Phase::closed || phase_ == Phase::failed) return;
  if (phase_ == Phase::working) down_since_ = now;  // a new connection that nobody saw break
  patience_ = patience_min_us;
  heard_at_ = now;
  say_hello(now, out);
}

void Session::disconnected(Micros now) {
  if (phase_ == Phase::closed || phase_ == Phase::failed || phase_ == Phase::opening) return;
  if (phase_ == Phase::working) down_since_ = now;
  phase_ = Phase::opening;
  deadline_ = std::max(now + open_window_us, down_since_ + eager_us);
}

void Session::retreat(Micros now, SessionOutput& out) {
  if (phase_ == Phase::working) down_since_ = now;
  phase_ = Phase::closed;
  out.close = true;
  if (now - down_since_ < eager_us) {
    deadline_ = now + jitter(knock_low_us, knock_high_us);
    return;
  }
  auto ceiling = std::min(backoff_max_us, knock_low_us << std::min(retreats_, 6));
  ++retreats_;
  deadline_ = now + jitter(knock_low_us / 4, ceiling);
}

void Session::say_hello(Micros now, SessionOutput& out) {
  phase_ = Phase::greeting;
  patience_ = std::clamp(patience_, patience_min_us, patience_max_us);
  deadline_ = now + patience_;
  patience_ *= 2;
  hello_request_ = next_request();
  std::string frame;
  wire::write_header(frame, wire::Kind::hello, hello_request_);
  Writer w(frame);
  w.map(session_token_.empty() ? 6u : 7u);
  w.entry_uint("min_version", wire::version);
  w.entry_uint("max_version", wire::version);
  w.entry("role", "worker");
  w.entry("name", config_.name);
  w.entry("software", "hirehall-worker " + std::string(software_version()));
  w.str("features"), w.array(0);
  if (!session_token_.empty()) w.entry_bin("session", session_token_);
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

void Session::on_welcome(std::string_view body, Micros now, SessionOutput& out) {
  if (phase_ != Phase::greeting) return;  // an answer to a hello that was repeated
  Reader r(body);
  std::string token;
  std::int64_t heartbeat_ms = limits::heartbeat_ms;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "session")
      token = r.bin();
    else if (key == "heartbeat_ms")
      heartbeat_ms = r.sint();
    else
      r.skip();
  }
  if (!r.ok() || heartbeat_ms <= 0) return malformed("welcome", out);
  session_token_ = std::move(token);
  heartbeat_us_ = heartbeat_ms * 1000;
  register_worker(now, out);
}

void Session::register_worker(Micros now, SessionOutput& out) {
  phase_ = Phase::registering;
  deadline_ = now + std::max(patience_, second);
  register_request_ = next_request();
  std::string frame;
  wire::write_header(frame, wire::Kind::register_worker, register_request_);
  Writer w(frame);
  w.map((worker_token_.empty() ? 9u : 10u) + (config_.price ? 1u : 0u));
  w.entry("name", config_.name);
  w.entry_uint("slots", config_.slots);
  w.entry_uint("credit", credit());
  w.entry_bool("timed", true);
  w.str("agents");
  w.array(config_.agents.size());
  for (const auto& agent : config_.agents) write_offer(w, agent);
  write_map(w, "labels", config_.labels);
  write_map(w, "resources", config_.resources);
  if (config_.price) w.str("price"), write_price(w, *config_.price);
  if (!worker_token_.empty()) w.entry_bin("resume", worker_token_);
  w.entry_uint("last_award", last_award_);
  auto tokens = unfinished();
  w.str("holding");
  w.array(tokens.size());
  for (auto token : tokens) w.uint(token);
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

void Session::on_registered(std::string_view body, Micros now, SessionOutput& out) {
  Reader r(body);
  std::uint64_t worker = 0;
  std::uint64_t next_finish = 1;
  bool resumed = false;
  std::int64_t heartbeat_ms = heartbeat_us_ / 1000;
  std::string token;
  std::vector<Token> lost;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "worker") {
      worker = r.uint();
    } else if (key == "token") {
      token = r.bin();
    } else if (key == "resumed") {
      resumed = r.boolean();
    } else if (key == "next_finish") {
      next_finish = r.uint();
    } else if (key == "heartbeat_ms") {
      heartbeat_ms = r.sint();
    } else if (key == "lost") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) lost.push_back(r.uint());
    } else {
      r.skip();
    }
  }
  if (!r.ok() || heartbeat_ms <= 0) return malformed("answer to register_worker", out);
  heartbeat_us_ = heartbeat_ms * 1000;
  if (worker != worker_) last_award_ = 0;  // another worker number counts its awards anew
  worker_ = worker;
  worker_token_ = std::move(token);
  for (auto t : lost) lose(t, out);
  std::uint64_t first = sent_.empty() ? next_finish_ : sent_.front().number;
  if (!resumed)
    renumber(1);
  else if (next_finish < first || next_finish > next_finish_)
    renumber(next_finish);
  phase_ = Phase::working;
  deadline_ = 0;
  patience_ = 0;
  retreats_ = 0;
  heard_at_ = now;
  beat_at_ = now + heartbeat_us_;
  ++counters_.sessions;
  if (draining_) send_drain(out);
  resend(now, out);
  flush(now, out);
}

void Session::frame(std::string_view bytes, Micros now, SessionOutput& out) {
  if (phase_ == Phase::closed || phase_ == Phase::failed) return;
  auto frame = wire::read_frame(bytes);
  if (!frame) return malformed(frame.error().message, out);
  heard_at_ = now;
  switch (static_cast<wire::Kind>(frame->header.kind)) {
    case wire::Kind::welcome:
      return on_welcome(frame->body, now, out);
    case wire::Kind::ok:
      return on_ok(*frame, now, out);
    case wire::Kind::error:
      return on_error(*frame, now, out);
    case wire::Kind::award:
      return on_award(frame->body, out);
    case wire::Kind::stop:
      return on_stop(frame->body, out);
    case wire::Kind::lost:
      return on_lost(frame->body, out);
    case wire::Kind::call_for_bids:
      return on_call(frame->body, out);
    default:
      return malformed("a message of kind " + std::to_string(frame->header.kind), out);
  }
}

void Session::on_ok(const wire::Frame& frame, Micros now, SessionOutput& out) {
  auto request = frame.header.request;
  if (!sent_.empty() && request >= sent_.front().request && request <= sent_.back().request) {
    auto it = std::find_if(sent_.begin(), sent_.end(), [&](const auto& f) { return f.request == request; });
    if (it != sent_.end()) {
      round_trip_us_ += (static_cast<double>(now - it->sent_at) - round_trip_us_) / 8;
      SentFinish finish = std::move(*it);
      sent_.erase(it);
      on_finish_ok(frame.body, finish, out);
      return;
    }
  }
  if (request == register_request_ && phase_ == Phase::registering)
    return on_registered(frame.body, now, out);
  Reader r(frame.body);
  if (request == heartbeat_request_) {
    heartbeat_request_ = 0;
    if (r.array() < 2) return;
    r.skip();
    // A list that was sent before this heartbeat and is not answered may be lost: it is sent again.
    if (r.boolean() && holding_request_ < request) send_holding(out);
  } else if (request == holding_request_) {
    holding_request_ = 0;
    on_lost(frame.body, out);
  } else if (request == drain_request_) {
    drain_answered_ = draining_;
  } else {
    auto it = std::find_if(sent_reports_.begin(), sent_reports_.end(),
                           [&](const auto& s) { return s.request == request; });
    if (it == sent_reports_.end()) return;
    report_bytes_ -= it->items.size();
    sent_reports_.erase(it);
  }
}

void Session::on_error(const wire::Frame& frame, Micros now, SessionOutput& out) {
  Error error = wire::read_error(frame.body);
  auto request = frame.header.request;
  if (error.code == Code::unknown_session) {
    // The broker restarted or the connection is new. While registering, wait out the deadline: a broker that
    // forgets at once must not be asked in a tight loop.
    if (phase_ != Phase::working) return;
    down_since_ = now;
    patience_ = patience_min_us;
    return say_hello(now, out);
  }
  bool greeting = phase_ == Phase::greeting && request == hello_request_;
  bool registering = phase_ == Phase::registering && request == register_request_;
  if (greeting && error.code == Code::session_expired) {
    session_token_.clear();
    return say_hello(now, out);
  }
  if (greeting || registering) {
    if (!try_again(error)) return fail_for_good(std::move(error), out);
    deadline_ = std::max(deadline_, now + error.retry_after_ms * 1000);
    out.warnings.push_back("the broker is not ready: " + describe(error));
    return;
  }
  auto finish = std::find_if(sent_.begin(), sent_.end(), [&](const auto& f) { return f.request == request; });
  if (finish != sent_.end()) {
    if (try_again(error)) {
      resend_at_ = now + std::max<Micros>(error.retry_after_ms * 1000, jitter(knock_low_us, knock_high_us));
      return;
    }
    std::uint64_t number = finish->number;
    sent_.erase(finish);
    ++counters_.refused;
    out.warnings.push_back("the broker refused a finish message: " + describe(error));
    // Its number was not used up: what came after it moves down by one.
    for (auto& later : sent_)
      if (later.number > number) --later.number;
    --next_finish_;
    resend_at_ = now;
    return;
  }
  if (request == heartbeat_request_) heartbeat_request_ = 0;
  if (request == holding_request_) holding_request_ = 0;
  auto report = std::find_if(sent_reports_.begin(), sent_reports_.end(),
                             [&](const auto& s) { return s.request == request; });
  if (report != sent_reports_.end()) {
    counters_.reports_dropped += report->count;
    report_bytes_ -= report->items.size();
    sent_reports_.erase(report);
  }
  out.warnings.push_back("the broker answered with an error: " + describe(error));
}

void Session::tick(Micros now, SessionOutput& out) {
  if (late_ && now >= late_until_) late_ = false;
  switch (phase_) {
    case Phase::failed:
      return;
    case Phase::closed:
      if (now < deadline_) return;
      phase_ = Phase::opening;
      deadline_ = now + open_window_us;
      out.open = true;
      return;
    case Phase::opening:
      if (now >= deadline_) retreat(now, out);
      return;
    case Phase::greeting:
    case Phase::registering:
      if (now < deadline_) return;
      if (now - heard_at_ > silent_heartbeats_max * heartbeat_us_) return retreat(now, out);
      return say_hello(now, out);
    case Phase::working:
      break;
  }
  if (now - heard_at_ > silent_heartbeats_max * heartbeat_us_) {
    out.warnings.emplace_back("the broker has been silent for three heartbeats: connecting anew");
    return retreat(now, out);
  }
  if (resend_at_ != 0 && now >= resend_at_) resend(now, out);
  if (now >= beat_at_) send_heartbeat(now, out);
}

Micros Session::next_tick() const {
  if (phase_ == Phase::failed) return INT64_MAX;
  if (phase_ != Phase::working) return deadline_;
  auto next = std::min(beat_at_, heard_at_ + silent_heartbeats_max * heartbeat_us_ + 1);
  return resend_at_ == 0 ? next : std::min(next, resend_at_);
}

void Session::drain() {
  if (draining_) return;
  draining_ = true;
}

void Session::fail_for_good(Error error, SessionOutput& out) {
  phase_ = Phase::failed;
  failure_ = std::move(error);
  out.close = true;
}

void Session::malformed(std::string_view what, SessionOutput& out) {
  ++counters_.malformed;
  out.warnings.push_back("the broker sent something unreadable: " + std::string(what));
}

}  // namespace hirehall::worker
