// Spans of attempts and of tasks, and the trace that an attempt is given (docs/tracing.md).
#include <algorithm>
#include <memory>

#include "broker/engine/usage.h"
#include "broker/server/broker.h"
#include "broker/server/span_exporter.h"
#include "common/hash.h"
#include "common/mutant.h"
#include "common/trace.h"

namespace hirehall::server {
namespace {

constexpr std::size_t links_max = 128;  // to attempts, from the last one back

void add_usage(Span& span, std::string_view stored) {
  for (const auto& [unit, micros] : engine::decode_usage(stored).amounts)
    span.attributes.emplace_back("hirehall.usage." + unit,
                                 static_cast<double>(micros) / static_cast<double>(engine::micros_per_unit));
}

// Cancelled, snoozed, suspended and handed back are no errors.
bool is_error(Outcome outcome) {
  return outcome == Outcome::failed || outcome == Outcome::failed_final || outcome == Outcome::timed_out ||
         outcome == Outcome::lost;
}

void add_text(Span& span, const char* key, std::string_view value) {
  if (!value.empty()) span.attributes.emplace_back(key, std::string(value));
}

}  // namespace

// Of a task that carries a trace its submitter has chosen; of the others a share is, each by its number.
bool Broker::chosen_for_trace(Sequence sequence, const TaskOptions& options) const {
  if (!options.trace.empty()) return is_traceparent(options.trace) && span_of(options.trace).sampled;
  return parts_.spans != nullptr && mix(sequence) % 100 < parts_.traces_share;
}

// What the attempt is told; empty when it has none.
std::string Broker::trace_of_attempt(Sequence sequence, std::uint32_t attempt,
                                     const TaskOptions& options) const {
  if (options.trace.empty() && !chosen_for_trace(sequence, options)) return {};
  auto name = attempt_span(ids_.make(sequence).raw(), HH_MUTANT("attempts_share_a_trace") ? 1 : attempt);
  name.sampled = chosen_for_trace(sequence, options);
  return traceparent_of(name);
}

Span Broker::attempt_told(const engine::AttemptOut& ended) const {
  const auto& ledger = engine_.ledger();
  const auto& options = ended.options->options;
  const auto& lane = ledger.lanes[ended.lane];
  const auto& queue = ledger.queues[lane.queue].name;
  const auto id = ids_.make(ended.sequence);
  Span span;
  const auto name = attempt_span(id.raw(), ended.attempt);
  span.trace = name.trace;
  span.id = name.span;
  span.name = "process " + queue;
  span.kind = SpanKind::consumer;
  span.begin = engine_.to_wall(ended.started);
  span.end = engine_.to_wall(ended.ended);
  if (!options.trace.empty()) {
    const auto origin = span_of(options.trace);
    span.links.push_back({origin.trace, origin.span, options.tracestate});
  }
  add_text(span, "messaging.system", "hirehall");
  add_text(span, "messaging.operation.name", "process");
  add_text(span, "messaging.operation.type", "process");
  add_text(span, "messaging.destination.name", queue);
  add_text(span, "messaging.message.id", id.text());
  add_text(span, "hirehall.task.type", ledger.classes[ended.class_].type);
  add_text(span, "hirehall.tenant", lane.tenant);
  if (auto worker = ledger.workers.find(ended.worker); worker != ledger.workers.end())
    add_text(span, "hirehall.worker", worker->second.name);
  if (!ended.agent.empty()) add_text(span, "hirehall.agent", ended.agent);
  span.attributes.emplace_back("hirehall.attempt", std::int64_t{ended.attempt});
  add_text(span, "hirehall.outcome", name_of(ended.outcome));
  add_text(span, "hirehall.next_state", name_of(ended.next));
  add_usage(span, ended.usage);
  if (is_error(ended.outcome)) {
    span.failed = true;
    span.error = ended.error;
    add_text(span, "error.type", ended.error_code.empty() ? name_of(ended.outcome) : ended.error_code);
  }
  return span;
}

// The task in the trace that it came from, from its submit to its end.
Span Broker::task_told(const engine::UnattemptedOut& ended, const engine::TraceOrigin& origin) const {
  const auto parent = span_of(origin.trace);
  const auto id = ids_.make(ended.sequence);
  const auto& lane = engine_.ledger().lanes[ended.lane];
  Span span;
  span.trace = parent.trace;
  span.parent = parent.span;
  span.state = origin.tracestate;
  span.id = task_span(id.raw());
  span.name = "task " + engine_.ledger().queues[lane.queue].name;
  span.begin = engine_.to_wall(origin.submitted);
  span.end = engine_.to_wall(ended.ended);
  for (auto attempt = ended.attempts; attempt > 0 && span.links.size() < links_max; --attempt) {
    auto name = attempt_span(id.raw(), attempt);
    span.links.push_back({std::move(name.trace), std::move(name.span)});
  }
  add_text(span, "messaging.system", "hirehall");
  add_text(span, "messaging.destination.name", engine_.ledger().queues[lane.queue].name);
  add_text(span, "messaging.message.id", id.text());
  add_text(span, "hirehall.task.type", engine_.ledger().classes[ended.class_].type);
  add_text(span, "hirehall.tenant", lane.tenant);
  add_text(span, "hirehall.state", name_of(ended.state));
  span.attributes.emplace_back("hirehall.attempts", std::int64_t{ended.attempts});
  if (ended.state == State::failed || ended.state == State::expired) {
    span.failed = true;
    span.error = ended.error;
    add_text(span, "error.type", ended.error_code.empty() ? name_of(ended.state) : ended.error_code);
  } else {
    add_text(span, "hirehall.reason", ended.error);
  }
  return span;
}

// When it was submitted is in the store; of one without an origin, where it came from as well.
void Broker::tell_task(engine::UnattemptedOut ended) {
  read_later([this, ended = std::move(ended)](const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view, read_templates_);
    auto body = finder.find(ended.sequence);
    const bool found = body && *body;
    engine::TraceOrigin origin;
    bool chosen = false;
    if (found) {
      const auto& chunk = *(**body).chunk;
      const auto options = chunk.options_of(chunk.body_at((**body).offset));
      origin = {options.trace, options.tracestate, (**body).submitted};
      chosen = !options.trace.empty() && chosen_for_trace(ended.sequence, options);
    }
    return [this, ended, origin = std::move(origin), found, chosen] {
      if (!found) return parts_.spans->count_dropped(1);
      if (chosen) parts_.spans->offer(task_told(ended, origin));
    };
  });
}

