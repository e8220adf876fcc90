// hirehall check: the broker is asked, and the answer has the form that monitoring reads.
#include <ostream>

#include "client/cli/command.h"
#include "client/cli/health.h"
#include "client/src/body.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

HealthLimits limits_of(const OptionValues& v) {
  return {v.number("oldest-warning"), v.number("oldest-critical"), v.number("dead-warning"),
          v.number("dead-critical"),  v.number("workers"),         v.number("backup-warning"),
          v.number("backup-critical")};
}

client::Result<std::vector<Finding>> examine(Context& c) {
  auto before = wall_now_ms();
  auto ask = [&](wire::Kind kind) { return c.ask(static_cast<std::uint16_t>(kind), client::Body().take()); };
  auto stats = ask(wire::Kind::stats);
  if (!stats) return tl::unexpected(stats.error());
  auto answered = wall_now_ms() - before;
  auto queues = ask(wire::Kind::queue_list);
  if (!queues) return tl::unexpected(queues.error());
  auto workers = ask(wire::Kind::worker_list);
  if (!workers) return tl::unexpected(workers.error());
  auto breakers = all_breakers(c);
  if (!breakers && breakers.error().code != client::ErrorCode::unsupported)
    return tl::unexpected(breakers.error());
  return findings(*stats, queues->items("queues"), workers->items("workers"), answered, limits_of(c.values()),
                  breakers ? *breakers : std::vector<Document>{});
}

int tell(Context& c, const std::vector<Finding>& all) {
  const auto& form = c.values().text("output");
  if (form == "nagios") {
    c.out() << health_nagios(all);
  } else if (form == "prometheus") {
    c.out() << health_prometheus(all);
  } else if (c.format() != Format::text) {
    c.show(health_document(all));
  } else {
    std::vector<Document> rows;
    for (const auto& f : all)
      rows.emplace_back().set("check", f.check).set("status", name_of(f.verdict)).set("message", f.message);
    c.show(rows, "check,status,message");
  }
  return static_cast<int>(worst_of(all));
}

}  // namespace

void declare_check(OptionTable& t) {
  t.duration("oldest-warning", 300'000, {0, INT64_C(86'400'000) * 366},
             "warn when a ready task of a queue that is not paused has waited longer; 0: never");
  t.duration("oldest-critical", 3'600'000, {0, INT64_C(86'400'000) * 366},
             "critical when it has waited longer; 0: never");
  t.number("dead-warning", 1'000, {0, INT64_MAX}, "warn over so many dead letters; 0: never");
  t.number("dead-critical", 0, {0, INT64_MAX}, "critical over so many dead letters; 0: never");
  t.duration("backup-warning", INT64_C(86'400'000) * 2, {0, INT64_C(86'400'000) * 366},
             "warn when the newest backup of a broker that keeps some is older; 0: never");
  t.duration("backup-critical", 0, {0, INT64_C(86'400'000) * 366}, "critical when it is older; 0: never");
  t.number("workers", 1, {0, 1'000'000},
           "workers that must be there and not drain; fewer: a warning, none: critical");
}

int check(Context& c) {
  auto all = examine(c);
  if (all) return tell(c, *all);
  auto why = all.error().message + (all.error().context.empty() ? "" : " (" + all.error().context + ")");
  bool silent =
      all.error().code == client::ErrorCode::unreachable || all.error().code == client::ErrorCode::timeout;
  Finding f = found_unreachable(why);
  if (!silent) f.verdict = Verdict::unknown;
  return tell(c, {f});
}

}  // namespace hirehall::cli
