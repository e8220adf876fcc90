// submit, and the answers that several submits share.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

// Of the tasks that had the unique key, the one submitted last.
Result<std::optional<std::string>> newest_of(const store::View& view, const std::string& key) {
  auto item = view.floor(store::Family::records, engine::unique_record_key(key, ~Sequence{0}));
  if (!item) return tl::unexpected<Error>(item.error());
  if (!*item || !(*item)->key.starts_with(key)) return std::optional<std::string>{};
  return std::optional<std::string>{std::move((*item)->value)};
}

}  // namespace

Status Broker::read_templates(Peer& peer, std::string_view encoded) {
  if (encoded == peer.template_bytes && !peer.templates.empty()) return {};
  peer.template_bytes.clear();
  peer.templates.clear();
  msgpack::Reader r(encoded);
  auto count = r.array();
  bool timed = false;
  sent_templates_.clear();
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    auto bytes = r.raw();
    if (!r.ok()) break;
    sent_templates_.emplace_back(bytes, TemplateCache::hash_of(peer.producer, bytes));
    known_templates_.fetch(sent_templates_.back().second);
  }
  if (!r.finished()) return fail(Code::bad_message, "templates are not an array of maps");
  for (const auto& [bytes, hash] : sent_templates_) {
    if (const auto* known = known_templates_.find(hash, peer.producer, bytes)) {
      peer.templates.push_back(*known);
      continue;
    }
    TaskOptions options;
    msgpack::Reader one(bytes);
    if (auto read = read_wire_options(one, options); !read) {
      // An item that names it is refused; the others are not harmed.
      auto faulty = std::make_shared<engine::Template>();
      faulty->fault = read.error().context + ": " + read.error().message;
      peer.templates.push_back(std::move(faulty));
      continue;
    }
    if (options.deadline != 0) options.deadline = engine_.from_wall(options.deadline);
    if (options.not_before != 0) options.not_before = engine_.from_wall(options.not_before);
    bool of_a_time = options.deadline != 0 || options.not_before != 0;
    timed |= of_a_time;
    if (options.tenant.empty()) options.tenant = peer.principal->tenant;
    options.submitter = peer.principal->name;
    options.producer = peer.producer;
    peer.templates.push_back(engine::make_template(std::move(options)));
    if (of_a_time || bytes.size() > limits::known_template_bytes_max) continue;
    known_templates_.add(hash, peer.producer, bytes, peer.templates.back());
  }
  if (!timed) peer.template_bytes = encoded;  // a time of the wall clock is read anew each time
  return {};
}

void Broker::submit(Peer& peer, const Frame& frame, std::string_view bytes) {
  if (!peer.submit_waits) return submit_found(peer, bytes, nullptr);
  if (peer.held_submits.size() >= limits::batches_in_flight_max ||
      peer.held_bytes + bytes.size() > limits::held_bytes_max)
    return refuse(peer, frame.header.request,
                  {Code::busy, "the batches before this one wait for a lookup of their keys", {}, 10});
  peer.held_bytes += bytes.size();
  peer.held_submits.emplace_back(bytes);
}

