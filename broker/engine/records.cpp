#include "broker/engine/records.h"

#include "broker/engine/facts_inbox.h"

#include <map>

#include "common/pack.h"

namespace hirehall::engine {
namespace {

void put_be(std::string& out, std::uint64_t v, int width) {
  for (int i = width - 1; i >= 0; --i) out.push_back(static_cast<char>(v >> (8 * i)));
}

std::uint64_t get_be(std::string_view bytes) {
  std::uint64_t v = 0;
  for (char c : bytes) v = (v << 8) | static_cast<std::uint8_t>(c);
  return v;
}

std::string key_of_attempt(char tag, Sequence s, std::uint32_t attempt) {
  auto key = record_key(tag, s);
  put_be(key, attempt, 4);
  return key;
}

constexpr std::uint8_t page_of_references = 1;
constexpr std::uint8_t page_with_bodies = 2;
constexpr std::size_t run_worth_referring = 16;
constexpr std::uint8_t terms_of_many = 128;  // no format of scheduler::pack

}  // namespace

std::string record_key(char tag, std::uint64_t number) {
  std::string key(1, tag);
  put_be(key, number, 8);
  return key;
}

std::uint64_t number_of_record(std::string_view key) {
  return get_be(key.substr(1, 8));
}

std::string timer_key(Millis due, TimerKind kind, std::uint64_t number) {
  std::string key;
  put_be(key, static_cast<std::uint64_t>(due), 8);
  key.push_back(static_cast<char>(kind));
  put_be(key, number, 8);
  return key;
}

std::optional<Timer> read_timer_key(std::string_view key) {
  if (key.size() != 17) return std::nullopt;
  auto kind = static_cast<std::uint8_t>(key[8]);
  if (!is_timer_kind(kind)) return std::nullopt;
  return Timer{static_cast<Millis>(get_be(key.substr(0, 8))), static_cast<TimerKind>(kind),
               get_be(key.substr(9))};
}

std::string page_key(std::uint64_t line, std::uint64_t page) {
  std::string key;
  put_be(key, line, 8);
  put_be(key, page, 8);
  return key;
}

std::string attempt_key(Sequence s, std::uint32_t attempt) {
  return key_of_attempt('x', s, attempt);
}
std::string choice_key(Sequence s, std::uint32_t attempt) {
  return key_of_attempt('c', s, attempt);
}
Sequence sequence_of_choice(std::string_view key) {
  return get_be(key.substr(1, 8));
}
std::uint32_t attempt_of_choice(std::string_view key) {
  return static_cast<std::uint32_t>(get_be(key.substr(9)));
}
std::string pack_terms(std::string_view packed, std::span<const AwardOf> awards) {
  if (awards.size() == 1) return std::string(packed);
  std::string out;
  out.reserve(packed.size() + 3 * awards.size() + 16);
  Packer p(out);
  p.u8(terms_of_many);
  p.bytes(packed);
  p.uint(awards.size());
  for (const auto& award : awards) {
    p.uint(award.sequence - awards.front().sequence);
    p.uint(award.attempt);
  }
  return out;
}
std::optional<std::string_view> terms_of(std::string_view value, const AwardOf& first, const AwardOf& award) {
  const bool own = first.sequence == award.sequence && first.attempt == award.attempt;
  Unpacker in(value);
  if (in.u8() != terms_of_many) return own ? std::optional(value) : std::nullopt;
  const auto terms = in.bytes();
  if (own) return in.ok() ? std::optional(terms) : std::nullopt;
  for (auto left = in.uint(); left > 0 && in.ok(); --left) {
    const auto sequence = first.sequence + in.uint();
    const auto attempt = in.uint();
    if (in.ok() && sequence == award.sequence && attempt == award.attempt) return terms;
  }
  return std::nullopt;
}
std::string checkpoint_key(Sequence s) {
  return record_key('k', s);
}
std::string answer_key(Sequence s) {
  return record_key('a', s);
}
std::string dead_key(std::uint32_t queue, Sequence s) {
  std::string key = "d";
  put_be(key, queue, 4);
  put_be(key, s, 8);
  return key;
}
std::string straggler_body_key(Sequence s) {
  return record_key('b', s);
}
std::string straggler_end_key(Sequence s) {
  return record_key('e', s);
}
std::string replay_key(Sequence s) {
  return record_key('r', s);
}
std::string result_table_key(std::uint64_t segment, std::uint64_t commit) {
  auto key = record_key('f', segment);
  put_be(key, commit, 8);
  return key;
}
std::string idempotency_key(std::string_view tenant, std::string_view name) {
  std::string key = "i";
  Packer p(key);
  p.bytes(tenant);
  p.raw(name);
  return key;
}

std::string unique_key(std::uint32_t queue, std::string_view tenant, std::string_view name) {
  std::string key = "u";
  put_be(key, queue, 4);
  Packer p(key);
  p.bytes(tenant);
  p.bytes(name);
  return key;
}
std::string unique_record_key(std::string key, Sequence sequence) {
  put_be(key, sequence, 8);
  return key;
}

std::string straggler_body(Sequence sequence, Millis submitted, const Chunk& chunk, std::uint32_t offset) {
  auto body = chunk.body_at(offset);
  std::vector<TemplateRef> templates{chunk.templates.at(body.template_)};
  body.template_ = 0;
  std::string task;
  write_body(task, body);
  return encode_body_record(sequence, submitted, templates, 1, task);
}

std::string straggler_end_in(std::string_view part, Sequence sequence) {
  for (PartReader facts(part); facts.next();) {
    if (facts.kind() == FactKind::ended) {
      Ended fact;
      if (!read_fact(facts.body(), fact)) continue;
      for (auto& item : fact.items)
        if (item.sequence == sequence && terminal(item.next)) {
          Ended alone{fact.worker, 0, 0, {}, {item}};
          return straggler_end(facts.now(), alone);
        }
    } else if (facts.kind() == FactKind::dropped) {
      Dropped fact;
      if (read_fact(facts.body(), fact) && fact.sequence == sequence) return straggler_end(facts.now(), fact);
    } else if (facts.kind() == FactKind::decided) {
      Decided fact;
      if (read_fact(facts.body(), fact) && fact.sequence == sequence && terminal(fact.to))
        return straggler_end(facts.now(), fact);
    }
  }
  return {};
}

std::string encode_page(std::vector<PageEntry>& entries) {
  std::size_t runs = 0;
  bool all_resident = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i == 0 || entries[i].item.sequence != entries[i - 1].item.sequence + 1) ++runs;
    if (!entries[i].chunk) all_resident = false;
  }
  bool with_bodies = all_resident && entries.size() < runs * run_worth_referring;

  std::string out;
  Packer p(out);
  p.u8(with_bodies ? page_with_bodies : page_of_references);
  Paged order;
  order.items.reserve(entries.size());
  for (const auto& e : entries) order.items.push_back(e.item);
  ArchiveOut a(out);
  order.archive(a);
  if (!with_bodies) return out;

  std::map<std::string_view, std::uint32_t> known;
  std::vector<TemplateRef> templates;
  std::string tasks;
  for (const auto& e : entries) {
    auto body = e.chunk->body_at(e.offset);
    const auto& t = e.chunk->templates.at(body.template_);
    auto [at, added] = known.try_emplace(t->encoded, static_cast<std::uint32_t>(templates.size()));
    if (added) templates.push_back(t);
    body.template_ = at->second;
    write_body(tasks, body);
  }
  write_templates(out, templates);
  out += tasks;
  return out;
}

