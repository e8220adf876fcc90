// Usage and budgets, and how they travel.
#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/pages.h"
#include "client/src/pairs.h"

namespace hirehall::client {
namespace {

using msgpack::Reader;
using msgpack::Writer;

UsageRow read_row(Reader& r) {
  UsageRow row;
  each_pair_of(r, [&](Pair& p) {
    if (p.text("day", row.day) || p.text("tenant", row.tenant) || p.text("queue", row.queue) ||
        p.text("agent", row.agent) || p.count("attempts", row.attempts))
      return true;
    if (!p.is("usage")) return false;
    read_numbers(r, {}, row.usage);
    return true;
  });
  return row;
}

BudgetInfo read_budget(Reader& r) {
  BudgetInfo b;
  each_pair_of(r, [&](Pair& p) {
    return p.text("name", b.name) || p.text("tenant", b.tenant) || p.text("queue", b.queue) ||
           p.text("unit", b.unit) || p.text("period", b.period) || p.real("hard", b.hard) ||
           p.real("soft", b.soft) || p.real("used", b.used) || p.text("state", b.state) ||
           p.count("waiting", b.waiting) || p.number("until", b.until);
  });
  return b;
}

}  // namespace

Result<UsageReport> Client::usage(const UsageQuery& query) {
  Body b;
  std::string by;
  Writer w(by);
  w.array(query.by.size());
  for (const auto& word : query.by) w.str(word);
  b.raw("by", by);
  b.text("tenant", query.tenant);
  b.text("queue", query.queue);
  b.text("agent", query.agent);
  if (query.since != 0) b.number("since", query.since);
  if (query.until != 0) b.number("until", query.until);
  auto body = inner_->call(wire::Kind::usage, b.take());
  if (!body) return tl::unexpected(body.error());
  UsageReport report;
  if (!read_page(*body, "usage", read_row, report.rows, report.more)) return malformed("usage");
  return report;
}

Result<BudgetInfo> Client::budget_set(std::string_view name, const BudgetChange& change) {
  Body b;
  b.text("name", name);
  std::string encoded;
  Writer w(encoded);
  for (const auto& [key, text] : {std::pair{"tenant", &change.tenant},
                                  {"queue", &change.queue},
                                  {"unit", &change.unit},
                                  {"period", &change.period}}) {
    if (!*text) continue;
    encoded.clear();
    w.str(**text);  // also an empty one: it takes the condition away
    b.raw(key, encoded);
  }
  b.real("hard", change.hard);
  b.real("soft", change.soft);
  auto body = inner_->call(wire::Kind::budget_set, b.take());
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto budget = read_budget(r);
  if (!r.ok()) return malformed("budget_set");
  return budget;
}

Result<std::vector<BudgetInfo>> Client::budgets() {
  return all_pages(*inner_, wire::Kind::budget_list, "budgets", read_budget);
}

Status Client::budget_delete(std::string_view name) {
  Body b;
  b.text("name", name);
  auto done = inner_->call(wire::Kind::budget_delete, b.take());
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace hirehall::client
