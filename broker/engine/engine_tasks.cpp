// What people do to single tasks: cancel, answer, submit a dead letter again.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

Engine::Known Engine::look(Sequence sequence) const {
  if (sequence == 0 || sequence >= ledger_.next_sequence) return Known::never;
  if (ledger_.lease_slots.find(sequence) != FlatMap::none) return Known::leased;
  return ledger_.segments.ended(sequence) ? Known::ended : Known::queued;
}

bool Engine::moved_since(Sequence sequence, std::uint64_t commit) const {
  if (commit < moves_forgotten_) return true;
  for (auto at = moves_.rbegin(); at != moves_.rend() && at->first > commit; ++at)
    if (at->second == sequence) return true;
  return false;
}

Code Engine::cancel(Sequence sequence, std::string_view reason, Millis grace_ms, const LoadedTask* loaded) {
  switch (look(sequence)) {
    case Known::never:
      return Code::not_found;
    case Known::ended:
      return Code::terminal;
    case Known::leased: {
      auto* lease = ledger_.lease_of(sequence);
      if (lease->stop_to == State::leased) {
        StopAsked fact{sequence, State::cancelled, std::string(reason)};
        record(fact);
        stop_reasons_.insert_or_assign(sequence, std::string(reason));
      }
      outputs_.stops.push_back({lease->worker, lease->token, grace_ms, std::string(reason)});
      return Code::ok;
    }
    case Known::queued:
      break;
  }
  if (loaded == nullptr || !loaded->found || moved_since(sequence, loaded->view_commit)) return Code::busy;
  Dropped fact{sequence, loaded->state, State::cancelled, loaded->place, loaded->producer, reason};
  record(fact);
  unpark(sequence);
  return Code::ok;
}

Code Engine::answer(Sequence sequence, std::string_view value, const LoadedTask* loaded) {
  switch (look(sequence)) {
    case Known::never:
      return Code::not_found;
    case Known::ended:
      return Code::terminal;
    case Known::leased:
      return Code::invalid;
    case Known::queued:
      break;
  }
  if (loaded == nullptr || !loaded->found || moved_since(sequence, loaded->view_commit)) return Code::busy;
  if (loaded->state != State::suspended) return Code::invalid;
  auto tries = loaded->tries;
  tries.answer = true;
  std::string stored;
  Packer p(stored);
  p.uint(tries.attempts);
  if (!HH_MUTANT("answer_dropped")) p.raw(value);
  index_.push_back({Shelving::records, false, answer_key(sequence), std::move(stored)});
  Answered fact{sequence, loaded->place, tries};
  move(sequence);
  record(fact);
  unpark(sequence);
  return Code::ok;
}

void Engine::purge_dead(std::uint32_t queue, const std::vector<Sequence>& sequences) {
  if (sequences.empty()) return;
  DeadPurged fact{queue, sequences};
  record(fact);
}

Sequence Engine::replay_dead(Sequence sequence, const TaskOptions& options, std::string_view payload,
                             bool still_dead) {
  if (!still_dead || look(sequence) != Known::ended) return 0;
  Resolved task;
  if (resolve_names(options, task) != Code::ok) return 0;
  auto as = submit_own(options, payload, task);
  Replayed done{sequence, as, task.lane};
  record(done);
  return as;
}

// A task that no producer submits; its names are resolved.
Sequence Engine::submit_own(const TaskOptions& options, std::string_view payload, Resolved& task) {
  task.flags = flags_of(options);
  task.priority =
      static_cast<std::uint8_t>(options.priority != 0 ? options.priority : limits::priority_default);
  auto base = make_template(options);
  open_part();
  Submitted fact;
  fact.first = ledger_.next_sequence;
  fact.count = 1;
  append(task, base, payload);
  record(fact);
  return fact.first;
}

}  // namespace hirehall::engine
