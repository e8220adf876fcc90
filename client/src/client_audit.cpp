// The audit log, page by page.
#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/pairs.h"
#include "common/wire.h"

namespace hirehall::client {
namespace {

AuditEntry read_entry(msgpack::Reader& r) {
  AuditEntry e;
  each_pair_of(r, [&](Pair& p) {
    return p.count("index", e.index) || p.number("at", e.at) || p.text("who", e.who) ||
           p.text("from", e.from) || p.text("act", e.act) || p.text("target", e.target) ||
           p.text("reason", e.reason) || p.text("result", e.result) || p.text("link", e.link);
  });
  return e;
}

}  // namespace

Result<AuditPage> Client::audit(const AuditQuery& query) {
  Body b;
  b.number(query.newest_first ? "before" : "after", static_cast<std::int64_t>(query.cursor));
  b.number("limit", static_cast<std::int64_t>(query.limit));
  b.text("who", query.who);
  b.text("act", query.act);
  if (query.since != 0) b.number("since", query.since);
  b.boolean("refused", query.refused);
  auto body = inner_->call(wire::Kind::audit_list, b.take());
  if (!body) return tl::unexpected(body.error());
  AuditPage page;
  msgpack::Reader r(*body);
  each_pair_of(r, [&](Pair& p) {
    if (p.count("cursor", page.cursor) || p.count("first", page.first) || p.count("next", page.next) ||
        p.text("anchor", page.anchor) || p.text("head", page.head) || p.boolean("own_only", page.own_only))
      return true;
    if (!p.is("entries")) return false;
    each_item_of(r, [&] { page.entries.push_back(read_entry(r)); });
    return true;
  });
  if (!r.ok()) return malformed("audit_list");
  return page;
}

}  // namespace hirehall::client
