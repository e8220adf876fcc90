// Submitting: names to numbers, limits, duplicates, packing.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/digest.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

std::string lane_lookup(std::uint32_t queue, std::string_view tenant) {
  std::string key;
  Packer p(key);
  p.uint(queue);
  p.raw(tenant);
  return key;
}

}  // namespace

Code Engine::lane_of(std::string_view queue, std::string_view tenant, std::uint32_t& lane,
                     std::string& message) {
  if (queue.empty()) queue = "default";
  auto at = ledger_.queue_by_name.find(queue);
  if (at == ledger_.queue_by_name.end()) {
    message = "no queue is named " + std::string(queue) + "; make it with `hirehall queue set`";
    return Code::not_found;
  }
  auto key = lane_lookup(at->second, tenant);
  if (auto known = ledger_.lane_by_key.find(key); known != ledger_.lane_by_key.end()) {
    lane = known->second;
    return Code::ok;
  }
  if (ledger_.lanes.size() >= limits::lanes_max) {
    message = "there are " + std::to_string(limits::lanes_max) + " lanes already";
    return Code::busy;
  }
  LaneDefined fact{static_cast<std::uint32_t>(ledger_.lanes.size()), at->second, std::string(tenant)};
  record(fact);
  lane = fact.lane;
  return Code::ok;
}

Code Engine::class_of(const TaskOptions& options, std::uint32_t& class_, std::string& message) {
  TaskOptions key;
  key.type = options.type;
  key.requirements = options.requirements;
  key.preferred_labels = options.preferred_labels;
  auto encoded = encode_options(key);
  if (auto known = ledger_.class_by_key.find(encoded); known != ledger_.class_by_key.end()) {
    class_ = known->second;
    return Code::ok;
  }
  if (ledger_.classes.size() >= limits::classes_max) {
    message = "there are " + std::to_string(limits::classes_max) +
              " kinds of tasks (type, requirements and preferred labels) already";
    return Code::busy;
  }
  ClassDefined fact{static_cast<std::uint32_t>(ledger_.classes.size()), options.type, std::move(encoded)};
  record(fact);
  class_ = fact.class_;
  return Code::ok;
}

Code Engine::resolve_names(const TaskOptions& options, Resolved& out) {
  if (auto code = lane_of(options.queue, options.tenant, out.lane, out.message); code != Code::ok)
    return code;
  return class_of(options, out.class_, out.message);
}

const KeyRecord* Engine::known_key(const SubmitRequest& request, const std::string& key) const {
  if (auto at = recent_keys_.find(key); at != recent_keys_.end()) return &at->second.record;
  if (request.found == nullptr || HH_MUTANT("keys_only_in_memory")) return nullptr;
  auto at = request.found->find(key);
  return at == request.found->end() ? nullptr : &at->second;
}

// A record counts as long as it is there: its timer takes it away, and the next submission makes a new one.
void Engine::check_keys(const SubmitRequest& request, const TaskOptions& options, std::string_view payload,
                        Resolved& out) {
  out.digest = digest_of(options.type, payload);
  auto stands_for = [&](const KeyRecord* known, const char* which) {
    if (known == nullptr) return;
    out.existing = known->sequence;
    if (known->digest == out.digest || HH_MUTANT("key_payload_not_compared")) return;
    out.code = static_cast<std::uint32_t>(Code::conflict);
    out.message = std::string("the ") + which + " key was used for another payload";
  };
  if (!options.idempotency_key.empty()) {
    out.key = idempotency_key(options.tenant, options.idempotency_key);
    stands_for(known_key(request, out.key), "idempotency");
  }
  if (out.existing != 0 || options.unique_key.empty()) return;
  const auto& lane = ledger_.lanes[out.lane];
  out.unique = unique_key(lane.queue, lane.tenant, options.unique_key);
  if (check_unique(request, options, out)) return;
  const auto* known = known_key(request, out.unique);
  if (known == nullptr) return;
  // A task of this very batch is not in the ledger yet.
  bool over = known->sequence < ledger_.next_sequence && look(known->sequence) == Known::ended;
  if (!over) stands_for(known, "unique");
}

