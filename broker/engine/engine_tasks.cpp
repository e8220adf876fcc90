// What people do to single tasks: cancel, submit a dead letter again. Answers are in engine_inbox.cpp.
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
  tell_dropped(fact, loaded);
  unpark(sequence);
  return Code::ok;
}

void Engine::purge_dead(std::uint32_t queue, const std::vector<Sequence>& sequences) {
  if (sequences.empty() || HH_MUTANT("purges_not_recorded")) return;
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

// A task that no producer submits; its names are resolved. A retry counts in its batch also when that is
// closed.
Sequence Engine::submit_own(const TaskOptions& options, std::string_view payload, Resolved& task) {
  task.flags = flags_of(options);
  if ((task.flags & body_batched) != 0) define_batch(task.lane, options.batch);
  if ((ledger_.queues[ledger_.lanes[task.lane].queue].settings.approval & approve_award) != 0)
    task.flags |= body_held;
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
