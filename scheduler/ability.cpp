#include "scheduler/ability.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace hirehall::scheduler {

namespace {

bool holds(const std::vector<std::string>& sorted, std::string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word, std::less<>{});
}

bool holds_all(const std::vector<std::string>& sorted, const std::vector<std::string>& words) {
  return std::all_of(words.begin(), words.end(), [&](const auto& word) { return holds(sorted, word); });
}

bool has_label(const StringMap& labels, const StringMap::value_type& label) {
  const auto found = labels.find(label.first);
  return found != labels.end() && found->second == label.second;
}

bool has_label(const AgentSpec& agent, const WorkerSpec& worker, const StringMap::value_type& label) {
  return has_label(agent.labels, label) || has_label(worker.labels, label);
}

bool has_resource(const WorkerSpec& worker, const StringMap::value_type& resource) {
  const auto found = worker.resources.find(resource.first);
  if (found == worker.resources.end()) return false;
  const auto offered = parse_amount(found->second);
  const auto required = parse_amount(resource.second);
  return offered && required && *offered >= *required;
}

bool has_resources(const WorkerSpec& worker, const StringMap& required) {
  return std::all_of(required.begin(), required.end(),
                     [&](const auto& r) { return has_resource(worker, r); });
}

bool high_enough(const AgentSpec& agent, std::int64_t tier) {
  return tier == 0 || agent.tier >= tier;
}

bool may_serve(const WorkerSpec& worker, const Need& need) {
  return !worker.queues || std::binary_search(worker.queues->begin(), worker.queues->end(), need.queue);
}

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

StringMap only(const StringMap& all, const std::set<std::string, std::less<>>& keys) {
  StringMap kept;
  for (const auto& [key, value] : all)
    if (keys.contains(key)) kept.emplace(key, value);
  return kept;
}

// Lengths stand before texts, so no choice of words can look like another one.
void put(std::string& out, std::string_view text) {
  out += std::to_string(text.size()) + ':' + std::string(text);
}
void put(std::string& out, const std::vector<std::string>& words) {
  out += std::to_string(words.size()) + '[';
  for (const auto& word : words) put(out, word);
}
void put(std::string& out, const StringMap& map) {
  out += std::to_string(map.size()) + '{';
  for (const auto& [key, value] : map) put(out, key), put(out, value);
}

}  // namespace

bool can_do(const AgentSpec& agent, const WorkerSpec& worker, const Need& need) {
  const auto& required = need.requirements;
  return holds(agent.types, need.type) && holds_all(agent.capabilities, required.capabilities) &&
         holds_all(agent.tools, required.tools) && high_enough(agent, required.tier) &&
         std::all_of(required.labels.begin(), required.labels.end(),
                     [&](const auto& label) { return has_label(agent, worker, label); });
}

std::uint32_t labels_of(const AgentSpec& agent, const WorkerSpec& worker, const StringMap& wanted) {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(wanted, [&](const auto& label) { return has_label(agent, worker, label); }));
}

RelevantKeys RelevantKeys::add(const Need& need) {
  RelevantKeys fresh;
  for (const auto* wanted : {&need.requirements.labels, &need.preferred})
    for (const auto& label : *wanted)
      if (labels.insert(label.first).second) fresh.labels.insert(label.first);
  for (const auto& resource : need.requirements.resources)
    if (resources.insert(resource.first).second) fresh.resources.insert(resource.first);
  return fresh;
}

bool RelevantKeys::mentioned_by(const WorkerSpec& spec) const {
  const auto in = [](const auto& keys, const StringMap& map) {
    return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return map.contains(key); });
  };
  return in(labels, spec.labels) || in(resources, spec.resources) ||
         std::any_of(spec.agents.begin(), spec.agents.end(),
                     [&](const auto& agent) { return in(labels, agent.labels); });
}

WorkerSpec abilities_of(const WorkerSpec& spec, const RelevantKeys& relevant) {
  WorkerSpec abilities;
  for (const auto& agent : spec.agents)
    abilities.agents.push_back({.name = {},
                                .version = {},
                                .digest = {},
                                .types = sorted(agent.types),
                                .capabilities = sorted(agent.capabilities),
                                .tools = sorted(agent.tools),
                                .labels = only(agent.labels, relevant.labels),
                                .tier = agent.tier});
  abilities.labels = only(spec.labels, relevant.labels);
  abilities.resources = only(spec.resources, relevant.resources);
  abilities.queues = spec.queues;
  if (abilities.queues) std::sort(abilities.queues->begin(), abilities.queues->end());
  return abilities;
}