void Engine::note_key(const std::string& key, const KeyRecord& record) {
  if (key.empty()) return;
  recent_keys_.insert_or_assign(key, RecentKey{ledger_.commit, record});
  recent_key_order_.emplace_back(ledger_.commit, key);
}

// Fills `out`; its code is 0 for a task to append or an existing one.
Code Engine::resolve(const SubmitRequest& request, const SubmitItem& item, Resolved& out) {
  out.code = 0;
  out.existing = 0;
  out.replaces = 0;
  if (!out.slot.empty()) out.slot.clear();
  if (!out.own.empty()) out.own.clear();
  auto refuse = [&](Code code, std::string message) {
    out.code = static_cast<std::uint32_t>(code);
    if (!message.empty()) out.message = std::move(message);
    return code;
  };
  if (item.fault != nullptr) return refuse(Code::invalid, item.fault);
  if (item.template_ >= request.templates.size())
    return refuse(Code::invalid, "there is no template " + std::to_string(item.template_));
  const auto& base = *request.templates[item.template_];
  if (!base.plain && !base.fault.empty()) return refuse(Code::invalid, base.fault);
  if (item.payload.size() > limits::payload_bytes_max)
    return refuse(Code::too_large,
                  "a payload has at most 1 MiB, this has " + std::to_string(item.payload.size()) + " bytes");
  if (item.priority != 0 && (item.priority < limits::priority_min || item.priority > limits::priority_max))
    return refuse(Code::invalid, "priority is " + std::to_string(item.priority) + "; accepted: 1 to 10");
  out.flags = base.flags;
  out.retention_ms = base.plain ? 0 : base.options.retention_ms;
  if ((base.flags & body_batched) != 0) out.batch = base.options.batch;
  auto priority = item.priority != 0 || base.plain ? item.priority : base.options.priority;
  out.priority = static_cast<std::uint8_t>(priority != 0 ? priority : limits::priority_default);
  bool own = !item.options.empty() || !item.type.empty() || !item.queue.empty() ||
             (!base.plain && base.options.delay_ms != 0);
  if (!base.plain && base.options.deadline != 0 && item.options.empty() && base.options.deadline <= now_)
    return refuse(Code::invalid, "deadline is in the past");
  if (base.class_ == no_number && !own && validate(base.options))
    if (auto code = class_of(base.options, base.class_, out.message); code != Code::ok)
      return refuse(code, {});
  if (!own && item.tenant.empty() && base.lane != no_number && (base.flags & body_keyed) == 0) {
    out.lane = base.lane;
    out.class_ = base.class_;
  } else if (!own && (base.flags & body_keyed) == 0 && base.class_ != no_number) {
    out.class_ = base.class_;
    if (item.tenant.size() > limits::name_bytes_max)
      return refuse(Code::invalid, "tenant is longer than 255 bytes");
    const auto& tenant = item.tenant.empty() ? std::string_view(base.options.tenant) : item.tenant;
    if (auto code = lane_of(base.options.queue, tenant, out.lane, out.message); code != Code::ok)
      return refuse(code, {});
    if (item.tenant.empty()) base.lane = out.lane;
  } else {
    TaskOptions options = base.options;
    if (!item.options.empty()) {
      msgpack::Reader reader(item.options);
      if (auto read = read_wire_options(reader, options); !read)
        return refuse(Code::invalid, read.error().context + ": " + read.error().message);
      if (options.deadline != base.options.deadline) options.deadline = from_wall(options.deadline);
      if (options.not_before != base.options.not_before) options.not_before = from_wall(options.not_before);
    }
    if (!item.type.empty()) options.type = item.type;
    if (!item.queue.empty()) options.queue = item.queue;
    if (!item.tenant.empty()) options.tenant = item.tenant;
    if (item.priority != 0) options.priority = item.priority;
    if (auto valid = validate(options); !valid) return refuse(valid.error().code, valid.error().message);
    if (options.deadline != 0 && options.deadline <= now_)
      return refuse(Code::invalid, "deadline is in the past");
    if (options.delay_ms != 0)
      options.not_before = std::max(options.not_before, now_ + std::exchange(options.delay_ms, 0));
    if (item.priority == 0 && options.priority != 0)
      out.priority = static_cast<std::uint8_t>(options.priority);
    out.flags = flags_of(options);
    out.retention_ms = options.retention_ms;
    if (auto code = resolve_names(options, out); code != Code::ok) return refuse(code, {});
    if (own || !item.tenant.empty()) {
      auto difference = encode_difference(options, base.options);
      if (difference.size() > 1) {
        if (difference.size() > limits::options_bytes_max)
          return refuse(Code::too_large, "options are over 64 KiB");
        out.own = std::move(difference);
        out.flags |= body_own;
      }
    } else if (base.lane == no_number) {
      base.lane = out.lane;
      base.class_ = out.class_;
    }
    if ((out.flags & body_batched) != 0) out.batch = options.batch;
    if ((out.flags & body_keyed) != 0) check_keys(request, options, item.payload, out);
    if (out.code != 0 || out.existing != 0) return static_cast<Code>(out.code);
  }
  if ((out.flags & body_batched) != 0)
    if (auto code = check_batch(out); code != Code::ok) return code;
  return check_cap(ledger_.lanes[out.lane].queue, out);
}

