// What a worker is asked when a task is put up for live bids, and what it answers (docs/protocol.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/task.h"

namespace hirehall::worker {

struct BidCall {
  std::uint64_t round = 0;
  std::string agent;  // that is asked
  std::string type, queue, tenant, content_type;
  std::uint64_t payload_bytes = 0;
  std::uint32_t priority = 0;
  Millis left_ms = 0;   // from when the call came
  Millis deadline = 0;  // of the task, in wall time; 0: none
  Millis effort_ms = 0;
  std::string features;  // of the task, an encoded msgpack map; empty: none
};

struct BidAnswer {
  std::uint64_t round = 0;
  std::string agent;
  std::optional<double> price;  // in cost units; nothing: it declines
};

}  // namespace hirehall::worker
