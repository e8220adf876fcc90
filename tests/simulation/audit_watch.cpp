#include "tests/simulation/audit_watch.h"

#include "broker/engine/audit.h"
#include "broker/engine/records.h"
#include "common/wire.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

using wire::Kind;

// What docs/audit.md says is written down, of what the workload does.
const std::map<Kind, const char*>& act_names() {
  static const std::map<Kind, const char*> names = {
      {Kind::answer, "answer"},
      {Kind::cancel, "cancel"},
      {Kind::queue_set, "queue_set"},
      {Kind::pause, "pause"},
      {Kind::resume, "resume"},
      {Kind::dead_retry, "dead_retry"},
      {Kind::dead_purge, "dead_purge"},
      {Kind::batch_close, "batch_close"},
      {Kind::bulk_start, "bulk_start"},
      {Kind::bulk_stop, "bulk_stop"},
      {Kind::schedule_set, "schedule_set"},
      {Kind::schedule_pause, "schedule_pause"},
      {Kind::schedule_resume, "schedule_resume"},
      {Kind::schedule_delete, "schedule_delete"},
      {Kind::schedule_trigger, "schedule_trigger"},
      {Kind::limit_set, "limit_set"},
      {Kind::limit_pause, "limit_pause"},
      {Kind::breaker_reset, "breaker_reset"},
      {Kind::breaker_trip, "breaker_trip"},
      {Kind::limit_delete, "limit_delete"},
      {Kind::budget_set, "budget_set"},
      {Kind::budget_delete, "budget_delete"},
      {Kind::worker_drain, "worker_drain"},
      {Kind::agent_forget, "agent_forget"},
      {Kind::agent_unlearn, "agent_unlearn"},
  };
  return names;
}

}  // namespace

void AuditWatch::read(const std::string& routing, std::string_view frame) {
  const auto read = wire::read_frame(frame);
  if (!read) return;
  const auto act = act_names().find(static_cast<Kind>(read->header.kind));
  if (act == act_names().end()) return;
  ++acts_[act->second].asked;
  open_[{routing, read->header.request}] = act->second;
}

void AuditWatch::sent(const std::string& routing, std::string_view frame) {
  if (open_.empty()) return;
  const auto read = wire::read_frame(frame);
  if (!read) return;
  const auto kind = static_cast<Kind>(read->header.kind);
  if (kind != Kind::ok && kind != Kind::error) return;
  const auto at = open_.find({routing, read->header.request});
  if (at == open_.end()) return;
  auto& counts = acts_[at->second];
  open_.erase(at);
  const bool refused = kind == Kind::error;
  if (refused && wire::read_error(read->body).code == Code::unknown_session) return;  // from nobody: no act
  ++counts.answered;
  counts.refused += refused;
  refused_ += refused;
}

std::uint64_t AuditWatch::check(const store::View& view) const {
  engine::AuditTrail trail;
  const auto stored = view.get(store::Family::meta, engine::audit_key);
  if (!stored) violated("I10", "the audit trail cannot be read");
  const bool there = stored->has_value();
  if (there && !engine::decode_record(**stored, trail)) violated("I10", "the audit trail is malformed");
  engine::AuditCheck check(there ? std::optional(trail) : std::nullopt);
  std::map<std::string, Counts> kept;
  const auto scanned = view.scan(store::Family::records, std::string(1, engine::audit_tag),
                                 std::string(1, static_cast<char>(engine::audit_tag + 1)),
                                 [&](std::string_view key, std::string_view value) {
                                   if (auto sound = check.look(key, value); !sound)
                                     violated("I18", sound.error().message);
                                   engine::AuditRecord record;
                                   if (!engine::decode_record(value, record))
                                     violated("I18", "an entry is malformed");
                                   auto& counts = kept[record.entry.act];
                                   ++counts.answered;
                                   counts.refused += code_from_name(record.entry.result) != Code::internal;
                                   return true;
                                 });
  if (!scanned) violated("I10", "the audit log cannot be read");
  if (auto sound = check.end(); !sound) violated("I18", sound.error().message);
  for (const auto& [act, seen] : acts_) {
    const auto& entries = kept[act];
    if (entries.answered < seen.answered || entries.refused < seen.refused)
      violated("I1", "of " + std::to_string(seen.answered) + " answered acts " + act + ", " +
                         std::to_string(seen.refused) + " of them refused, the audit log has " +
                         std::to_string(entries.answered) + " and " + std::to_string(entries.refused));
    if (entries.answered > seen.asked) violated("I1", "an act stands twice in the audit log: " + act);
  }
  return check.entries();
}

}  // namespace hirehall::sim