Result<std::vector<PageEntry>> decode_page(std::string_view value, TemplatePool& pool) {
  auto bad = [](const char* what) { return fail(Code::corrupt, std::string("page record: ") + what); };
  if (value.empty()) return bad("empty");
  auto form = static_cast<std::uint8_t>(value[0]);
  if (form != page_of_references && form != page_with_bodies) return bad("unknown form");
  ArchiveIn a(value.substr(1));
  Paged order;
  order.archive(a);
  if (!a.ok()) return bad("malformed order");
  std::vector<PageEntry> entries(order.items.size());
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].item = order.items[i];
  if (form == page_of_references) return entries;

  auto& u = a.unpacker();
  auto chunk = ChunkRef::make();
  if (!read_templates(u, pool, chunk->templates)) return bad("malformed template");
  chunk->bytes.assign(u.position(), u.remaining());
  std::size_t at = 0;
  for (auto& e : entries) {
    e.chunk = chunk;
    e.offset = static_cast<std::uint32_t>(at);
    Body body;
    if (!read_body(chunk->bytes, at, body, at)) return bad("malformed task");
    if (body.template_ >= chunk->templates.size()) return bad("unknown template");
    if ((body.flags & body_own) != 0 && !merge_options({}, body.own)) return bad("malformed options");
  }
  if (at != chunk->bytes.size()) return bad("trailing bytes");
  return entries;
}

Result<std::vector<PageEntry>> decode_page(std::string_view value) {
  TemplatePool pool;
  return decode_page(value, pool);
}

}  // namespace hirehall::engine
