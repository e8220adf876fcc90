// A worker as it is connected now; not durable.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/engine/inputs.h"

namespace hirehall::engine {

struct WorkerSession {
  bool connected = false;
  bool draining = false;
  Millis last_seen = 0;
  std::uint32_t credit = 0;
  std::uint64_t confirmed = 0;  // awards up to this number have arrived
  scheduler::WorkerSpec spec;   // as it registered; the dispatcher's may differ (breakers.h)
  QueueScope queues, types;
  bool aside = false;  // by an operator
  bool timed = false;  // it says how long attempts ran

  bool takes_work() const { return connected && !draining && !aside; }
};

// That a worker is being sent in this turn.
struct AwardMessage {
  std::uint64_t number = 0;
  std::size_t bytes = 0;
};

}  // namespace hirehall::engine
