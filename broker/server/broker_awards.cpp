// What leaves for workers: awards, stops, and leases that are lost.
#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

// One award message being written.
struct AwardFrame {
  std::uint32_t worker = 0;
  std::uint64_t award = 0;
  std::string shapes, items;
  std::uint32_t shape_count = 0, item_count = 0;
  // The last shape: awards come in runs of the same.
  std::uint32_t lane = 0, class_ = 0;
  std::uint16_t agent = 0;
  const engine::Template* options = nullptr;
};

// As far as a shape tells.
bool same_shape(const engine::Template* a, const engine::Template* b) {
  return a == b || (a->plain && b->plain) ||
         (a->options.timeout_ms == b->options.timeout_ms &&
          a->options.content_type == b->options.content_type);
}

void write_extras(msgpack::Writer& w, const engine::AwardOut& a, const std::string& trace) {
  const auto& o = a.options->options;
  bool checkpoint = a.extras && !a.extras->checkpoint.empty();
  bool answered = a.extras && !a.extras->answer.empty();
  std::size_t n = !o.context.empty() + !o.labels.empty() + checkpoint + answered + !o.description.empty() +
                  (o.deadline != 0) + !trace.empty() + !o.trace.empty() + (o.effort_ms != 0) +
                  !o.idempotency_key.empty() + !o.tracestate.empty() + !o.baggage.empty() +
                  !o.features.empty() + (o.delivery == Delivery::at_most_once);
  w.map(n);
  if (!o.context.empty()) w.str("context"), w.raw(o.context);
  if (!o.labels.empty()) {
    w.str("labels");
    w.map(o.labels.size());
    for (const auto& [key, value] : o.labels) w.entry(key, value);
  }
  if (checkpoint) w.entry_bin("checkpoint", a.extras->checkpoint);
  if (answered) w.entry_bin("answer", a.extras->answer);
  if (!o.description.empty()) w.entry("description", o.description);
  if (o.deadline != 0) w.entry_sint("deadline", o.deadline);
  if (!trace.empty()) w.entry("trace", trace);
  if (!o.trace.empty()) w.entry("trace_origin", o.trace);
  if (!o.tracestate.empty()) w.entry("tracestate", o.tracestate);
  if (!o.baggage.empty()) w.entry("baggage", HH_MUTANT("baggage_left_behind") ? "" : o.baggage);
  if (o.effort_ms != 0) w.entry_sint("effort_ms", o.effort_ms);
  if (!o.features.empty()) w.str("features"), w.raw(HH_MUTANT("features_left_behind") ? "\x80" : o.features);
  if (!o.idempotency_key.empty()) w.entry("idempotency_key", o.idempotency_key);
  if (o.delivery == Delivery::at_most_once) w.entry_bool("at_most_once", true);
}

bool has_extras(const engine::AwardOut& a) {
  if (a.options->plain) return a.extras != nullptr;
  const auto& o = a.options->options;
  return a.extras || !o.context.empty() || !o.labels.empty() || !o.description.empty() || o.deadline != 0 ||
         !o.trace.empty() || !o.baggage.empty() || o.effort_ms != 0 || !o.features.empty() ||
         o.delivery == Delivery::at_most_once || !o.idempotency_key.empty();
}

std::string finish_award(AwardFrame& f) {
  std::string frame;
  frame.reserve(wire::header_bytes + 32 + f.shapes.size() + f.items.size());
  wire::write_header(frame, wire::Kind::award, 0);
  msgpack::Writer w(frame);
  w.array(3);
  w.uint(f.award);
  w.array(f.shape_count);
  w.raw(f.shapes);
  w.array(f.item_count);
  w.raw(f.items);
  return frame;
}

}  // namespace

void Broker::encode_outputs() {
  push_endings();
  tell_attempts();
  auto& out = engine_.outputs();
  if (!out.calls.empty()) send_calls();
  std::vector<AwardFrame> frames;
  const auto& ledger = engine_.ledger();
  for (auto& a : out.awards) {
    AwardFrame* frame = nullptr;
    for (auto at = frames.rbegin(); at != frames.rend() && frame == nullptr; ++at)
      if (at->worker == a.worker && at->award == a.award) frame = &*at;
    if (frame == nullptr) {
      frame = &frames.emplace_back();
      frame->worker = a.worker;
      frame->award = a.award;
    }
    if (frame->shape_count == 0 || frame->lane != a.lane || frame->class_ != a.class_ ||
        frame->agent != a.agent || !same_shape(frame->options, a.options)) {
      frame->lane = a.lane;
      frame->class_ = a.class_;
      frame->agent = a.agent;
      frame->options = a.options;
      ++frame->shape_count;
      const auto& lane = ledger.lanes[a.lane];
      const auto& queue = ledger.queues[lane.queue];
      const auto& agents = engine_.sessions().at(a.worker).spec.agents;
      msgpack::Writer w(frame->shapes);
      w.array(6);
      w.str(ledger.classes[a.class_].type);
      w.str(a.agent < agents.size() ? std::string_view(agents[a.agent].name) : std::string_view{});
      w.str(a.options->options.content_type);
      w.str(queue.name);
      w.str(lane.tenant);
      w.sint(a.options->options.timeout_ms != 0 ? a.options->options.timeout_ms : queue.settings.timeout_ms);
    }
    ++frame->item_count;
    msgpack::Writer w(frame->items);
    const auto trace = a.options->plain && parts_.spans == nullptr
                           ? std::string()
                           : trace_of_attempt(a.sequence, a.attempt, a.options->options);
    bool extras = !trace.empty() || has_extras(a);
    w.array(extras ? 6 : 5);
    w.uint(a.token);
    w.bin(ids_.make(a.sequence).raw());
    w.uint(a.attempt);
    w.uint(frame->shape_count - 1);
    w.bin(a.chunk->body_at(a.offset).payload);
    if (extras) write_extras(w, a, trace);
  }
  out.awards.clear();
  choices_.add(out.choices);
  out.choices.clear();
  for (auto& frame : frames)
    if (auto at = routing_of_worker_.find(frame.worker); at != routing_of_worker_.end())
      send_later(at->second, finish_award(frame));
  for (const auto& stop : out.stops) {
    auto at = routing_of_worker_.find(stop.worker);
    if (at == routing_of_worker_.end()) continue;
    std::string frame;
    wire::write_header(frame, wire::Kind::stop, 0);
    msgpack::Writer w(frame);
    w.array(1);
    w.array(3);
    w.uint(stop.token);
    w.sint(stop.grace_ms);
    w.str(stop.reason);
    send_later(at->second, std::move(frame));
  }
  out.stops.clear();
  std::map<std::uint32_t, std::vector<std::uint64_t>> lost;
  for (const auto& l : out.lost) lost[l.worker].push_back(l.token);
  for (const auto& [worker, tokens] : lost) {
    auto at = routing_of_worker_.find(worker);
    if (at == routing_of_worker_.end()) continue;
    std::string frame;
    wire::write_header(frame, wire::Kind::lost, 0);
    msgpack::Writer w(frame);
    w.array(tokens.size());
    for (auto token : tokens) w.uint(token);
    send_later(at->second, std::move(frame));
  }
  out.lost.clear();
}

}  // namespace hirehall::server