void Broker::tell_unattempted() {
  auto& ended = engine_.outputs().unattempted;
  if (ended.empty()) return;
  auto told = std::make_shared<std::vector<Span>>();
  auto room = parts_.spans->room();
  for (auto& end : ended) {
    if (end.origin && !span_of(end.origin->trace).sampled) continue;
    if (room == 0) {
      parts_.spans->count_dropped(1);
      continue;
    }
    --room;
    if (end.origin)
      told->push_back(task_told(end, *end.origin));
    else
      tell_task(std::move(end));
  }
  ended.clear();
  if (told->empty()) return;
  after_commit([this, told] {
    for (auto& span : *told) parts_.spans->offer(std::move(span));
  });
}

// Behind the commit of the ends that they tell. What the exporter has no room for is not made at all.
void Broker::tell_attempts() {
  tell_unattempted();
  auto& ended = engine_.outputs().attempts;
  if (ended.empty()) return;
  auto spans = std::make_shared<std::vector<Span>>();
  auto room = parts_.spans->room();
  std::uint64_t dropped = 0;
  for (const auto& attempt : ended) {
    const auto& options = attempt.options->options;
    if (!chosen_for_trace(attempt.sequence, options)) continue;
    const bool with_task = !options.trace.empty() && terminal(attempt.next);
    const std::size_t needed = with_task ? 2 : 1;
    if (room < needed) {
      dropped += needed;
      continue;
    }
    room -= needed;
    spans->push_back(attempt_told(attempt));
    if (with_task)
      tell_task({attempt.sequence, attempt.lane, attempt.class_, attempt.attempt, attempt.next, attempt.ended,
                 attempt.error_code, attempt.error, nullptr});
  }
  ended.clear();
  if (dropped != 0) parts_.spans->count_dropped(dropped);
  if (spans->empty()) return;
  after_commit([this, spans] {
    for (auto& span : *spans) parts_.spans->offer(std::move(span));
  });
}

}  // namespace hirehall::server