// Decodes and submits; with `found` null, a batch with idempotency keys is looked up first and comes back
// here.
void Broker::submit_found(Peer& peer, std::string_view bytes, const engine::FoundKeys* found) {
  auto frame = wire::read_frame(bytes);
  auto request = frame->header.request;
  auto bad = [&](std::string what) {
    ++page_.malformed;
    refuse(peer, request, {Code::bad_message, std::move(what), {}, 0});
  };
  msgpack::Reader r(frame->body);
  auto elements = r.array();
  if (elements < 4) return bad("a submit is an array of batch, acked, templates, items");
  engine::SubmitRequest input;
  input.producer = peer.producer;
  input.batch = r.uint();
  input.acked = r.uint();
  auto templates = r.raw();
  if (!r.ok()) return bad("batch, acked or templates have the wrong type");
  if (input.batch == 0 || input.acked >= input.batch)
    return bad("acked is below batch, batches count from 1");
  // A recorded batch has its answer whatever would keep a new one out now: told that it was refused, its
  // client would give the number to another batch.
  if (const auto* producer = engine_.producer(peer.producer);
      producer != nullptr && input.batch <= producer->last_batch &&
      (store_.admits_submits() || !HH_MUTANT("full_disk_before_answers"))) {
    auto known = engine_.submit(input);
    if (!known) return refuse(peer, request, known.error());
    return answer_submit(peer, request, input.batch, *known);
  }
  if (!store_.admits_submits())
    return refuse(
        peer, request,
        {Code::disk_full,
         "the disk is nearly full: submits are refused until space is freed, running work completes",
         {},
         5000});
  if (input.batch - input.acked > limits::batches_in_flight_max)
    return refuse(peer, request,
                  {Code::busy,
                   "more than " + std::to_string(limits::batches_in_flight_max) +
                       " batches are unanswered: acknowledge what was answered",
                   {},
                   10});
  if (auto read = read_templates(peer, templates); !read) return bad(read.error().message);
  auto count = r.array();
  if (count > limits::batch_items_max)
    return refuse(
        peer, request,
        {Code::too_large, "a batch has at most 4096 items, this has " + std::to_string(count), {}, 0});
  if (!r.ok() || count == 0) return bad("items are not a non-empty array");
  items_.resize(count);
  bool named = false;
  for (auto& item : items_) {
    item = {};
    const auto begin = r;
    auto fields = r.array();
    if (!r.ok() || fields < 2) return bad("an item is an array of template, payload, …");
    item.template_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), 0xffffffff));
    item.payload = r.bin();
    if (fields > 2 && !r.skip_nil()) item.priority = r.sint();
    if (fields > 3 && !r.skip_nil()) item.tenant = r.str(), named = true;
    if (fields > 4 && !r.skip_nil()) item.queue = r.str(), named = true;
    if (fields > 5 && !r.skip_nil()) item.type = r.str(), named = true;
    if (fields > 6 && !r.skip_nil()) item.options = r.raw(), named = true;
    for (std::size_t i = 7; i < fields && r.ok(); ++i) r.skip();
    if (r.ok()) continue;
    // Wrong in itself, or the end of what can be read? The former harms this item only.
    r = begin;
    r.skip();
    if (!r.ok()) break;
    item = {};
    item.fault =
        "an element of the item has the wrong type; it is [template, payload, priority, tenant, queue, "
        "type, options]";
  }
  if (elements > 4) input.atomic = r.boolean();
  for (std::size_t i = 5; i < elements && r.ok(); ++i) r.skip();
  if (!r.finished()) return bad("a submit has malformed or trailing bytes");
  if (frame->body.size() > limits::batch_bytes_max + 65536 && count > 1)
    return refuse(peer, request, {Code::too_large, "a batch has at most 1 MiB, or one item", {}, 0});
  input.templates = peer.templates;
  input.items = items_;
  input.found = found;
  if (!peer.everything || named)
    if (auto may_do = may_submit(peer, input); !may_do) return refuse(peer, request, may_do.error());
  if (found == nullptr) {
    const auto keys = engine_.keys_of(input);
    if (!keys.empty()) return find_keys(peer, bytes, keys);
  }
  auto result = engine_.submit(input);
  push_endings();
  if (!result) return refuse(peer, request, result.error());
  answer_submit(peer, request, input.batch, *result);
}

// One denied item denies the batch: who sends it does not know its own rights.
Status Broker::may_submit(const Peer& peer, const engine::SubmitRequest& input) const {
  if (peer.everything) return {};
  const auto& principal = *peer.principal;
  for (const auto& item : input.items) {
    if (item.template_ >= input.templates.size()) continue;
    TaskOptions own;
    if (!item.options.empty()) {
      msgpack::Reader r(item.options);
      if (!read_wire_options(r, own)) continue;
    }
    const auto& base = input.templates[item.template_]->options;
    auto pick = [](std::string_view a, const std::string& b, const std::string& c) {
      return !a.empty() ? a : !b.empty() ? std::string_view(b) : std::string_view(c);
    };
    auto queue = pick(item.queue, own.queue, base.queue);
    Claim claim{pick(item.tenant, own.tenant, base.tenant), queue.empty() ? "default" : queue,
                pick(item.type, own.type, base.type)};
    if (auto may_do = allowed(principal, wire::Kind::submit, claim); !may_do) return may_do;
  }
  return {};
}

