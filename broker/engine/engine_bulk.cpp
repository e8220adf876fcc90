// Bulk work: what is recorded of it, and the deed that only it does.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

Result<std::uint64_t> Engine::open_bulk(const BulkOrder& order) {
  std::size_t running = 0;
  for (const auto& [number, bulk] : ledger_.bulks) {
    running += bulk.state == BulkState::running;
    if (!order.token.empty() && bulk.order.token == order.token && bulk.order.by == order.by) return number;
  }
  if (running >= bulks_running_max)
    return fail(Code::busy,
                std::to_string(running) + " pieces of bulk work are running already: wait or stop one");
  BulkOpened fact{ledger_.next_bulk, order, now_, ledger_.next_sequence};
  record(fact);
  return fact.number;
}

void Engine::move_bulk(std::uint64_t number, std::string cursor, std::uint64_t done, std::uint64_t passed) {
  BulkMoved fact{number, std::move(cursor), done, passed};
  if (HH_MUTANT("bulk_progress_not_written")) return ledger_.apply(fact);
  record(fact);
}

void Engine::close_bulk(std::uint64_t number, BulkState state, std::string_view message) {
  BulkClosed fact{number, state, now_, std::string(message)};
  record(fact);
}

// A task that is queued goes on as a new one, elsewhere: its old record is cancelled and names it. Nothing
// (0) when it is not queued any more, or the picture it was read from is too old.
Sequence Engine::resubmit(Sequence sequence, const TaskOptions& options, std::string_view payload,
                          std::string_view reason, const LoadedTask& loaded) {
  if (look(sequence) != Known::queued || !loaded.found || moved_since(sequence, loaded.view_commit)) return 0;
  Resolved task;
  auto base = make_template(options);
  if (resolve_names(options, task) != Code::ok) return 0;
  Dropped dropped{sequence, loaded.state, State::cancelled, loaded.place, loaded.producer, reason};
  record(dropped);
  tell_dropped(dropped, &loaded);
  unpark(sequence);
  task.flags = flags_of(options);
  task.priority =
      static_cast<std::uint8_t>(options.priority != 0 ? options.priority : limits::priority_default);
  Submitted fact;
  fact.first = ledger_.next_sequence;
  fact.count = 1;
  append(task, base, payload);
  record(fact);
  std::string value;
  Packer(value).uint(fact.first);
  index_.push_back({Shelving::records, false, replay_key(sequence), std::move(value)});
  return fact.first;
}

}  // namespace hirehall::engine
