// What is told of attempts and ends to who traces them (docs/tracing.md).
#include <utility>

#include "broker/engine/engine.h"

namespace hirehall::engine {

void Engine::tell_attempt(const Lease& lease, const EndedItem& ended) {
  if (settings_.tell_attempts == Settings::Tell::none) return;
  if (settings_.tell_attempts == Settings::Tell::traced && lease.options->options.trace.empty()) return;
  const auto* agent = agent_of(sessions_, lease);
  outputs_.attempts.push_back({lease.sequence, lease.tries.attempts, lease.worker,
                               agent == nullptr ? std::string() : agent->name, lease.lane, lease.class_,
                               lease.started, now_, ended.outcome, ended.next, std::string(ended.error_code),
                               std::string(ended.error), std::string(ended.usage), lease.options});
}

// Of tasks without a trace there is nothing to tell. What has not been loaded may have one.
void Engine::tell_dropped(const Dropped& fact, const LoadedTask* loaded) {
  if (settings_.tell_attempts == Settings::Tell::none || (loaded != nullptr && !loaded->origin)) return;
  UnattemptedOut told{fact.sequence, fact.place.lane, fact.place.class_, 0, fact.to, now_, {}, {}, {}};
  (fact.to == State::expired ? told.error_code : told.error) = fact.reason;
  if (loaded != nullptr) return tell_unattempted(std::move(told), *loaded);
  outputs_.unattempted.push_back(std::move(told));
}

void Engine::tell_unattempted(UnattemptedOut told, const LoadedTask& loaded) {
  told.attempts = loaded.tries.attempts;
  told.origin = loaded.origin;
  outputs_.unattempted.push_back(std::move(told));
}

}  // namespace hirehall::engine