void Broker::find_keys(Peer& peer, std::string_view bytes, const std::vector<std::string>& keys) {
  peer.submit_waits = true;
  auto found = std::make_shared<engine::FoundKeys>();
  auto error = std::make_shared<std::optional<Error>>();
  read_later([this, keys, found, error, routing = peer.routing, serial = peer.serial,
              held = std::string(bytes)](const store::View& view, std::uint64_t commit) -> Reader::Then {
    for (const auto& key : keys) {
      auto record = engine::is_unique_key(key) ? newest_of(view, key) : view.get(store::Family::records, key);
      if (!record) {
        *error = record.error();
        break;
      }
      engine::KeyRecord known;
      if (*record && engine::decode_record(**record, known)) found->emplace(key, std::move(known));
    }
    return [this, found, error, routing, serial, held, commit, keys] {
      if (*error) return failed(**error);
      auto* peer = peer_at(routing, serial);
      if (peer == nullptr) return;
      if (commit < engine_.keys_forgotten()) return find_keys(*peer, held, keys);
      submit_found(*peer, held, found.get());
      resume_submits(routing, serial);
    };
  });
}

// The next held submits, up to one that has to be looked up itself.
void Broker::resume_submits(const std::string& routing, std::uint64_t serial) {
  auto* peer = peer_at(routing, serial);
  if (peer == nullptr) return;
  peer->submit_waits = false;
  while (peer != nullptr && !peer->submit_waits && !peer->held_submits.empty()) {
    auto bytes = std::move(peer->held_submits.front());
    peer->held_submits.pop_front();
    peer->held_bytes -= bytes.size();
    submit_found(*peer, bytes, nullptr);
    peer = peer_at(routing, serial);
  }
}

void Broker::answer_submit(Peer& peer, std::uint64_t request, std::uint64_t batch,
                           const engine::SubmitAnswer& answer) {
  if (peer.submitted.size() > limits::batch_bytes_max) flush_submitted();
  if (!peer.has_submitted) {
    peer.has_submitted = true;
    submitters_.push_back(&peer);
    peer.submitted.clear();
    peer.submitted_count = 0;
    wire::write_header(peer.submitted, wire::Kind::submitted, 0);
    msgpack::Writer(peer.submitted).array32();
  }
  ++peer.submitted_count;
  msgpack::Writer w(peer.submitted);
  w.array(3);
  w.uint(request);
  w.uint(batch);
  w.array(answer.count);
  auto exception = answer.exceptions.begin();
  auto next = answer.first;
  for (std::uint32_t i = 0; i < answer.count; ++i) {
    if (exception == answer.exceptions.end() || exception->index != i) {
      w.bin(ids_.make(next++).raw());
      continue;
    }
    if (exception->code == 0) {
      w.bin(ids_.make(exception->existing).raw());
    } else {
      count_refusal(static_cast<Code>(exception->code));
      w.array(3);
      w.uint(exception->code);
      w.str(exception->message);
      if (exception->existing != 0)
        w.bin(ids_.make(exception->existing).raw());
      else
        w.nil();
    }
    ++exception;
  }
}

void Broker::flush_submitted() {
  for (auto* peer : submitters_) {
    msgpack::Writer(peer->submitted).array32_at(wire::header_bytes + 1, peer->submitted_count);
    send_later(peer->routing, std::move(peer->submitted));
    peer->submitted = {};
    peer->has_submitted = false;
  }
  submitters_.clear();
}

}  // namespace hirehall::server
