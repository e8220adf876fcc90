// A circuit breaker: after failures in a row nothing is sent for a while, then a few probes, and when they
// succeed it is closed again. One for each agent, and named ones for outside services that agents share.
// Pure: time is an argument.
//
//   closed --failures in a row--> open --open_ms--> half_open --probes succeeded--> closed
//                                  ^                    |
//                                  +------ a failure ---+
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/task.h"

namespace hirehall::scheduler {

struct BreakerSettings {
  std::uint32_t failures = 5;
  Millis open_ms = 30'000;
  std::uint32_t probes = 3;
};
inline constexpr BreakerSettings agent_breaker{3, 60'000, 3};
inline constexpr std::uint32_t breaker_count_max = 1000;
Status check(const BreakerSettings& settings);  // each at least 1; refused by name

enum class BreakerState : std::uint8_t { closed = 0, open = 1, half_open = 2 };
std::string_view name_of(BreakerState state);

class Breaker {
 public:
  explicit Breaker(BreakerSettings settings = {}) : settings_(settings) {}

  BreakerState state(Millis now) const;
  bool admits(Millis now) const;         // one more attempt may begin
  std::uint32_t room(Millis now) const;  // so many more; without_end while it is closed
  static constexpr std::uint32_t without_end = ~std::uint32_t{0};
  Millis admits_at(Millis now) const;  // when that can change by itself: now, or the end of open or paused

  void began(Millis now);
  void succeeded(Millis now);
  void failed(Millis now);
  void gave_back(Millis now);     // neither: interrupted or lost, the probe is free again
  void pause_until(Millis when);  // an upstream said when to come back (429 and Retry-After)
  void reset();
  void trip(Millis now, Millis for_ms);          // by hand, whatever came before
  void adjust(const BreakerSettings& settings);  // from now on; its state stays

  const BreakerSettings& settings() const { return settings_; }
  std::uint32_t failures() const { return failures_; }
  std::uint32_t probing() const { return probing_; }
  std::uint32_t proven() const { return proven_; }
  Millis paused_until() const { return paused_until_; }

 private:
  void open(Millis now);

  BreakerSettings settings_;
  std::uint32_t failures_ = 0;  // in a row, while closed
  Millis open_until_ = 0, paused_until_ = 0;
  bool tripped_ = false;
  std::uint32_t probing_ = 0, proven_ = 0;
};

// The first of an agent and its fallbacks, in their order, whose breaker admits; their number when none does.
std::size_t first_admitted(const std::vector<const Breaker*>& in_order, Millis now);

}  // namespace hirehall::scheduler
