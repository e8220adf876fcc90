#include "broker/server/deadline_outlook.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace hirehall::server {
namespace {

constexpr double longest_ms = 1e13;

// Who does the type now: their slots, and the fastest of their agents.
struct Doers {
  std::uint64_t slots = 0;
  double p50_ms = 0, p90_ms = 0;  // of this task; 0: not known
  double other_p50_ms = 0;        // of those before it
};

Doers doers_of(const engine::Engine& engine, const scheduler::Prediction& learned, const Dated& task) {
  Doers out;
  const auto type = task.type;
  const auto features = scheduler::Features::of(task.features);
  std::set<std::string_view> seen;
  for (const auto& [number, session] : engine.sessions()) {
    if (!session.takes_work()) continue;
    bool does = false;
    for (const auto& agent : session.spec.agents) {
      if (std::ranges::find(agent.types, type) == agent.types.end()) continue;
      does = true;
      if (!seen.insert(agent.name).second) continue;
      const auto other = learned.forecast(agent.name, type).duration;
      const auto belief = features.empty() ? other : learned.forecast(agent.name, type, &features).duration;
      if (belief.outcomes <= 0 || (out.p50_ms > 0 && belief.p50_ms >= out.p50_ms)) continue;
      out.other_p50_ms = other.p50_ms;
      out.p50_ms = belief.p50_ms;
      out.p90_ms = belief.p90_ms;
    }
    if (does) out.slots += session.spec.slots;
  }
  return out;
}

}  // namespace

std::string_view name_of(Outlook outlook) {
  switch (outlook) {
    case Outlook::likely:
      return "likely";
    case Outlook::doubtful:
      return "doubtful";
    case Outlook::unlikely:
      return "unlikely";
    case Outlook::unknown:
      break;
  }
  return "unknown";
}

DeadlineOutlook outlook_of(const engine::Engine& engine, const scheduler::Prediction& learned,
                           const Dated& task) {
  DeadlineOutlook out;
  out.left_ms = std::max<Millis>(0, task.deadline - engine.now());
  const auto doers = doers_of(engine, learned, task);
  if (doers.slots == 0 || doers.p50_ms <= 0) return out;
  const auto until = static_cast<double>(task.begins - engine.now());
  const auto queued = static_cast<double>(task.ahead) * doers.other_p50_ms / static_cast<double>(doers.slots);
  const auto whole = [](double ms) { return std::llround(std::clamp(ms, 0.0, longest_ms)); };
  out.p50_ms = whole(until + queued + doers.p50_ms);
  out.p90_ms = whole(until + queued + doers.p90_ms);
  out.outlook = out.p90_ms <= out.left_ms   ? Outlook::likely
                : out.p50_ms <= out.left_ms ? Outlook::doubtful
                                            : Outlook::unlikely;
  return out;
}

void write_outlook(msgpack::Writer& w, const DeadlineOutlook& outlook, std::int64_t deadline) {
  const bool known = outlook.outlook != Outlook::unknown;
  w.map(known ? 5 : 3);
  w.entry_sint("at", deadline);
  w.entry("outlook", name_of(outlook.outlook));
  w.entry_sint("left_ms", outlook.left_ms);
  if (!known) return;
  w.entry_sint("p50_ms", outlook.p50_ms);
  w.entry_sint("p90_ms", outlook.p90_ms);
}

}  // namespace hirehall::server
