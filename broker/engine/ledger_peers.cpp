// Folding who is there: producers and workers, as they come and go.
#include "broker/engine/ledger.h"
#include "common/check.h"

namespace hirehall::engine {

void Ledger::apply(ProducerOpened& fact) {
  auto& producer = producers[fact.producer];
  producer.token = fact.token;
  producer.principal = fact.principal;
  producer.last_used = now;
  next_producer = std::max(next_producer, fact.producer + 1);
}

void Ledger::apply(ProducerClosed& fact) {
  producers.erase(fact.producer);
}

void Ledger::apply(WorkerOpened& fact) {
  auto& worker = workers[fact.worker];
  worker.name = fact.name;
  worker.token = fact.token;
  worker.principal = fact.principal;
  next_worker = std::max(next_worker, fact.worker + 1);
}

void Ledger::apply(WorkerClosed& fact) {
  auto at = workers.find(fact.worker);
  HH_CHECK(at != workers.end() && at->second.held == 0, "a worker is closed when it holds nothing");
  workers.erase(at);
}

}  // namespace hirehall::engine
