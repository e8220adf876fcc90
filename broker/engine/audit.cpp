#include "broker/engine/audit.h"

#include <algorithm>

#include "broker/engine/engine_impl.h"
#include "broker/engine/records.h"
#include "common/limits.h"
#include "common/mutant.h"
#include "common/text.h"

namespace hirehall::engine {

void Engine::audit(Audited act) {
  for (auto* text : {&act.who, &act.from, &act.act, &act.target, &act.reason, &act.result})
    if (text->size() > limits::audit_text_bytes_max)
      text->resize(clip(*text, limits::audit_text_bytes_max).size());
  record(act);
}

void Ledger::apply(Audited& fact) {
  AuditRecord record;
  record.entry = {audit.next, fact.at, fact.who, fact.from, fact.act, fact.target, fact.reason, fact.result};
  record.before = audit.head;
  record.link = audit_link(HH_MUTANT("audit_chain_is_loose") ? std::string() : record.before, record.entry);
  audit.head = record.link;
  auto key = record_key(audit_tag, audit.next);
  auto value = encode_record(record);
  audit.bytes += key.size() + value.size();
  if (index != nullptr) index->push_back({Shelving::records, false, std::move(key), std::move(value)});
  if (audit.next % limits::audit_step == 0) audit_marks.push_back({audit.next, audit.head, audit.bytes});
  ++audit.next;
  while (!audit_marks.empty() && (audit.next - audit_marks.front().index > limits::audit_entries_max ||
                                  audit.bytes - audit.gone_bytes > limits::audit_bytes_max))
    forget_audit();
  if (index != nullptr)
    index->push_back({Shelving::meta, false, std::string(audit_key), encode_record(audit)});
}

void Ledger::forget_audit() {
  const auto mark = audit_marks.front();
  audit_marks.erase(audit_marks.begin());
  if (index != nullptr)
    for (auto at = audit.first; at <= mark.index; ++at)
      index->push_back({Shelving::records, true, record_key(audit_tag, at), {}});
  audit.first = mark.index + 1;
  audit.anchor = mark.link;
  audit.gone_bytes = mark.bytes;
}

// Out of a snapshot that may be anything.
bool Ledger::audit_is_sound() const {
  if (audit.first == 0 || audit.first > audit.next || audit.gone_bytes > audit.bytes) return false;
  auto last = audit.first - 1;
  for (const auto& mark : audit_marks) {
    if (mark.index <= last || mark.index >= audit.next || mark.index - last > limits::audit_step ||
        mark.bytes < audit.gone_bytes || mark.bytes > audit.bytes)
      return false;
    last = mark.index;
  }
  return true;
}

// --- looking at it ---

AuditCheck::AuditCheck(std::optional<AuditTrail> trail) : trail_(std::move(trail)) {
  if (!trail_) return;
  last_ = trail_->first - 1;
  links_ = {trail_->anchor};
}

std::string AuditCheck::wrong_with(std::uint64_t at, const std::optional<AuditRecord>& record) const {
  if (!trail_) return "is there, but no trail is";
  if (at != last_ + 1)
    return at <= last_ ? "lies before entry " + std::to_string(last_ + 1) + ", where the log begins"
                       : "follows entry " + std::to_string(last_) + ": what was between them is missing";
  if (!record) return "cannot be decoded";
  if (record->entry.index != at) return "says that it is entry " + std::to_string(record->entry.index);
  if (record->link != audit_link(record->before, record->entry)) return "is not what was written";
  if (!links_.empty() && std::find(links_.begin(), links_.end(), record->before) == links_.end())
    return "does not follow from the one before it";
  return {};
}

Status AuditCheck::look(std::string_view key, std::string_view value) {
  if (key.size() != record_key(audit_tag, 0).size())
    return fail(Code::corrupt, "the audit log was changed: a key is malformed", "audit");
  const auto at = number_of_record(key);
  std::optional<AuditRecord> record(std::in_place);
  if (!decode_record(value, *record)) record.reset();
  const auto wrong = wrong_with(at, record);
  ++seen_;
  last_ = at;
  // Of an entry that was changed either its link is the old one, or what is computed from the rest.
  links_.clear();
  if (record) links_ = {record->link, audit_link(record->before, record->entry)};
  if (wrong.empty()) return {};
  return fail(Code::corrupt, "the audit log was changed: entry " + std::to_string(at) + " " + wrong, "audit");
}

Status AuditCheck::end() const {
  if (!trail_) return {};
  const auto bad = [](const std::string& what) {
    return fail(Code::corrupt, "the audit log was changed: " + what, "audit");
  };
  if (last_ + 1 != trail_->next)
    return bad("it ends at entry " + std::to_string(last_) + ", and its trail at " +
               std::to_string(trail_->next - 1));
  if (!links_.empty() && std::find(links_.begin(), links_.end(), trail_->head) == links_.end())
    return bad("entry " + std::to_string(last_) + " is not the last one that its trail knows");
  return {};
}

}  // namespace hirehall::engine
