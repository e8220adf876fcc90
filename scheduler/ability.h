// Who can do what: whether an agent of a worker meets the requirements of a class.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

using Amounts = std::map<std::string, std::int64_t, std::less<>>;

// What a demand asks for, ready to be compared.
struct Need {
  std::string type;
  Requirements requirements;
  QueueNo queue = none;      // that some worker is bound to; none: any other
  Amounts asked = {};        // of resources, as numbers
  StringMap preferred = {};  // labels that count for who has them
};

// The keys that some class asks for, or prefers. Workers that differ in nothing else are alike: a label with
// the host's name does not make each worker a kind of its own until a task requires it.
struct RelevantKeys {
  std::set<std::string, std::less<>> labels, resources;
  RelevantKeys add(const Need& need);  // gives those that were new
  bool mentioned_by(const WorkerSpec& spec) const;
};

// The abilities of a worker in one form: lists sorted, irrelevant keys left out. Agents keep their order.
WorkerSpec abilities_of(const WorkerSpec& spec, const RelevantKeys& relevant);
// Equal for equal abilities, and only then.
std::string signature_of(const WorkerSpec& abilities);

// The first agent that can do it. Abilities as abilities_of made them.
std::optional<std::uint16_t> agent_for(const Need& need, const WorkerSpec& abilities);

// One agent of a worker, without what the worker must have itself: its resources, and the right to serve.
bool can_do(const AgentSpec& agent, const WorkerSpec& worker, const Need& need);

// The same of a specification as it was registered, with the worker's resources.
bool could_do(const AgentSpec& agent, const WorkerSpec& worker, const std::string& type,
              const Requirements& requirements);

// How many of these labels the agent has, or the worker that it is on.
std::uint32_t labels_of(const AgentSpec& agent, const WorkerSpec& worker, const StringMap& wanted);

// What none of these has, in words; see Dispatcher::missing.
std::vector<std::string> missing_among(const Need& need, const std::vector<const WorkerSpec*>& fleet);

// "4", "500M", "2Gi" as a number; nothing when it is no such amount or does not fit.
std::optional<std::int64_t> parse_amount(std::string_view text);

}  // namespace hirehall::scheduler
