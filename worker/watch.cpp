#include "worker/watch.h"

#include <unistd.h>

#include <algorithm>

#include "common/limits.h"
#include "common/options.h"

namespace hirehall::worker {
namespace {

constexpr Micros second = 1'000'000;
// A timeout has been announced all along: SIGTERM at once, SIGKILL soon after.
constexpr Micros overdue_grace_us = second;

Micros timeout_of(const Shape& shape, const Definition& definition) {
  return (shape.timeout_ms > 0 ? shape.timeout_ms : definition.timeout_ms) * 1000;
}

}  // namespace

Watch::Watch(Board& board, std::size_t slot, const Attempt& attempt, const Shape& shape,
             const Definition& definition, Micros now)
    : board_(board),
      slot_(slot),
      token_(attempt.token),
      started_(now),
      timeout_us_(timeout_of(shape, definition)),
      stall_us_(definition.stall_ms * 1000),
      alive_at_(now) {}

void Watch::acknowledge() const {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(wake_fd(), &count, sizeof count);
}

void Watch::revoke(Why why, Micros since, Micros grace_us, std::string reason) {
  why_ = why;
  since_ = since;
  grace_us_ = grace_us;
  reason_ = std::move(reason);
}

Stage Watch::stage(Micros now) {
  if (why_ != Why::lost && board_.anything_revoked()) {
    auto r = board_.revoked(token_);
    bool stronger = why_ == Why::none || r.why == Revocation::Why::lost;
    // The broker's clock began at the award, ours when the attempt did: both mean the same timeout.
    bool overdue = r.why == Revocation::Why::stop && r.reason == stop_for_timeout;
    if (stronger && overdue)
      revoke(Why::timeout, r.since, overdue_grace_us, "it ran longer than its timeout");
    if (stronger && r.why == Revocation::Why::stop && !overdue)
      revoke(Why::stop, r.since, r.grace_us, r.reason);
    if (stronger && r.why == Revocation::Why::lost) revoke(Why::lost, r.since, r.grace_us, r.reason);
    if (stronger && r.why == Revocation::Why::interrupt)
      revoke(Why::interrupt, r.since, r.grace_us, r.reason);
  }
  if (why_ == Why::none && timeout_us_ > 0 && now >= started_ + timeout_us_)
    revoke(Why::timeout, now, overdue_grace_us, "it ran longer than " + render_duration(timeout_us_ / 1000));
  if (why_ == Why::none && stall_us_ > 0 && now >= alive_at_ + stall_us_)
    revoke(Why::stall, now, overdue_grace_us,
           "hung: no sign of life for " + render_duration(stall_us_ / 1000));
  if (why_ == Why::none) return Stage::run;
  if (now >= since_ + grace_us_) return Stage::kill;
  bool at_once = why_ == Why::timeout || why_ == Why::stall || why_ == Why::lost;
  return at_once || now >= since_ + grace_us_ / 2 ? Stage::terminate : Stage::asked;
}

Micros Watch::next_change(Micros now) const {
  if (why_ != Why::none) return now < since_ + grace_us_ / 2 ? since_ + grace_us_ / 2 : since_ + grace_us_;
  Micros next = INT64_MAX;
  if (timeout_us_ > 0) next = started_ + timeout_us_;
  if (stall_us_ > 0) next = std::min(next, alive_at_ + stall_us_);
  return next;
}

Outcome Watch::outcome() const {
  switch (why_) {
    case Why::timeout:
      return Outcome::timed_out;
    case Why::stop:
      return Outcome::cancelled;
    case Why::interrupt:
    case Why::lost:
      return Outcome::interrupted;
    case Why::stall:
    case Why::none:
      break;
  }
  return Outcome::failed;
}

std::string Watch::explanation() const {
  return reason_.empty() ? "cancelled" : reason_;
}

void Watch::progress(std::uint64_t done, std::uint64_t total, std::string_view message) {
  auto now = monotonic_us();
  alive(now);
  if (now - progress_second_ >= second) progress_second_ = now, progress_count_ = 0;
  if (++progress_count_ > limits::progress_per_second_max) return static_cast<void>(++dropped_);
  Report report{token_, Report::What::progress, {}};
  msgpack::Writer w(report.value);
  w.map(message.empty() ? 2 : 3);
  w.entry_uint("done", done);
  w.entry_uint("total", total);
  if (!message.empty()) w.entry("message", message.substr(0, limits::log_line_bytes_max));
  board_.report(std::move(report));
}

void Watch::log(std::string_view line) {
  alive(monotonic_us());
  line = line.substr(0, limits::log_line_bytes_max);
  if (log_bytes_ + line.size() > limits::log_bytes_per_attempt_max) return static_cast<void>(++dropped_);
  log_bytes_ += line.size();
  Report report{token_, Report::What::log, {}};
  msgpack::Writer(report.value).str(line);
  board_.report(std::move(report));
}

void Watch::checkpoint(std::string_view state) {
  alive(monotonic_us());
  if (state.size() > limits::payload_bytes_max) return static_cast<void>(++dropped_);
  Report report{token_, Report::What::checkpoint, {}};
  msgpack::Writer(report.value).bin(state);
  board_.report(std::move(report));
}

void Watch::answer(std::string report) {
  alive(monotonic_us());
  if (report.size() > limits::payload_bytes_max) return static_cast<void>(++dropped_);
  board_.report({token_, Report::What::answer, std::move(report)});
}

}  // namespace hirehall::worker
