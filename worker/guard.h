// What an agent's definition says of its breaker, who does its work meanwhile, and which outside services it
// depends on: for the broker, which decides (docs/scheduler.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/msgpack.h"
#include "common/task.h"

namespace hirehall::worker {

struct BreakerOffer {
  std::uint32_t failures = 3;  // of distinct tasks in a row: it opens
  Millis open_ms = 60'000;
  std::uint32_t probes = 3;  // that have to succeed: it closes

  static constexpr std::int64_t count_max = 1000;
  static constexpr Millis open_ms_max = Millis{24} * 3600 * 1000;
};

struct GuardOffer {
  std::optional<BreakerOffer> breaker = {};
  std::vector<std::string> fallbacks = {}, services = {};

  std::size_t fields() const;  // of a registration, that write_guard adds
};
inline constexpr std::size_t guard_names_max = 16;

void write_guard(msgpack::Writer& w, const GuardOffer& guard);

}  // namespace hirehall::worker
