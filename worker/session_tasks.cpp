// Tasks of a session: awards in, finishes and reports out, what is held, how much to ask for.
#include <algorithm>
#include <cmath>

#include "common/mutant.h"
#include "worker/session.h"

namespace hirehall::worker {
namespace {

using msgpack::Reader;
using msgpack::Writer;

// Finish messages that wait for their answer. Four cover the time of a commit; more would only make batches
// smaller.
constexpr std::size_t finishes_in_flight_max = 4;
// Reports are best effort: above this, logs and progress are dropped and counted. Checkpoints have as much
// again.
constexpr std::size_t report_bytes_max = 4u << 20;
// What waits in the worker must not fill its memory when payloads are large.
constexpr double waiting_bytes_max = 64u << 20;
constexpr double samples_max = 8192;  // older ones fade
constexpr double long_work_round_trips = 20;
constexpr Micros long_work_least_us = 250'000;
constexpr Micros late_first_us = 1'000'000, late_max_us = 32'000'000;
constexpr Millis unmeasured = 1;  // began some time, and no end: the broker goes by its own clock

// docs/protocol.md, worker_heartbeat
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

Shape read_shape(Reader& r) {
  Shape shape;
  auto n = r.array();
  std::string* texts[] = {&shape.type, &shape.agent, &shape.content_type, &shape.queue, &shape.tenant};
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    if (i < std::size(texts)) {
      if (!r.skip_nil()) *texts[i] = r.str();
    } else if (i == 5) {
      shape.timeout_ms = r.sint();
    } else {
      r.skip();
    }
  }
  return shape;
}

Attempt read_attempt(Reader& r) {
  Attempt a;
  auto n = r.array();
  if (n < 5) r.fail();
  a.token = r.uint();
  a.id = r.bin();
  a.attempt = static_cast<std::uint32_t>(r.uint());
  a.shape = static_cast<std::uint32_t>(r.uint());
  a.payload = r.bin();
  if (n > 5 && !r.skip_nil()) a.extras = r.raw();
  for (std::size_t i = 6; i < n && r.ok(); ++i) r.skip();
  return a;
}

}  // namespace

void Session::on_award(std::string_view body, SessionOutput& out) {
  if (phase_ != Phase::working) return;  // of a session that is over; the next registration says what is held
  Reader r(body);
  if (r.array() < 3) return malformed("award", out);
  auto number = r.uint();
  auto shapes = r.array();
  for (std::size_t i = 0; i < shapes && r.ok(); ++i) out.shapes.push_back(read_shape(r));
  auto items = r.array();
  if (!r.ok()) return out.shapes.clear(), malformed("award", out);
  if (number <= last_award_ && !HH_MUTANT("worker_takes_awards_twice"))
    return out.shapes.clear(), static_cast<void>(counters_.duplicates += items);
  out.start.reserve(items);
  for (std::size_t i = 0; i < items && r.ok(); ++i) {
    Attempt a = read_attempt(r);
    if (a.shape >= out.shapes.size()) r.fail();
    out.start.push_back(a);
  }
  if (!r.ok()) {  // nothing of it was taken, so the next heartbeats make the broker award it anew
    out.start.clear();
    out.shapes.clear();
    return malformed("award", out);
  }
  last_award_ = number;
  std::size_t kept = 0;
  for (const Attempt& a : out.start) {
    if (holds(a.token)) {
      ++counters_.duplicates;
      continue;
    }
    live_.insert(a.token, 0);
    order_.push_back(a.token);
    held_hash_ ^= mix(a.token);
    payload_bytes_ += static_cast<double>(a.payload.size() + a.extras.size());
    out.start[kept++] = a;
  }
  out.start.resize(kept);
  held_count_ += kept;
  counters_.awarded += kept;
  payloads_ += static_cast<double>(kept);
  if (payloads_ > samples_max) payloads_ /= 2, payload_bytes_ /= 2;
  if (order_.size() > 1024 + 2 * live_.size()) compact_order();
}

void Session::compact_order() {
  std::erase_if(order_, [this](Token token) { return !holds(token); });
}

void Session::on_stop(std::string_view body, SessionOutput& out) {
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    StopOrder order;
    auto parts = r.array();
    if (parts < 1) break;
    order.token = r.uint();
    if (parts > 1) order.grace_ms = r.sint();
    if (parts > 2 && !r.skip_nil()) order.reason = r.str();
    for (std::size_t k = 3; k < parts && r.ok(); ++k) r.skip();
    if (r.ok() && holds(order.token)) out.stop.push_back(std::move(order));  // else it crossed the finish
  }
  if (!r.ok()) malformed("stop", out);
}

void Session::on_lost(std::string_view body, SessionOutput& out) {
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto token = r.uint();
    if (r.ok()) lose(token, out);
  }
  if (!r.ok()) malformed("list of lost leases", out);
}

