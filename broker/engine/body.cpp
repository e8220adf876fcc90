#include "broker/engine/body.h"

#include "common/approval.h"

#include "common/check.h"
#include "common/pack.h"
#include "common/task_features.h"

namespace hirehall::engine {
namespace {

constexpr std::uint8_t record_version = 1;

bool says_little(const TaskOptions& options) {
  TaskOptions little;
  little.type = options.type;
  little.queue = options.queue;
  little.tenant = options.tenant;
  little.limit_keys = options.limit_keys;
  little.submitter = options.submitter;
  little.producer = options.producer;
  return options == little;
}

}  // namespace

std::uint8_t flags_of(const TaskOptions& o) {
  std::uint8_t flags = 0;
  if (o.not_before != 0) flags |= body_delayed;
  if (o.deadline != 0) flags |= body_timed | body_urgent;
  if (o.ttl_ms != 0) flags |= body_timed;
  if (!o.limit_keys.empty()) flags |= body_limited;
  if (!o.idempotency_key.empty() || !o.unique_key.empty()) flags |= body_keyed;
  if (!o.batch.empty()) flags |= body_batched;
  if (!o.policies.empty())
    if (auto approval = read_approval(o.policies); approval && approval->before_award()) flags |= body_held;
  return flags;
}

TemplateRef make_template(TaskOptions options) {
  auto made = std::make_shared<Template>();
  made->producer = options.producer;
  made->encoded = encode_options(options);
  made->flags = flags_of(options);
  made->plain = (made->flags & ~unsigned{body_limited}) == 0 && says_little(options);
  made->options = std::move(options);
  return made;
}

TemplateRef TemplatePool::decode(std::string_view encoded) {
  if (auto at = known_.find(encoded); at != known_.end()) return at->second;
  auto options = decode_options(encoded);
  if (!options) return nullptr;
  auto made = make_template(std::move(*options));
  if (encoded.size() > limits::known_template_bytes_max) return made;
  // Forgetting all of them costs one decoding each of those that come again.
  if (known_.size() >= limits::known_templates_max) known_.clear();
  known_.emplace(encoded, made);
  return made;
}

void write_body(std::string& out, const Body& b) {
  Packer p(out);
  p.u8(b.flags);
  p.u8(b.priority);
  p.uint(b.lane);
  p.uint(b.class_);
  p.uint(b.template_);
  if ((b.flags & body_own) != 0) p.bytes(b.own);
  p.bytes(b.payload);
}

bool read_body(std::string_view bytes, std::size_t offset, Body& b, std::size_t& end) {
  if (offset > bytes.size()) return false;
  Unpacker u(bytes.substr(offset));
  b.flags = u.u8();
  b.priority = u.u8();
  b.lane = static_cast<std::uint32_t>(u.uint());
  b.class_ = static_cast<std::uint32_t>(u.uint());
  b.template_ = static_cast<std::uint32_t>(u.uint());
  b.own = (b.flags & body_own) != 0 ? u.bytes() : std::string_view{};
  b.payload = u.bytes();
  end = bytes.size() - u.remaining();
  return u.ok() && b.priority >= limits::priority_min && b.priority <= limits::priority_max;
}

Body Chunk::body_at(std::uint32_t offset) const {
  Body body;
  std::size_t end = 0;
  bool sound = read_body(bytes, offset, body, end);
  HH_CHECK(sound, "a resident chunk holds well-formed tasks");
  return body;
}

TaskOptions Chunk::options_of(const Body& body) const {
  const auto& base = *templates.at(body.template_);
  if (body.own.empty()) return base.options;
  auto merged = merge_options(base.options, body.own);
  HH_CHECK(merged.has_value(), "a resident chunk holds well-formed options");
  return std::move(*merged);
}

std::string_view Chunk::features_of(const Body& body) const {
  if (!body.own.empty())
    if (const auto own = features_among(body.own); !own.empty()) return own;
  return templates.at(body.template_)->options.features;
}

void ChunkRef::charge(std::uint64_t& account) const {
  auto now = sizeof(Chunk) + chunk_->bytes.capacity() + chunk_->templates.capacity() * sizeof(TemplateRef);
  if (chunk_->account_ != nullptr) *chunk_->account_ -= chunk_->charged_;
  chunk_->account_ = &account;
  chunk_->charged_ = now;
  account += now;
}

void ChunkRef::destroy() {
  if (chunk_->account_ != nullptr) *chunk_->account_ -= chunk_->charged_;
  delete chunk_;
}

void write_templates(std::string& out, const std::vector<TemplateRef>& templates) {
  Packer p(out);
  p.uint(templates.size());
  for (const auto& t : templates) p.bytes(t->encoded);
}

bool read_templates(Unpacker& in, TemplatePool& pool, std::vector<TemplateRef>& templates) {
  auto count = in.count();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    auto known = pool.decode(in.bytes());
    if (known == nullptr) return false;
    templates.push_back(std::move(known));
  }
  return in.ok();
}

std::string encode_body_record(Sequence first, Millis time, const std::vector<TemplateRef>& templates,
                               std::size_t count, std::string_view tasks) {
  std::string out;
  out.reserve(tasks.size() + 64 + templates.size() * 64);
  Packer p(out);
  p.u8(record_version);
  p.uint(first);
  p.sint(time);
  write_templates(out, templates);
  p.uint(count);
  p.raw(tasks);
  return out;
}

Result<BodyRecord> decode_body_record(std::string_view value, TemplatePool& pool) {
  auto bad = [](const char* what) { return fail(Code::corrupt, std::string("body record: ") + what); };
  Unpacker u(value);
  if (u.u8() != record_version) return bad("unknown version");
  BodyRecord record;
  record.first = u.uint();
  record.time = u.sint();
  record.chunk = ChunkRef::make();
  if (!read_templates(u, pool, record.chunk->templates)) return bad("malformed template");
  auto count = u.count();
  if (!u.ok()) return bad("malformed header");
  record.chunk->bytes.assign(u.position(), u.remaining());
  record.offsets.reserve(count);
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    record.offsets.push_back(static_cast<std::uint32_t>(at));
    Body body;
    if (!read_body(record.chunk->bytes, at, body, at)) return bad("malformed task");
    if (body.template_ >= record.chunk->templates.size()) return bad("unknown template");
    if ((body.flags & body_own) != 0 && !merge_options({}, body.own)) return bad("malformed options");
  }
  if (at != record.chunk->bytes.size()) return bad("trailing bytes");
  return record;
}

Result<BodyRecord> decode_body_record(std::string_view value) {
  TemplatePool pool;
  return decode_body_record(value, pool);
}

}  // namespace hirehall::engine
