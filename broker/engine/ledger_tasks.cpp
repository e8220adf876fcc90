// Tasks that are submitted and become due, as facts fold.
#include <algorithm>

#include "broker/engine/ledger.h"
#include "common/digest.h"

namespace hirehall::engine {

void Ledger::apply_task(Sequence sequence, const ChunkRef& chunk, std::uint32_t offset, const Body& body) {
  auto& queue = queues[lanes[body.lane].queue];
  ++queue.submitted;
  ++books.accepted;
  next_sequence = sequence + 1;
  Entry entry{sequence, now, chunk, offset, false};
  constexpr unsigned special =
      body_delayed | body_timed | body_keyed | body_urgent | body_held | body_batched;
  const bool limited = (body.flags & body_limited) != 0;
  if ((body.flags & special) == 0 && (!limited || body.own.empty())) {
    ++queue.tasks[static_cast<std::size_t>(State::ready)];
    ++lanes[body.lane].tasks[static_cast<std::size_t>(State::ready)];
    ++books.tasks[static_cast<std::size_t>(State::ready)];
    auto* set = limited ? limit_set_of(*chunk->templates[body.template_], body.lane, body.class_) : nullptr;
    auto& line = line_for(shelf_for(body.lane, body.class_), body.priority, false, set);
    ++entries;
    ++line.ready;
    line.push_back(std::move(entry), 0);
    return touch_joined(line);
  }
  TaskOptions merged;
  if (!body.own.empty()) merged = chunk->options_of(body);
  const auto& options = body.own.empty() ? chunk->templates[body.template_]->options : merged;
  if (index != nullptr) {
    if ((body.flags & body_keyed) != 0) {
      KeyRecord record{sequence, digest_of(options.type, body.payload), now + limits::idempotency_window_ms};
      auto write = [&](Millis due, TimerKind kind, std::string key) {
        index->push_back({Shelving::timers, false, timer_key(due, kind, sequence), key});
        index->push_back({Shelving::records, false, std::move(key), encode_record(record)});
      };
      const auto& lane = lanes[body.lane];
      if (!options.idempotency_key.empty())
        write(record.expires, TimerKind::key, idempotency_key(lane.tenant, options.idempotency_key));
      if (!options.unique_key.empty() && !options.unique_by_rule())
        write(now + unique_look_ms, TimerKind::unique,
              unique_record_key(unique_key(lane.queue, lane.tenant, options.unique_key), sequence));
    }
    if ((body.flags & body_timed) != 0) {
      auto expire = [&](Millis at) {
        index->push_back({Shelving::timers, false, timer_key(at, TimerKind::expire, sequence), {}});
      };
      if (options.deadline != 0) expire(options.deadline);
      if (options.ttl_ms != 0) expire(std::max(now, options.not_before) + options.ttl_ms);
    }
  }
  if ((body.flags & body_batched) != 0) enter_batch(sequence, body.lane, options.batch);
  auto state = options.not_before > now ? State::scheduled : State::ready;
  bool held = (body.flags & body_held) != 0;
  if (held) state = State::suspended;
  if (options.unique_by_rule()) {
    enter_unique(sequence, body, options, state);
    if (coalesces(body.flags, options)) entry.chunk = {};  // its payload may change until it is awarded
  }
  ++queue.tasks[static_cast<std::size_t>(state)];
  ++lanes[body.lane].tasks[static_cast<std::size_t>(state)];
  ++books.tasks[static_cast<std::size_t>(state)];
  if (held) return ask_consent(sequence, body.lane, options.policies, Stage::award, 0, {}, {});
  const Place place{body.lane, body.class_, body.priority, options.deadline, options.limit_keys};
  if (state == State::scheduled) return write_due(sequence, options.not_before, place, {});
  join(line_for(place), std::move(entry), {}, options.deadline, false);
}

void Ledger::write_due(Sequence sequence, Millis due, const Place& place, const Tries& t) {
  if (index == nullptr) return;
  DueItem item{sequence, place, t};
  index->push_back(
      {Shelving::timers, false, timer_key(due, TimerKind::start, sequence), encode_record(item)});
}

void Ledger::apply(Submitted& fact) {
  if (fact.producer == 0) return;
  auto& producer = producers[fact.producer];
  producer.last_used = now;
  producer.last_batch = fact.batch;
  while (!producer.answers.empty() && (producer.answers.front().batch <= fact.acked ||
                                       producer.answers.size() >= limits::batches_in_flight_max))
    producer.answers.pop_front();
  producer.answers.push_back({fact.batch, fact.first, fact.count, fact.exceptions});
}

void Ledger::apply(BecameDue& fact) {
  for (auto& item : fact.items) {
    count(item.place.lane, State::scheduled, State::ready);
    if (!uniques.empty()) uniques.moved(item.sequence, State::ready);
    join(line_for(item.place), Entry{item.sequence, now, {}, 0, false}, item.tries, item.place.deadline,
         false);
  }
}

}  // namespace hirehall::engine
