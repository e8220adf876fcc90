// What is known of bulk work.
#include "broker/engine/ledger.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Ledger::apply(BulkOpened& fact) {
  auto& bulk = bulks[fact.number];
  bulk.order = fact.order;
  bulk.started = fact.at;
  bulk.until = fact.until;
  next_bulk = std::max(next_bulk, fact.number + 1);
}

void Ledger::apply(BulkMoved& fact) {
  auto at = bulks.find(fact.number);
  if (at == bulks.end()) return;
  at->second.cursor = fact.cursor;
  at->second.done = fact.done;
  at->second.passed = fact.passed;
}

// The oldest that have ended make room.
void Ledger::apply(BulkClosed& fact) {
  auto at = bulks.find(fact.number);
  if (at == bulks.end()) return;
  auto& bulk = at->second;
  bulk.state = fact.state;
  bulk.ended = fact.at;
  bulk.message = fact.message;
  bulk.order.payload.clear();
  std::size_t over = 0;
  for (const auto& [number, other] : bulks) over += other.state != BulkState::running;
  for (auto it = bulks.begin(); it != bulks.end() && over > bulks_kept;) {
    bool goes = it->second.state != BulkState::running;
    over -= goes;
    it = goes ? bulks.erase(it) : std::next(it);
  }
}

}  // namespace hirehall::engine
