// Limits, as they are asked for; and what a task is told that waits for one.
#include "broker/server/broker.h"
#include "broker/server/list_page.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/options.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

constexpr std::size_t gates_shown = 100;

struct LimitRequest {
  std::string name, after, reason;
  std::optional<Millis> until;
  std::uint64_t limit = 100;
  engine::LimitRule rule;
};

Status read_rates(msgpack::Reader& r, std::vector<engine::Rate>& rates) {
  rates.clear();
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto fields = r.array();
    auto units = r.sint();
    auto window = r.sint();
    for (std::size_t k = 2; k < fields && r.ok(); ++k) r.skip();
    if (!r.ok()) return {};
    if (fields < 2 || units < 1 || units > INT32_MAX)
      return fail(Code::invalid, "a rate is [units, window_ms], with 1 unit or more", "rates");
    rates.push_back({static_cast<std::uint32_t>(units), window});
  }
  return {};
}

Status read_limit(std::string_view body, LimitRequest& out) {
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    Status done;
    auto& rule = out.rule;
    if (key == "name")
      out.name = r.str();
    else if (key == "queue")
      rule.queue = r.str();
    else if (key == "type")
      rule.type = r.str();
    else if (key == "tenant")
      rule.tenant = r.str();
    else if (key == "key")
      rule.key = r.str();
    else if (key == "per")
      rule.per = r.str();
    else if (key == "concurrency") {
      auto value = r.sint();
      if (r.ok() && (value < 0 || value > engine::limit_max))
        return fail(Code::invalid,
                    "concurrency is " + std::to_string(value) + "; accepted: 0 (none) to " +
                        std::to_string(engine::limit_max),
                    "concurrency");
      rule.concurrency = static_cast<std::uint32_t>(value);
    } else if (key == "rates")
      done = read_rates(r, rule.rates);
    else if (key == "after")
      out.after = r.str();
    else if (key == "reason")
      out.reason = clip(r.str(), limits::error_bytes_max);
    else if (key == "until")
      out.until = r.sint();
    else if (key == "limit")
      out.limit = r.uint();
    else
      r.skip();
    if (!done) return done;
  }
  if (!r.finished())
    return fail(Code::bad_message, "'" + std::string(key) + "' has the wrong type", std::string(key));
  return {};
}

}  // namespace

void Broker::write_limit(msgpack::Writer& w, const std::string& name, const engine::Limit& limit,
                         std::size_t gates) const {
  const auto& ledger = engine_.ledger();
  const auto now = engine_.now();
  std::uint64_t budgets = 0, running = 0, waiting = 0;
  std::vector<const engine::Gate*> used;
  const auto prefix = engine::limit_gate_key(name, {});
  for (auto at = ledger.gates.lower_bound(prefix); at != ledger.gates.end() && at->first.starts_with(prefix);
       ++at) {
    const auto& gate = *at->second;
    ++budgets;
    running += gate.running;
    for (const auto& [shelf, lines] : gate.waiting) waiting += lines.size();
    if (!gate.idle(now)) used.push_back(&gate);
  }
  // The fullest first.
  std::ranges::stable_sort(used, std::less<>(), [&](const auto* gate) { return gate->room(now); });
  if (used.size() > gates) used.resize(gates);
  const auto& rule = limit.rule;
  const bool paused = limit.paused_until > now;
  w.map(16);
  w.entry("name", name);
  w.entry("queue", rule.queue);
  w.entry("type", rule.type);
  w.entry("tenant", rule.tenant);
  w.entry("key", rule.key);
  w.entry("per", rule.per);
  w.entry_uint("concurrency", rule.concurrency);
  w.str("rates");
  w.array(rule.rates.size());
  for (const auto& rate : rule.rates) w.array(2), w.uint(rate.units), w.sint(rate.window_ms);
  w.entry_bool("paused", paused);
  w.entry_sint("paused_until", !paused ? 0
                               : limit.paused_until == engine::until_resumed
                                   ? -1
                                   : engine_.to_wall(limit.paused_until));
  w.entry("paused_reason", paused ? limit.pause_reason : std::string());
  w.entry("set_by", limit.by);
  w.entry_uint("budgets", budgets);
  w.entry_uint("running", running);
  w.entry_uint("waiting", waiting);
  w.str("used");
  w.array(used.size());
  for (const auto* gate : used) {
    w.map(gate->windows.empty() ? 3 : 4);
    w.entry("of", gate->value);
    w.entry_uint("running", gate->running);
    w.entry_bool("holds", !gate->waiting.empty());
    if (gate->windows.empty()) continue;
    w.str("rates");
    w.array(gate->windows.size());
    for (const auto& window : gate->windows) w.uint(window.used(now));
  }
}

void Broker::limit_set(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  LimitRequest asked;
  if (auto read = read_limit(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (auto at = engine_.ledger().limits.find(asked.name); at != engine_.ledger().limits.end()) {
    asked.rule = at->second.rule;
    if (auto read = read_limit(frame.body, asked); !read) return refuse(peer, request, read.error());
  }
  if (auto done = engine_.set_limit(asked.name, asked.rule, peer.principal->name); !done)
    return refuse(peer, request, done.error());
  log::info("limit set", {{"limit", asked.name}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  write_limit(w, asked.name, engine_.ledger().limits.at(asked.name), gates_shown);
}

void Broker::limit_list(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  LimitRequest asked;
  if (auto read = read_limit(frame.body, asked); !read) return refuse(peer, request, read.error());
  const auto& all = engine_.ledger().limits;
  std::string body;
  msgpack::Writer w(body);
  std::uint64_t count = 0;
  auto at = all.upper_bound(asked.after);
  for (; at != all.end() && body.size() < limits::batch_bytes_max; ++at, ++count)
    write_limit(w, at->first, at->second, 0);
  write_page(answer(peer, request), "limits", count, body, at != all.end());
}

// show, delete, pause.
void Broker::limit_steer(Peer& peer, const Frame& frame) {
  const auto kind = static_cast<wire::Kind>(frame.header.kind);
  auto request = frame.header.request;
  LimitRequest asked;
  if (auto read = read_limit(frame.body, asked); !read) return refuse(peer, request, read.error());
  Status done;
  if (kind == wire::Kind::limit_delete) {
    done = engine_.delete_limit(asked.name);
  } else if (kind == wire::Kind::limit_pause) {
    const auto wall = asked.until.value_or(-1);
    const auto until = wall < 0 ? engine::until_resumed : wall == 0 ? 0 : engine_.from_wall(wall);
    done = engine_.hold_limit(asked.name, until, until == 0 ? std::string() : asked.reason);
  } else if (!engine_.ledger().limits.contains(asked.name)) {
    done = fail(Code::not_found, "no limit is called " + asked.name + "; `hirehall limit list` shows them",
                "name");
  }
  if (!done) return refuse(peer, request, done.error());
  if (kind != wire::Kind::limit_show)
    log::info(kind == wire::Kind::limit_delete ? "limit deleted"
              : asked.until == 0               ? "limit resumed"
                                               : "limit paused",
              {{"limit", asked.name}, {"by", peer.principal->name}, {"reason", asked.reason}});
  msgpack::Writer w(answer(peer, request));
  if (kind == wire::Kind::limit_delete) return w.map(0);
  write_limit(w, asked.name, engine_.ledger().limits.at(asked.name), gates_shown);
}

}  // namespace hirehall::server