void Session::lose(Token token, SessionOutput& out) {
  if (!live_.erase(token)) return;  // finished already: the answer to its finish tells how that ended
  held_hash_ ^= mix(token);
  --held_count_;
  ++counters_.lost;
  out.lost.push_back(token);
}

void Session::finished(const Results& results) {
  service_ns_ += static_cast<double>(results.service_ns);
  served_ += static_cast<double>(results.size());
  if (served_ > samples_max) served_ /= 2, service_ns_ /= 2;
  end(results);
}

// What was learned of short work does not hold at present: for a while no more is taken than begins at once,
// for longer each time that this was too soon.
void Session::hand_back(const Results& results, Micros now) {
  const bool again = late_for_ > 0 && now < late_until_ + late_for_;
  late_for_ = again ? std::min(2 * late_for_, late_max_us) : late_first_us;
  late_until_ = now + late_for_;
  late_ = true;
  counters_.handed_back += results.size();
  end(results);
}

void Session::end(const Results& results) {
  const auto& tokens = results.tokens();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!live_.erase(tokens[i])) continue;  // lost meanwhile: its result belongs to nobody
    pending_items_ += results.item(i);
    pending_tokens_.push_back(tokens[i]);
    pending_ends_.push_back(static_cast<std::uint32_t>(pending_items_.size()));
  }
}

void Session::report(Report report) {
  if (!holds(report.token)) return;
  bool keep = report.what == Report::What::checkpoint || report.what == Report::What::answer;
  if (report_bytes_ + report.value.size() > report_bytes_max * (keep ? 2 : 1)) {
    ++counters_.reports_dropped;
    return;
  }
  report_bytes_ += report.value.size();
  reports_.push_back(std::move(report));
}

void Session::flush(Micros now, SessionOutput& out) {
  if (phase_ != Phase::working) return;
  if (draining_ && drain_request_ == 0) send_drain(out);
  if (!reports_.empty())
    send_pending_reports(out);  // before finishes: a checkpoint comes before the end of its attempt
  if (!bids_.empty()) send_bids(out);
  if (resend_at_ == 0) send_pending_finishes(now, out);
}

void Session::send_pending_reports(SessionOutput& out) {
  while (!reports_.empty()) {
    SentReport sent;
    Writer w(sent.items);
    while (!reports_.empty() && sent.count < limits::batch_items_max &&
           (sent.count == 0 || sent.items.size() + reports_.front().value.size() < limits::batch_bytes_max)) {
      const Report& report = reports_.front();
      report_bytes_ -= report.value.size();
      w.array(3);
      w.uint(report.token);
      w.str(name_of(report.what));
      w.raw(report.value);
      ++sent.count;
      reports_.pop_front();
    }
    sent.request = next_request();
    report_bytes_ += sent.items.size();
    std::string frame;
    wire::write_header(frame, wire::Kind::report, sent.request);
    Writer(frame).array(sent.count);
    frame += sent.items;
    out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
    sent_reports_.push_back(std::move(sent));
  }
}

void Session::send_pending_finishes(Micros now, SessionOutput& out) {
  while (!pending_tokens_.empty() && sent_.size() < finishes_in_flight_max) {
    SentFinish finish;
    std::size_t n = std::min(pending_tokens_.size(), limits::batch_items_max);
    while (n > 1 && pending_ends_[n - 1] > limits::batch_bytes_max) --n;
    if (n == pending_tokens_.size()) {
      finish.items.swap(pending_items_);
      finish.tokens.swap(pending_tokens_);
      pending_ends_.clear();
    } else {
      auto bytes = pending_ends_[n - 1];
      auto count = static_cast<std::ptrdiff_t>(n);
      finish.items.assign(pending_items_, 0, bytes);
      finish.tokens.assign(pending_tokens_.begin(), pending_tokens_.begin() + count);
      pending_items_.erase(0, bytes);
      pending_tokens_.erase(pending_tokens_.begin(), pending_tokens_.begin() + count);
      pending_ends_.erase(pending_ends_.begin(), pending_ends_.begin() + count);
      for (auto& end : pending_ends_) end -= bytes;
    }
    for (auto token : finish.tokens) held_hash_ ^= mix(token);
    held_count_ -= finish.tokens.size();
    finish.number = next_finish_++;
    finish.request = next_request();
    sent_.push_back(std::move(finish));
    send_finish(sent_.back(), now, out);
  }
}