std::string signature_of(const WorkerSpec& abilities) {
  std::string out;
  for (const auto& agent : abilities.agents) {
    put(out, agent.types);
    put(out, agent.capabilities);
    put(out, agent.tools);
    put(out, agent.labels);
    put(out, std::to_string(agent.tier));
  }
  put(out, abilities.labels);
  put(out, abilities.resources);
  if (!abilities.queues) return out;
  out += "queues";
  for (const auto queue : *abilities.queues) put(out, std::to_string(queue));
  return out;
}

std::optional<std::uint16_t> agent_for(const Need& need, const WorkerSpec& abilities) {
  if (need.type.empty() || !may_serve(abilities, need)) return std::nullopt;
  const auto& agents = abilities.agents;
  const auto found = std::find_if(agents.begin(), agents.end(),
                                  [&](const auto& agent) { return can_do(agent, abilities, need); });
  if (found == agents.end() || !has_resources(abilities, need.requirements.resources)) return std::nullopt;
  return static_cast<std::uint16_t>(found - agents.begin());
}

bool could_do(const AgentSpec& agent, const WorkerSpec& worker, const std::string& type,
              const Requirements& requirements) {
  auto same = agent;
  for (auto* words : {&same.types, &same.capabilities, &same.tools}) *words = sorted(std::move(*words));
  return can_do(same, worker, {type, requirements}) && has_resources(worker, requirements.resources);
}

std::vector<std::string> missing_among(const Need& need, const std::vector<const WorkerSpec*>& fleet) {
  if (need.type.empty()) return {"a type: tasks found by their description are awarded to nobody yet"};
  if (fleet.empty()) return {"a connected worker"};
  if (std::none_of(fleet.begin(), fleet.end(), [&](const auto* w) { return may_serve(*w, need); }))
    return {"the right to serve its queue"};
  struct Seen {
    const AgentSpec* agent;
    const WorkerSpec* worker;
  };
  std::vector<Seen> capable;
  for (const auto* worker : fleet)
    for (const auto& agent : worker->agents)
      if (may_serve(*worker, need) && holds(agent.types, need.type)) capable.push_back({&agent, worker});
  if (capable.empty()) return {"type " + need.type};

  std::vector<std::string> words;
  const auto look_for = [&](std::string what, auto&& met) {
    if (std::none_of(capable.begin(), capable.end(), met)) words.push_back(std::move(what));
  };
  const auto& required = need.requirements;
  for (const auto& word : required.capabilities)
    look_for("capability " + word, [&](const Seen& s) { return holds(s.agent->capabilities, word); });
  for (const auto& word : required.tools)
    look_for("tool " + word, [&](const Seen& s) { return holds(s.agent->tools, word); });
  for (const auto& label : required.labels)
    look_for("label " + label.first + "=" + label.second,
             [&](const Seen& s) { return has_label(*s.agent, *s.worker, label); });
  look_for("tier " + std::to_string(required.tier) + " or higher",
           [&](const Seen& s) { return high_enough(*s.agent, required.tier); });
  for (const auto& resource : required.resources) {
    const bool readable = parse_amount(resource.second).has_value();
    look_for("resource " + resource.first + " " + resource.second + (readable ? "" : " (not a whole amount)"),
             [&](const Seen& s) { return has_resource(*s.worker, resource); });
  }
  if (words.empty()) words.emplace_back("all that it requires in one agent for type " + need.type);
  return words;
}

std::optional<std::int64_t> parse_amount(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 9> units{
      {{"", 1},
       {"k", 1000},
       {"M", 1000000},
       {"G", 1000000000},
       {"T", 1000000000000},
       {"Ki", std::int64_t{1} << 10},
       {"Mi", std::int64_t{1} << 20},
       {"Gi", std::int64_t{1} << 30},
       {"Ti", std::int64_t{1} << 40}}};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [unit, factor] : units) {
    if (unit != rest) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / factor) return std::nullopt;
    return number * factor;
  }
  return std::nullopt;
}

}  // namespace hirehall::scheduler
