// Definitions of agents: Markdown files with YAML front matter; the body is the system prompt
// (docs/agents.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/task.h"
#include "worker/guard.h"
#include "worker/price.h"

namespace hirehall::worker {

enum class AgentKind : std::uint8_t { plugin, process };

// What one attempt's process may use. 0: no limit of ours.
struct ProcessLimits {
  std::int64_t memory_bytes = 0;  // address space
  std::int64_t cpu_seconds = 0;   // of the whole life of the process
  std::int64_t files = 0;         // open descriptors
};

struct Definition {
  std::string path;
  std::string name;
  std::string version = "1";
  std::string description;
  AgentKind kind = AgentKind::plugin;
  std::vector<std::string> types;
  std::vector<std::string> command;  // process: program and arguments
  std::string library;               // plugin: file name or path
  bool in_process = false;           // plugin: no child process
  bool per_task = false;             // process: one process per attempt, payload on stdin, result on stdout
  std::uint32_t max_instances = 0;   // attempts of it at the same time in one worker; 0: as many as slots
  Millis timeout_ms = 0;             // of an attempt whose task names none
  Millis stall_ms = 0;               // longest silence of a running attempt; 0: any
  ProcessLimits limits;
  StringMap environment;  // added to the child's
  StringMap labels;
  std::vector<std::string> capabilities;
  std::vector<std::string> tools;
  std::int64_t tier = 0;
  std::optional<PriceOffer> price = {};  // where its work is auctioned
  GuardOffer guard = {};                 // what may keep awards from it
  bool bids = false;                     // it is asked for live bids there
  std::string prompt;
  std::string digest;  // of the whole file, hexadecimal
};

struct LoadedDefinition {
  Definition definition;
  std::vector<std::string> warnings;  // "FILE:LINE: …"
};

// Errors name file, line, key and what is accepted.
Result<LoadedDefinition> parse_definition(std::string_view text, const std::string& path);
Result<LoadedDefinition> load_definition(const std::string& path);

struct LoadedAgents {
  std::vector<Definition> definitions;  // sorted by name
  std::vector<std::string> warnings;    // also names what was left out, and why
};

// All *.md files of a folder. One bad file is an error: a fleet that starts with half its agents hides the
// mistake. Agents that run commands are left out, with a warning, unless allowed.
Result<LoadedAgents> load_definitions(const std::string& folder, bool allow_commands);

}  // namespace hirehall::worker
