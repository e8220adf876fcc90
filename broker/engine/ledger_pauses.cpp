// What is paused: queues, tenants and types, alone or together.
#include <algorithm>

#include "broker/engine/ledger.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Ledger::apply(Paused& fact) {
  set_pause(fact.on, {fact.queue, fact.type, fact.tenant, fact.reason, {}, 0});
}

void Ledger::apply(PauseSet& fact) {
  set_pause(fact.on, {fact.queue, fact.type, fact.tenant, fact.reason, fact.by, fact.at});
}

void Ledger::set_pause(bool on, Pause pause) {
  std::erase_if(pauses, [&](const Pause& p) {
    return p.queue == pause.queue && p.type == pause.type && p.tenant == pause.tenant;
  });
  if (on) pauses.push_back(std::move(pause));
  recompute_pauses();
  for (auto& shelf : shelves) touch(*shelf);
}

void Ledger::recompute_pauses() {
  for (auto& queue : queues) queue.paused = false;
  for (auto& lane : lanes) lane.paused = false;
  for (auto& cls : classes) cls.paused = false;
  mixed_pauses = false;
  for (const auto& p : pauses) {
    bool alone = p.queue.empty() && p.tenant.empty();
    if (!p.type.empty() && !alone) {
      mixed_pauses = true;
      continue;
    }
    for (auto& queue : queues)
      if (p.whole_queue() && p.queue == queue.name) queue.paused = true;
    for (auto& lane : lanes)
      if (p.type.empty() && (p.queue.empty() || p.queue == queues[lane.queue].name) &&
          (p.tenant.empty() || p.tenant == lane.tenant))
        lane.paused = true;
    for (auto& cls : classes)
      if (!p.type.empty() && cls.type == p.type) cls.paused = true;
  }
}

bool Ledger::holds(const Pause& pause, std::uint32_t lane, std::uint32_t class_) const {
  return (pause.queue.empty() || pause.queue == queues[lanes[lane].queue].name) &&
         (pause.type.empty() || pause.type == classes[class_].type) &&
         (pause.tenant.empty() || pause.tenant == lanes[lane].tenant);
}

bool Ledger::paused_together(const Shelf& shelf) const {
  return std::any_of(pauses.begin(), pauses.end(),
                     [&](const Pause& pause) { return holds(pause, shelf.lane, shelf.class_); });
}

const Pause* Ledger::pause_of(const Queue& queue) const {
  for (const auto& pause : pauses)
    if (pause.whole_queue() && pause.queue == queue.name) return &pause;
  return nullptr;
}

}  // namespace hirehall::engine
