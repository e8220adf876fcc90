// Breakers, as they are asked for, opened and closed by hand; and what a page of metrics says of them.
#include "broker/server/broker.h"
#include "broker/server/list_page.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

using engine::BreakerOf;
using scheduler::BreakerState;

constexpr Millis trip_ms_max = Millis{31} * 24 * 3600 * 1000;

struct BreakerRequest {
  std::string name, kind, after, reason;
  Millis for_ms = 0;
};

Status read_breaker(std::string_view body, BreakerRequest& out) {
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "name")
      out.name = r.str();
    else if (key == "kind")
      out.kind = r.str();
    else if (key == "after")
      out.after = r.str();
    else if (key == "reason")
      out.reason = clip(r.str(), limits::error_bytes_max);
    else if (key == "for_ms")
      out.for_ms = r.sint();
    else
      r.skip();
  }
  if (!r.finished())
    return fail(Code::bad_message, "'" + std::string(key) + "' has the wrong type", std::string(key));
  if (!out.kind.empty() && out.kind != "agent" && out.kind != "service")
    return fail(Code::invalid, "kind is '" + out.kind + "'; accepted: agent, service", "kind");
  if (out.for_ms < 0 || out.for_ms > trip_ms_max)
    return fail(Code::invalid,
                "for_ms is " + std::to_string(out.for_ms) + "; accepted: 0 (its own time) to 31 days",
                "for_ms");
  return {};
}

// Without a kind: an agent of that name, or else a service.
BreakerOf kind_of(const BreakerRequest& asked, const engine::Breakers& breakers) {
  if (asked.kind.empty())
    return breakers.rows(BreakerOf::agent).contains(asked.name) ||
                   !breakers.rows(BreakerOf::service).contains(asked.name)
               ? BreakerOf::agent
               : BreakerOf::service;
  return asked.kind == "agent" ? BreakerOf::agent : BreakerOf::service;
}

// Where a page ended: agents come first.
std::string place_of(BreakerOf of, const std::string& name) {
  return std::string(name_of(of)) + "/" + name;
}

std::string_view shown_state(const engine::BreakerRow& row, Millis now) {
  const auto state = row.state(now);
  return state == BreakerState::closed && row.breaker.paused_until() > now ? "paused" : name_of(state);
}

using UsersOf = std::map<const engine::BreakerRow*, std::vector<std::string_view>>;  // agents, of services

UsersOf users_of_services(const engine::Breakers& breakers) {
  UsersOf out;
  for (const auto& [agent, guarded] : breakers.all_guarded())
    for (const auto& [service, row] : guarded.services) out[row].push_back(agent);
  return out;
}

// Errors are of tasks of any tenant: who may see some only is told the rest.
void write_row(msgpack::Writer& w, const engine::Engine& engine, BreakerOf of, const std::string& name,
               const UsersOf& users, bool with_error) {
  const auto& breakers = engine.breakers();
  const auto& row = breakers.rows(of).at(name);
  const auto now = engine.now();
  const auto until = row.breaker.admits_at(now);
  const auto agents = users.find(&row);
  const auto* own = of == BreakerOf::agent ? breakers.guarded(name) : nullptr;
  w.map(16);
  w.entry("name", name);
  w.entry("kind", name_of(of));
  w.entry("state", shown_state(row, now));
  w.entry_sint("until", until > now ? engine.to_wall(until) : 0);
  w.entry_uint("failures", row.breaker.failures());
  w.entry_uint("failures_to_open", row.breaker.settings().failures);
  w.entry_sint("open_ms", row.breaker.settings().open_ms);
  w.entry_uint("probes", row.breaker.settings().probes);
  w.entry_uint("probing", row.breaker.probing());
  w.entry_uint("proven", row.breaker.proven());
  w.entry_uint("opened", row.opened);
  w.entry_sint("since", row.since == 0 ? 0 : engine.to_wall(row.since));
  w.entry("error", with_error ? row.error : std::string());
  const auto write_names = [&](std::string_view key, const auto& names) {
    w.str(key);
    w.array(names.size());
    for (const auto& one : names) w.str(one);
  };
  write_names("fallbacks", own != nullptr ? own->fallbacks : std::vector<std::string>{});
  std::vector<std::string> services;
  if (own != nullptr)
    for (const auto& service : own->services) services.push_back(service.first);
  write_names("services", services);
  write_names("agents", agents == users.end() ? std::vector<std::string_view>{} : agents->second);
}

}  // namespace

// list, show, reset, trip.
void Broker::breaker(Peer& peer, const Frame& frame) {
  const auto kind = static_cast<wire::Kind>(frame.header.kind);
  const auto request = frame.header.request;
  const auto& breakers = engine_.breakers();
  BreakerRequest asked;
  if (auto read = read_breaker(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (kind == wire::Kind::breaker_list) {
    std::string rows;
    msgpack::Writer w(rows);
    std::uint64_t count = 0;
    bool more = false;
    const auto users = users_of_services(breakers);
    for (const auto of : {BreakerOf::agent, BreakerOf::service})
      for (const auto& [name, row] : breakers.rows(of)) {
        if (place_of(of, name) <= asked.after) continue;
        more = rows.size() >= limits::batch_bytes_max;
        if (more) break;
        write_row(w, engine_, of, name, users, peer.principal->tenants.all);
        ++count;
      }
    return write_page(answer(peer, request), "breakers", count, rows, more);
  }
  const auto of = kind_of(asked, breakers);
  Status done;
  if (kind == wire::Kind::breaker_reset)
    done = engine_.reset_breaker(of, asked.name);
  else if (kind == wire::Kind::breaker_trip)
    done = engine_.trip_breaker(of, asked.name, asked.for_ms, asked.reason);
  else if (!breakers.rows(of).contains(asked.name))
    done = engine::no_breaker(of, asked.name);
  if (!done) return refuse(peer, request, done.error());
  if (kind != wire::Kind::breaker_show)
    log::info(
        kind == wire::Kind::breaker_reset ? "breaker closed by hand" : "breaker opened by hand",
        {{"of", name_of(of)}, {"name", asked.name}, {"by", peer.principal->name}, {"reason", asked.reason}});
  msgpack::Writer w(answer(peer, request));
  write_row(w, engine_, of, asked.name, users_of_services(breakers), peer.principal->tenants.all);
}

void Broker::fill_breakers() {
  page_.breakers.clear();
  const auto now = engine_.now();
  for (const auto of : {BreakerOf::agent, BreakerOf::service})
    for (const auto& [name, row] : engine_.breakers().rows(of)) {
      if (page_.breakers.size() == breakers_shown_max) return;
      const bool paused = row.state(now) == BreakerState::closed && row.breaker.paused_until() > now;
      page_.breakers.push_back({std::string(name_of(of)), name,
                                paused ? std::uint8_t{3} : static_cast<std::uint8_t>(row.state(now)),
                                row.opened});
    }
}

}  // namespace hirehall::server
