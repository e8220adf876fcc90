// A worker as it is connected now; not durable.
#pragma once

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

  bool takes_work() const { return connected && !draining && !aside; }
};

}  // namespace hirehall::engine
