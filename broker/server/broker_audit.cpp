// The audit log: what was asked is noted when it comes in, what it came to when it is answered, and both are
// recorded in the commit that the answer waits for.
#include <algorithm>

#include "broker/engine/records.h"
#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

constexpr std::size_t entries_default = 100;

std::string from_of(const Peer& peer) {
  return peer.address.empty() ? peer.name : peer.address + " " + peer.name;
}

}  // namespace

void Broker::begin_audit(const Peer& peer, const Frame& frame, wire::Kind kind) {
  auto described = describe_request(frame.body);
  if (described.reason.empty()) described.reason = peer.reason;
  audit_.begin(peer.routing, frame.header.request,
               {0, peer.principal->name, from_of(peer), act_of(kind), std::move(described.target),
                std::move(described.reason), ""});
}

void Broker::audit_own(std::string act, std::string target, std::string result) {
  audit_.add({0, std::string(audit_own_name), "", std::move(act), std::move(target), "", std::move(result)});
}

void Broker::audit_bulk(std::uint64_t number, std::string result) {
  const auto& bulk = engine_.ledger().bulks.at(number);
  audit_.add({0, bulk.order.by, "", "bulk_end",
              "bulk=" + std::to_string(number) + " done=" + std::to_string(bulk.done) +
                  " passed=" + std::to_string(bulk.passed),
              bulk.order.reason, std::move(result)});
}

void Broker::write_audit() {
  for (auto& [act, answer] : audit_.take()) {
    if (answer != AuditDesk::no_answer)
      act.result = result_of(std::string_view(outbox_.at(answer).frame).substr(wire::header_bytes));
    const bool refused = was_refused(act.result);
    if (act.result == "unanswered")
      ++page_.audit.unanswered;
    else
      ++(refused ? page_.audit.refused : page_.audit.done);
    if (refused && HH_MUTANT("refused_acts_unaudited")) continue;
    act.at = engine_.to_wall(engine_.now());
    engine_.audit(std::move(act));
  }
}

// --- reading it ---

struct Broker::AuditJob {
  std::string routing;
  std::uint64_t serial = 0, request = 0;
  bool newest_first = false;
  std::uint64_t from = 0;  // the index behind which, or before which, it goes on
  std::size_t limit = entries_default;
  std::string asker, who, act;
  bool own_only = false;
  std::int64_t since = 0;
  bool refused = false;  // only those

  engine::AuditTrail trail;
  std::vector<engine::AuditRecord> found;
  std::uint64_t cursor = 0;
  std::optional<Error> error;

  Status read(std::string_view body);
  void look(const store::View& view);
  bool wants(const AuditEntry& entry) const;
};

Status Broker::AuditJob::read(std::string_view body) {
  std::uint64_t most = limit;
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "after")
      from = r.uint();
    else if (key == "before")
      from = r.uint(), newest_first = true;
    else if (key == "limit")
      most = r.uint();
    else if (key == "who")
      who = r.str();
    else if (key == "act")
      act = r.str();
    else if (key == "since")
      since = r.sint();
    else if (key == "refused")
      refused = r.boolean();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a list of acts cannot be decoded", std::string(key));
  limit = static_cast<std::size_t>(std::clamp<std::uint64_t>(most, 1, limits::audit_page_max));
  return {};
}

bool Broker::AuditJob::wants(const AuditEntry& entry) const {
  if (own_only && entry.who != asker) return false;
  return (who.empty() || entry.who == who) && (act.empty() || entry.act == act) && entry.at >= since &&
         (!refused || was_refused(entry.result));
}

// On the reader's thread.
void Broker::AuditJob::look(const store::View& view) {
  const auto stored = view.get(store::Family::meta, engine::audit_key);
  if (!stored) error = stored.error();
  if (stored && *stored && !engine::decode_record(**stored, trail))
    error = Error{Code::corrupt, "the audit trail is malformed; verify the store", "audit", 0};
  if (error) return;
  std::size_t looked_at = 0, bytes = 0;
  const auto visit = [&](std::string_view key, std::string_view value) {
    const auto at = engine::number_of_record(key);
    engine::AuditRecord record;
    if (!engine::decode_record(value, record)) {
      error = Error{Code::corrupt,
                    "entry " + std::to_string(at) + " of the audit log cannot be decoded; verify the store",
                    "audit", 0};
      return false;
    }
    cursor = at;
    ++looked_at;
    if (wants(record.entry)) {
      bytes += value.size() + 128;
      found.push_back(std::move(record));
    }
    return found.size() < limit && looked_at < limits::audit_looked_at_max && bytes < limits::batch_bytes_max;
  };
  const auto end = newest_first && from != 0 ? from : trail.next;
  const auto begin = newest_first ? trail.first : std::max(from + 1, trail.first);
  if (begin < end) {
    const auto first = engine::record_key(engine::audit_tag, begin);
    const auto last = engine::record_key(engine::audit_tag, end);
    const auto done = newest_first ? view.scan_back(store::Family::records, first, last, visit)
                                   : view.scan(store::Family::records, first, last, visit);
    if (!done) error = done.error();
  }
  if (newest_first ? cursor <= trail.first : cursor + 1 >= trail.next) cursor = 0;
}

void Broker::audit_list(Peer& peer, const Frame& frame) {
  auto job = std::make_shared<AuditJob>();
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = frame.header.request;
  if (auto sound = job->read(frame.body); !sound) return refuse(peer, frame.header.request, sound.error());
  // Acts of others may tell of tenants that are none of its business.
  job->own_only = !peer.principal->tenants.all;
  job->asker = peer.principal->name;
  read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
    job->look(view);
    return [this, job] { answer_audit(*job); };
  });
}

void Broker::answer_audit(const AuditJob& job) {
  auto* peer = peer_at(job.routing, job.serial);
  if (peer == nullptr) return;
  if (job.error) return refuse(*peer, job.request, *job.error);
  msgpack::Writer w(answer(*peer, job.request));
  w.map(7);
  w.entry_uint("first", job.trail.first);
  w.entry_uint("next", job.trail.next);
  w.entry("anchor", hex_of(job.trail.anchor));
  w.entry("head", hex_of(job.trail.head));
  w.entry_uint("cursor", job.cursor);
  w.entry_bool("own_only", job.own_only);
  w.str("entries");
  w.array(job.found.size());
  for (const auto& [entry, before, link] : job.found) {
    w.map(9);
    w.entry_uint("index", entry.index);
    w.entry_sint("at", entry.at);
    w.entry("who", entry.who);
    w.entry("from", entry.from);
    w.entry("act", entry.act);
    w.entry("target", entry.target);
    w.entry("reason", entry.reason);
    w.entry("result", entry.result);
    w.entry("link", hex_of(link));
  }
}

}  // namespace hirehall::server