void Session::send_finish(SentFinish& finish, Micros now, SessionOutput& out) {
  finish.sent_at = now;
  std::string frame;
  frame.reserve(finish.items.size() + 64);
  wire::write_header(frame, wire::Kind::finish, finish.request);
  Writer w(frame);
  w.array(4);
  w.uint(credit());
  w.array(finish.tokens.size());
  w.raw(finish.items);
  w.uint(finish.number);
  w.uint(sent_.front().number - 1);
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

void Session::on_finish_ok(std::string_view body, const SentFinish& finish, SessionOutput& out) {
  Reader r(body);
  auto n = r.array();
  std::uint64_t stale = 0;
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto parts = r.array();
    if (parts < 2) r.fail();
    auto index = r.uint();
    auto code = static_cast<Code>(r.uint());
    for (std::size_t k = 2; k < parts && r.ok(); ++k) r.skip();
    if (!r.ok() || index >= finish.tokens.size()) break;
    if (code == Code::stale)
      ++stale;
    else
      finish_otherwise(finish.tokens[index], code, out);
  }
  if (!r.ok()) malformed("answer to finish", out);
  counters_.stale += stale;
  counters_.finished += finish.tokens.size() - n;
  if (stale > 0)
    out.warnings.push_back(std::to_string(stale) +
                           " results came after their lease was over and were dropped");
}

// The broker would not have this outcome and left the lease as it was: the attempt ends as failed instead.
void Session::finish_otherwise(Token token, Code code, SessionOutput& out) {
  ++counters_.refused;
  std::string error = "the broker refused the outcome: " + std::string(name_of(code));
  OutcomeExtras extras;
  extras.error_code = name_of(code);
  extras.error = error;
  extras.started_at = unmeasured;
  Results instead;
  instead.add(token, Outcome::failed_final, {}, extras);
  pending_items_ += instead.items();
  pending_tokens_.push_back(token);
  pending_ends_.push_back(static_cast<std::uint32_t>(pending_items_.size()));
  held_hash_ ^= mix(token);
  ++held_count_;
  out.warnings.push_back(std::move(error));
}

void Session::resend(Micros now, SessionOutput& out) {
  resend_at_ = 0;
  if (!HH_MUTANT("worker_forgets_finishes"))
    for (auto& finish : sent_) send_finish(finish, now, out);
  for (auto& sent : sent_reports_) {
    std::string frame;
    wire::write_header(frame, wire::Kind::report, sent.request);
    Writer(frame).array(sent.count);
    frame += sent.items;
    out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
  }
}

void Session::renumber(std::uint64_t first) {
  for (auto& finish : sent_) finish.number = first++;
  next_finish_ = first;
}

void Session::send_heartbeat(Micros now, SessionOutput& out) {
  beat_at_ = now + heartbeat_us_;
  if (draining_ && !drain_answered_) send_drain(out);  // what was sent before may be lost
  heartbeat_request_ = next_request();
  std::string frame;
  wire::write_header(frame, wire::Kind::worker_heartbeat, heartbeat_request_);
  Writer w(frame);
  w.array(4);
  w.uint(held_count_);
  w.uint(held_hash_);
  w.uint(last_award_);
  w.uint(credit());
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

void Session::send_holding(SessionOutput& out) {
  holding_request_ = next_request();
  auto tokens = unfinished();
  std::string frame;
  wire::write_header(frame, wire::Kind::holding, holding_request_);
  Writer w(frame);
  w.array(2);
  w.uint(last_award_);
  w.array(tokens.size());
  for (auto token : tokens) w.uint(token);
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

void Session::send_drain(SessionOutput& out) {
  drain_request_ = next_request();
  std::string frame;
  wire::write_header(frame, wire::Kind::drain, drain_request_);
  Writer(frame).map(0);
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

std::vector<Token> Session::unfinished() const {
  std::vector<Token> tokens;
  tokens.reserve(live_.size() + pending_tokens_.size());
  for (auto token : order_)
    if (holds(token)) tokens.push_back(token);
  tokens.insert(tokens.end(), pending_tokens_.begin(), pending_tokens_.end());
  for (const auto& finish : sent_) tokens.insert(tokens.end(), finish.tokens.begin(), finish.tokens.end());
  return tokens;
}

Micros Session::long_work_us() const {
  return std::max(long_work_least_us, static_cast<Micros>(long_work_round_trips * round_trip_us_));
}

std::uint32_t Session::credit() const {
  if (draining_) return 0;
  if (late_) return config_.slots;
  double slots = config_.slots;
  double ahead = 1;
  if (served_ > 0 && round_trip_us_ > 0) {
    double service_us = std::max(service_ns_ / served_ / 1000, 0.01);
    // Longer work is bound late: idle for a round trip is less than waiting behind a neighbour.
    if (service_us < long_work_round_trips * round_trip_us_) ahead += std::ceil(round_trip_us_ / service_us);
  }
  double most = config_.credit_max;
  if (payloads_ > 0) most = std::min(most, waiting_bytes_max / std::max(payload_bytes_ / payloads_, 1.0));
  return static_cast<std::uint32_t>(std::max(slots, std::min(slots * ahead, most)));
}

}  // namespace hirehall::worker