// The cap counts what is not terminal, the dead letters, and what this very batch has added so far.
Code Engine::check_cap(std::uint32_t number, Resolved& out) {
  const auto& queue = ledger_.queues[number];
  if ((queue.settings.approval & approve_award) != 0) out.flags |= body_held;
  if (queue.settings.cap == 0 || out.replaces != 0) return Code::ok;
  auto refuse = [&](Code code, std::string message) {
    out.code = static_cast<std::uint32_t>(code);
    out.message = std::move(message);
    return code;
  };
  auto& coming = coming_[number];
  if (queue.open() + queue.dead + coming >= queue.settings.cap) {
    if (queue.dead >= queue.settings.cap)
      return refuse(Code::dead_letters_full, "dead letters fill queue " + queue.name + " (cap " +
                                                 std::to_string(queue.settings.cap) +
                                                 "); purge or retry them");
    return refuse(Code::queue_full,
                  "queue " + queue.name + " holds its cap of " + std::to_string(queue.settings.cap));
  }
  ++coming;
  return Code::ok;
}

std::vector<std::string> Engine::keys_of(const SubmitRequest& request) {
  std::vector<std::string> keys;
  for (const auto& item : request.items) {
    if (item.template_ >= request.templates.size()) continue;
    const auto& base = *request.templates[item.template_];
    if (item.options.empty() && (base.flags & body_keyed) == 0) continue;
    TaskOptions options = base.options;
    if (!item.options.empty()) {
      msgpack::Reader reader(item.options);
      if (!read_wire_options(reader, options)) continue;
    }
    if (!item.tenant.empty()) options.tenant = item.tenant;
    if (!options.idempotency_key.empty())
      keys.push_back(idempotency_key(options.tenant, options.idempotency_key));
    if (options.unique_key.empty()) continue;
    std::string_view name = !item.queue.empty() ? item.queue : options.queue;
    auto queue = ledger_.queue_by_name.find(name.empty() ? "default" : name);
    if (queue != ledger_.queue_by_name.end())
      keys.push_back(unique_key(queue->second, options.tenant, options.unique_key));
  }
  return keys;
}

void Engine::append(const Resolved& task, const TemplateRef& base, std::string_view payload) {
  auto size = payload.size() + task.own.size() + 32;
  if (open_ && open_->bytes.size() + size > limits::chunk_bytes) close_chunk();
  if (!open_) {
    open_ = ChunkRef::make();
    open_first_ = ledger_.next_sequence;
    open_count_ = 0;
  }
  auto& templates = open_->templates;
  if (base->number >= templates.size() || templates[base->number] != base) {
    base->number = static_cast<std::uint32_t>(templates.size());
    templates.push_back(base);
  }
  Body body{task.flags, task.priority, task.lane, task.class_, base->number, task.own, payload};
  auto offset = static_cast<std::uint32_t>(open_->bytes.size());
  write_body(open_->bytes, body);
  draft_bytes_ += open_->bytes.size() - offset;
  ++open_count_;
  auto from = index_.size();
  ledger_.apply_task(ledger_.next_sequence, open_, offset, body);
  if (index_.size() != from) note_index_writes(from);
}

