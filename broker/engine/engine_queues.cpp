// Queues: their settings, and the file that says what they should be.
#include <set>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"

namespace hirehall::engine {

Result<std::uint32_t> Engine::set_queue(std::string_view name, const QueueSettings& settings) {
  auto at = ledger_.queue_by_name.find(name);
  auto number =
      at == ledger_.queue_by_name.end() ? static_cast<std::uint32_t>(ledger_.queues.size()) : at->second;
  if (number >= limits::queues_max)
    return fail(Code::busy, "there are " + std::to_string(limits::queues_max) + " queues already",
                std::string(name));
  const bool fresh = number == ledger_.queues.size();
  QueueSet fact{number, std::string(name), settings};
  record(fact);
  if (fresh)
    for (auto& [worker, session] : sessions_)
      if (session.connected && session.queues) connect(worker, session);
  tell_policy(number);
  if (!fresh) tell_weights(number);
  return number;
}

// Lanes that the dispatcher knows already; of the others it is told when they come.
void Engine::tell_weights(std::uint32_t queue) {
  const auto& tenants = ledger_.queues[queue].settings.tenants;
  for (std::uint32_t lane = 0; lane < known_lanes_; ++lane) {
    if (ledger_.lanes[lane].queue != queue) continue;
    auto at = tenants.find(ledger_.lanes[lane].tenant);
    dispatcher_.define_lane(lane, queue, at == tenants.end() ? 1 : at->second);
  }
}

// A value goes where the file wants it, unless somebody else has moved it from where the file, or nobody, had
// put it. What the file no longer says goes back to its default under the same condition.
Status Engine::adopt_queue(std::string_view name, const QueueValues& wanted, bool force,
                           std::vector<QueueChange>& changes) {
  auto at = ledger_.queue_by_name.find(name);
  QueueSettings settings;
  QueueValues filed;
  if (at != ledger_.queue_by_name.end()) {
    settings = ledger_.queues[at->second].settings;
    filed = ledger_.queues[at->second].filed;
  }
  std::set<std::string, std::less<>> names;
  for (const QueueValues* values : std::initializer_list<const QueueValues*>{&wanted, &filed})
    for (const auto& [value_name, value] : *values) names.insert(value_name);
  auto before = settings;
  auto look_up = [](const QueueValues& values, const std::string& value_name) {
    auto found = values.find(value_name);
    return found == values.end() ? queue_value({}, value_name) : std::optional(found->second);
  };
  for (const auto& value_name : names) {
    auto now = queue_value(settings, value_name);
    auto target = look_up(wanted, value_name);
    if (now == target) continue;
    const bool by_hand = now != look_up(filed, value_name);
    changes.push_back({std::string(name), value_name, now, target, by_hand && !force});
    if (!by_hand || force) set_queue_value(settings, value_name, target);
  }
  if (at == ledger_.queue_by_name.end() || settings != before)
    if (auto done = set_queue(name, settings); !done) return tl::unexpected<Error>(done.error());
  if (filed == wanted) return {};
  QueueFiled fact{ledger_.queue_by_name.find(name)->second, wanted};
  record(fact);
  return {};
}

Result<std::vector<QueueChange>> Engine::adopt_queues(const std::map<std::string, QueueValues>& file,
                                                      bool force) {
  std::vector<QueueChange> changes;
  for (const auto& [name, wanted] : file)
    if (auto done = adopt_queue(name, wanted, force, changes); !done)
      return tl::unexpected<Error>(done.error());
  std::vector<std::string> left_out;
  for (const auto& queue : ledger_.queues)
    if (!queue.filed.empty() && !file.contains(queue.name)) left_out.push_back(queue.name);
  for (const auto& name : left_out)
    if (auto done = adopt_queue(name, {}, force, changes); !done) return tl::unexpected<Error>(done.error());
  return changes;
}

}  // namespace hirehall::engine
