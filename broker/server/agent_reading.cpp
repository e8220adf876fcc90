#include "broker/server/agent_reading.h"

#include <algorithm>
#include <optional>

#include "broker/server/price_reading.h"
#include "common/limits.h"
#include "scheduler/guard.h"

namespace hirehall::server {
namespace {

void read_strings(msgpack::Reader& r, std::vector<std::string>& out) {
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) out.emplace_back(r.str());
}

scheduler::BreakerSettings read_breaker(msgpack::Reader& r) {
  auto settings = scheduler::agent_breaker;
  const auto count = [&] {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(r.sint(), 0, UINT32_MAX));
  };
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "failures")
      settings.failures = count();
    else if (key == "open_ms")
      settings.open_ms = r.sint();
    else if (key == "probes")
      settings.probes = count();
    else
      r.skip();
  }
  return settings;
}

}  // namespace

void read_map(msgpack::Reader& r, StringMap& out) {
  auto n = r.map();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto key = r.str();
    out.insert_or_assign(std::string(key),
                         r.peek() == msgpack::Kind::str ? std::string(r.str()) : std::to_string(r.sint()));
  }
}

Status read_agent(msgpack::Reader& r, scheduler::AgentSpec& agent) {
  std::optional<scheduler::Guard> guard;
  const auto guarded = [&]() -> scheduler::Guard& { return guard ? *guard : guard.emplace(); };
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "name")
      agent.name = r.str();
    else if (key == "version")
      agent.version = r.str();
    else if (key == "digest")
      agent.digest = r.str();
    else if (key == "types")
      read_strings(r, agent.types);
    else if (key == "capabilities")
      read_strings(r, agent.capabilities);
    else if (key == "tools")
      read_strings(r, agent.tools);
    else if (key == "labels")
      read_map(r, agent.labels);
    else if (key == "tier")
      agent.tier = r.sint();
    else if (key == "bids")
      agent.bids = r.boolean();
    else if (key == "max_instances")
      agent.max_instances = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), limits::credit_max));
    else if (key == "price") {
      auto price = read_price(r, agent.name);
      if (!price) return tl::unexpected(price.error());
      agent.price = *price;
    } else if (key == "breaker") {
      if (!r.skip_nil()) guarded().breaker = read_breaker(r);
    } else if (key == "fallbacks")
      read_strings(r, guarded().fallbacks);
    else if (key == "services")
      read_strings(r, guarded().services);
    else
      r.skip();
  }
  if (!guard || !r.ok()) return {};
  if (auto sound = check(*guard, agent.name); !sound) {
    sound.error().message = "agent " + agent.name + ": " + sound.error().message;
    return sound;
  }
  if (guard->breaker || !guard->services.empty())
    agent.guard = std::make_shared<const scheduler::Guard>(std::move(*guard));
  return {};
}

}  // namespace hirehall::server