void Engine::close_chunk() {
  if (!open_ || open_count_ == 0) return;
  bodies_.emplace_back(open_first_,
                       encode_body_record(open_first_, now_, open_->templates, open_count_, open_->bytes));
  if (open_->bytes.capacity() > open_->bytes.size() + open_->bytes.size() / 4) open_->bytes.shrink_to_fit();
  open_.charge(ledger_.chunk_bytes);
  open_ = {};
  open_count_ = 0;
}

Result<SubmitAnswer> Engine::submit(const SubmitRequest& request) {
  auto* producer = const_cast<Producer*>(this->producer(request.producer));
  if (producer == nullptr)
    return fail(Code::session_expired, "the producer record is gone; say hello without a token");
  if (request.batch <= producer->last_batch && !HH_MUTANT("batch_resent_is_new")) {
    for (const auto& known : producer->answers)
      if (known.batch == request.batch) {
        ++counts_.duplicates;
        return SubmitAnswer{known.first, known.count, known.exceptions};
      }
    return fail(Code::out_of_order,
                "batch " + std::to_string(request.batch) + " was answered and acknowledged before");
  }
  if (request.batch != producer->last_batch + 1)
    return fail(Code::out_of_order, "batch " + std::to_string(request.batch) + " came, " +
                                        std::to_string(producer->last_batch + 1) + " is next");
  std::size_t refusals = 0;
  for (const auto& known : producer->answers)
    if (known.batch > request.acked) refusals += known.exceptions.size();
  if (refusals > limits::refusals_in_flight_max)
    return fail(Code::busy, "the answers that are not acknowledged hold " + std::to_string(refusals) +
                                " refusals: acknowledge what was answered");
  open_part();  // the time of these tasks stands before them
  Submitted fact;
  fact.producer = request.producer;
  fact.batch = request.batch;
  fact.acked = request.acked;
  fact.first = ledger_.next_sequence;
  fact.count = static_cast<std::uint32_t>(request.items.size());
  if (resolved_.size() < request.items.size()) resolved_.resize(request.items.size());
  Sequence next = fact.first;
  bool all = true;
  std::vector<std::string> new_keys;
  coming_.clear();
  coming_unique_.clear();
  unique_steps_.clear();
  for (std::uint32_t i = 0; i < fact.count; ++i) {
    auto& r = resolved_[i];
    if (!r.key.empty()) r.key.clear();
    if (!r.unique.empty()) r.unique.clear();
    all &= resolve(request, request.items[i], r) == Code::ok;
    if (!r.slot.empty() && r.code == 0) note_unique(r, request.items[i].payload, next);
    if (r.code != 0 || r.existing != 0) continue;
    if (!r.key.empty() || !r.unique.empty()) {
      KeyRecord record{next, r.digest, now_ + limits::idempotency_window_ms};
      note_key(r.key, record);
      note_key(r.unique, record);
      if (request.atomic) new_keys.insert(new_keys.end(), {r.key, r.unique});
    }
    ++next;
  }
  if (request.atomic && !all) {
    for (const auto& key : new_keys) recent_keys_.erase(key);
    for (std::uint32_t i = 0; i < fact.count; ++i)
      if (resolved_[i].code != 0)
        return fail(static_cast<Code>(resolved_[i].code), resolved_[i].message, "item " + std::to_string(i));
  }
  for (std::uint32_t i = 0; i < fact.count; ++i) {
    auto& r = resolved_[i];
    if (r.code == 0 && r.existing == 0) {
      if (r.retention_ms > ledger_.longest_retention) note_retention(r.retention_ms);
      if ((r.flags & body_batched) != 0) define_batch(r.lane, r.batch);
      append(r, request.templates[request.items[i].template_], request.items[i].payload);
      continue;
    }
    ++(r.code != 0 ? counts_.refused : counts_.duplicates);
    fact.exceptions.push_back({i, r.code, r.existing, r.code != 0 ? r.message : std::string()});
  }
  record(fact);
  if (!unique_steps_.empty()) take_unique_steps();
  return SubmitAnswer{fact.first, fact.count, std::move(fact.exceptions)};
}

}  // namespace hirehall::engine
