// Submissions that find their unique key taken, where it goes by a rule (docs/unique.md).
#include <algorithm>
#include <utility>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/digest.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::string_view replaced = "replaced by a later submission with its unique key";

}  // namespace

// False: no rule is at stake, neither of the submission nor of a task that has the key.
bool Engine::check_unique(const SubmitRequest& request, const TaskOptions& options, Resolved& out) {
  const bool by_rule = options.unique_by_rule();
  if (!by_rule && ledger_.uniques.empty() && coming_unique_.empty()) return false;
  UniqueHolder holder;
  bool waits = true;
  if (auto coming = coming_unique_.find(out.unique); coming != coming_unique_.end()) {
    holder = coming->second;
  } else if (auto sequence = ledger_.uniques.holder(out.unique, now_); sequence != 0) {
    const auto& task = *std::as_const(ledger_.uniques).of(sequence);
    holder = {sequence, task.place.class_, task.coalesces, task.digest};
    waits = !task.started && !task.ended;
  }
  if (holder.sequence == 0 && !by_rule) return false;
  if (by_rule) {
    out.slot = std::exchange(out.unique, {});
    out.coalesces = coalesces(out.flags, options);
    out.due = options.not_before > now_ ? options.not_before : 0;
  }
  if (holder.sequence == 0) {
    // A task from before, or without a rule: it can be named, and no more.
    const auto* known = known_key(request, out.slot);
    const bool over = known == nullptr ||
                      (known->sequence < ledger_.next_sequence && look(known->sequence) == Known::ended);
    if (over) {
      if (!ledger_.uniques.room(now_)) {
        out.code = static_cast<std::uint32_t>(Code::busy);
        out.message = "there are " + std::to_string(uniques_max) + " tasks with a rule for their unique key";
      }
      return true;
    }
    holder = {known->sequence, no_number, false, known->digest};
  }
  ++counts_.unique[static_cast<std::size_t>(options.on_conflict)];
  meet_holder(options, holder, waits, out);
  return true;
}

Code Engine::meet_holder(const TaskOptions& options, const UniqueHolder& holder, bool waits,
                         Resolved& out) const {
  auto refuse = [&](Code code, const char* message) {
    out.existing = holder.sequence;
    out.code = static_cast<std::uint32_t>(code);
    out.message = message;
    return code;
  };
  const bool plain = holder.class_ == no_number;
  switch (options.on_conflict) {
    case OnConflict::unsaid:
      if (holder.digest != out.digest)
        return refuse(Code::conflict, "the unique key was used for another payload");
      out.existing = holder.sequence;
      return Code::ok;
    case OnConflict::reject:
      return refuse(Code::not_unique, "the unique key is taken by the task that this answer names");
    case OnConflict::existing:
      out.existing = holder.sequence;
      return Code::ok;
    case OnConflict::replace:
      if (plain)
        return refuse(Code::not_unique,
                      "the task with the unique key was submitted without a rule and is not replaced: give "
                      "on_conflict with every submission of a key");
      if (!waits)
        return refuse(Code::already_started,
                      "the task with the unique key has started and is not replaced; with unique_until start "
                      "the next one could queue behind it");
      out.replaces = holder.sequence;
      return Code::ok;
    case OnConflict::coalesce:
      break;
  }
  if (!waits)
    return refuse(
        Code::already_started,
        "the task with the unique key has started and takes nothing more; with unique_until start the "
        "next one could queue behind it");
  if (plain || !holder.coalesces)
    return refuse(
        Code::not_unique,
        "the task with the unique key does not coalesce: it was submitted without that rule, or has to "
        "be approved as it is");
  if (holder.class_ != out.class_)
    return refuse(Code::not_unique, "the task with the unique key has another type or other requirements");
  out.existing = holder.sequence;
  return Code::ok;
}

// Of an item that was not refused. `next`: its sequence, unless another task stands for it.
void Engine::note_unique(const Resolved& task, std::string_view payload, Sequence next) {
  if (task.existing == 0) {
    coming_unique_.insert_or_assign(task.slot, UniqueHolder{next, task.class_, task.coalesces, task.digest});
    if (task.replaces != 0) unique_steps_.push_back({task.replaces, next, {}, 0});
  } else if (task.coalesces) {
    unique_steps_.push_back({task.existing, 0, payload, task.due});
  }
}

// The tasks of the batch are recorded: those that were there before them follow, in order.
void Engine::take_unique_steps() {
  for (const auto& step : unique_steps_) {
    const auto* task = std::as_const(ledger_.uniques).of(step.holder);
    HH_CHECK(task != nullptr, "what has a key waits");
    if (step.by == 0) {
      const auto digest = digest_of(ledger_.classes[task->place.class_].type, step.payload);
      Coalesced fact{step.holder, digest != task->digest, {}, 0};
      if (fact.edits) fact.payload = step.payload;
      if (task->state == State::scheduled && step.due > task->due) fact.due = step.due;
      if (fact.edits && task->state == State::ready) forget_body(step.holder, task->place);
      if (fact.due != 0) move(step.holder);  // what is being read of it tells the old start
      record(fact);
      continue;
    }
    if (!HH_MUTANT("replaced_stay")) {
      const auto place = task->place;
      Dropped dropped{step.holder, task->state, State::cancelled, place, task->producer, replaced};
      record(dropped);
      tell_dropped(dropped, nullptr);
      unpark(step.holder);
    }
    Superseded fact{step.holder, step.by};
    record(fact);
  }
  unique_steps_.clear();
}

// Its payload has changed: what is resident of it is read again.
void Engine::forget_body(Sequence sequence, const Place& place) {
  auto& line = ledger_.line_for(place);
  auto drop = [&](Entry& entry) {
    if (entry.sequence == sequence) entry.chunk = {};
  };
  std::ranges::for_each(line.returned, drop);
  for (std::size_t i = 0; i < line.head.size(); ++i) drop(line.head.at(i));
  for (std::size_t i = 0; i < line.tail.size(); ++i) drop(line.tail.at(i));
  for (auto& [key, entry] : line.by_deadline) drop(entry);
  if (line.bodies_asked) stale_bodies_.insert(sequence);
  ledger_.touch_line(line);
}

}  // namespace hirehall::engine
