// Shared by the engine's own files: recording a fact.
#pragma once

#include "broker/engine/engine.h"
#include "common/check.h"

namespace hirehall::engine {

// The time is a fact of its own, written before the first fact that it holds for.
template <typename Fact>
void Engine::write(Fact& fact) {
  open_part();
  auto before = part_.size();
  write_fact(part_, fact);
  draft_bytes_ += part_.size() - before;
}

template <typename Fact>
void Engine::record(Fact& fact) {
  write(fact);
  auto from = index_.size();
  ledger_.apply(fact);
  if (index_.size() != from) note_index_writes(from);
  if (!endings_.empty()) note_endings();
}

}  // namespace hirehall::engine
