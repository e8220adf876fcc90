#include "scheduler/breaker.h"

#include <algorithm>
#include <string>

namespace hirehall::scheduler {

namespace {

constexpr Millis open_ms_max = Millis{24} * 3600 * 1000;

}  // namespace

Status check(const BreakerSettings& settings) {
  if (settings.failures == 0)
    return fail(Code::invalid, "a breaker needs at least 1 failure to open", "failures");
  if (settings.probes == 0) return fail(Code::invalid, "a breaker needs at least 1 probe to close", "probes");
  if (settings.failures > breaker_count_max)
    return fail(Code::invalid, "a breaker opens after at most 1000 failures", "failures");
  if (settings.probes > breaker_count_max)
    return fail(Code::invalid, "a breaker closes after at most 1000 probes", "probes");
  if (settings.open_ms >= 1 && settings.open_ms <= open_ms_max) return {};
  return fail(Code::invalid, "a breaker stays open for 1 ms to 24 h", std::to_string(settings.open_ms));
}

std::string_view name_of(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::open:
      return "open";
    case BreakerState::half_open:
      break;
  }
  return "half_open";
}

BreakerState Breaker::state(Millis now) const {
  if (!tripped_) return BreakerState::closed;
  return now < open_until_ ? BreakerState::open : BreakerState::half_open;
}

bool Breaker::admits(Millis now) const {
  return room(now) > 0;
}

std::uint32_t Breaker::room(Millis now) const {
  if (now < paused_until_) return 0;
  switch (state(now)) {
    case BreakerState::closed:
      return without_end;
    case BreakerState::open:
      return 0;
    case BreakerState::half_open:
      break;
  }
  const auto taken = probing_ + proven_;
  return taken < settings_.probes ? settings_.probes - taken : 0;
}

Millis Breaker::admits_at(Millis now) const {
  return std::max({now, paused_until_, tripped_ ? open_until_ : now});
}

void Breaker::began(Millis now) {
  if (state(now) == BreakerState::half_open) ++probing_;
}

void Breaker::succeeded(Millis now) {
  failures_ = 0;
  // What began before it opened proves nothing.
  if (state(now) != BreakerState::half_open || probing_ == 0) return;
  --probing_;
  if (++proven_ >= settings_.probes) reset();
}

void Breaker::failed(Millis now) {
  switch (state(now)) {
    case BreakerState::closed:
      if (++failures_ >= settings_.failures) open(now);
      return;
    case BreakerState::open:
      return;
    case BreakerState::half_open:
      // Late news of an attempt from before the opening do not count against the probes.
      if (probing_ > 0) open(now);
  }
}

void Breaker::gave_back(Millis now) {
  if (state(now) == BreakerState::half_open && probing_ > 0) --probing_;
}

void Breaker::open(Millis now) {
  tripped_ = true;
  open_until_ = now + settings_.open_ms;
  failures_ = probing_ = proven_ = 0;
}

void Breaker::pause_until(Millis when) {
  paused_until_ = std::max(paused_until_, when);
}

void Breaker::reset() {
  const auto settings = settings_;
  *this = Breaker(settings);
}

void Breaker::trip(Millis now, Millis for_ms) {
  open(now);
  open_until_ = now + for_ms;
}

void Breaker::adjust(const BreakerSettings& settings) {
  settings_ = settings;
  proven_ = std::min(proven_, settings_.probes - 1);  // one more has to come, which closes it
}

std::size_t first_admitted(const std::vector<const Breaker*>& in_order, Millis now) {
  const auto found = std::find_if(in_order.begin(), in_order.end(),
                                  [&](const auto* breaker) { return breaker->admits(now); });
  return static_cast<std::size_t>(found - in_order.begin());
}

}  // namespace hirehall::scheduler
