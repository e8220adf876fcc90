// The first start of a store that went back in time: out of a backup, or with an accepted loss.
#include <algorithm>

#include "broker/engine/engine_impl.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::engine {

// What was given in the future that is lost must never mean anything else: ids by their incarnation, tokens
// by a leap, producers and workers because nobody is who they were.
void Engine::begin_incarnation() {
  // Whether they have ended in that future nobody here can know; it is no fault of the worker's.
  FinishItem how;
  how.outcome = Outcome::interrupted;
  how.error_code = "restored";
  how.error = "the store went back to an earlier moment while this attempt ran";
  for (auto& [number, worker] : ledger_.workers) {
    std::vector<std::uint64_t> tokens;
    each_lease(worker, [&](Lease& lease) { tokens.push_back(lease.token); });
    end_leases(number, tokens, how, false);
  }
  Incarnated fact;
  fact.incarnation = settings_.incarnation;
  fact.first = ledger_.next_sequence;
  fact.counter = ledger_.counter;
  const auto steps = static_cast<std::uint64_t>(settings_.incarnation - ledger_.incarnation());
  fact.counter += steps << counters_per_incarnation_bits;
  record(fact);
  audit({to_wall(now_), "(broker)", "", "incarnation", "number=" + std::to_string(fact.incarnation),
         "the store went back to an earlier moment", "ok"});
  producer_tokens_.clear();
  worker_tokens_.clear();
  sessions_.clear();
  timeouts_.clear();
}

void Ledger::apply(Incarnated& fact) {
  for (const auto& [number, worker] : workers)
    HH_CHECK(worker.held == 0, "the leases of the former incarnation have ended");
  workers.clear();
  producers.clear();
  incarnations.push_back({fact.incarnation, fact.first, commit});
  counter = std::max(counter, fact.counter);
}

}  // namespace hirehall::engine
