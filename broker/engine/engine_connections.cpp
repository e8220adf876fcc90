// What the dispatcher is told of workers as they come, change and go.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

// Gives the dispatcher what the session says. Queues without a number yet are added once they are made.
void Engine::connect(std::uint32_t worker, Session& session) {
  session.spec.queues.reset();
  if (session.queues) {
    auto& numbers = session.spec.queues.emplace();
    for (const auto& name : *session.queues)
      if (auto at = ledger_.queue_by_name.find(name); at != ledger_.queue_by_name.end())
        numbers.push_back(at->second);
  }
  session.spec.name_hash = scheduler::hash_of(ledger_.workers.at(worker).name);
  dispatcher_.connect(worker,
                      breakers_.altered() ? breakers_.fitted(session.spec, session.types) : session.spec,
                      session.credit);
  const auto& held = ledger_.workers.at(worker);
  if (dispatcher_.counts_instances(worker))
    each_lease(held, [&](Lease& lease) {
      if (const auto place = session.place_of(lease.award, lease.agent))
        dispatcher_.use_instance(worker, *place);
    });
  dispatcher_.set_draining(worker, session.draining || (session.aside && !HH_MUTANT("drains_forgotten")));
}

void Engine::set_aside(std::uint32_t worker, bool aside) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end()) return;
  if (HH_MUTANT("drains_ignored")) return;
  at->second.aside = aside;
  breakers_.fleet_changed();
  dispatcher_.set_draining(worker, at->second.draining || aside);
}

void Engine::bind_worker(std::uint32_t worker, const QueueScope& queues, const QueueScope& types) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end() || !at->second.connected) return;
  if (at->second.queues == queues && at->second.types == types) return;
  at->second.queues = queues;
  at->second.types = types;
  connect(worker, at->second);
}

void Engine::disconnect_worker(std::uint32_t worker) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end()) return;
  at->second.connected = false;
  breakers_.fleet_changed();
  dispatcher_.disconnect(worker);
  bidding_.left(worker);
}

void Engine::drain_worker(std::uint32_t worker) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end()) return;
  at->second.draining = true;
  breakers_.fleet_changed();
  dispatcher_.set_draining(worker, true);
}

}  // namespace hirehall::engine
