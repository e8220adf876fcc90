// What is told of attempts and ends to who traces them (docs/tracing.md).
#include <utility>

#include "broker/engine/engine.h"

namespace hirehall::engine {

void Engine::tell_attempt(const Lease& lease, const EndedItem& ended) {
  if (settings_.tell_attempts == Settings::Tell::none) return;
  if (settings_.tell_attempts == Settings::Tell::traced && lease.options->options.trace.empty()) return;
  outputs_.attempts.push_back({lease.sequence, lease.tries.attempts, lease.worker, lease.agent, lease.lane,
                               lease.class_, lease.started, now_, ended.outcome, ended.next,
                               std::string(ended.error_code), std::string(ended.error),
                               std::string(ended.usage), lease.options});
}

}  // namespace hirehall::engine
