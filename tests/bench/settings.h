// What can be said to a bench on its command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

struct Settings {
  std::uint64_t tasks = 0;
  std::size_t payload_bytes = 100;
  std::uint64_t batched = 256;  // tasks per submit message
  std::uint64_t lanes = 1;
  std::uint64_t priorities = 1;
  std::uint64_t window = 0;
  std::uint64_t clients = 1;
  std::uint64_t slots = 1;
  std::uint64_t agents = 1;  // of the worker: the definition so many times, under other names
  std::uint64_t rounds = 1;
  std::uint64_t rate = 0;  // tasks per second, of an open loop
  std::uint64_t seed = 1;
  double sync_delay_ms = 0;
  std::string records;              // packed | naive, of the bare pipeline
  std::string durability;           // fsync | buffered, of the bare pipeline
  std::string kind;                 // inline | child | process: how the agent runs
  std::string transport;            // ipc | tcp
  std::string policy;               // of the queue; empty: least_loaded
  std::filesystem::path directory;  // data goes below it
  std::filesystem::path programs;   // where hirehall-broker and hirehall-worker lie
  bool keep = false;
};

struct Bench {
  std::string_view name;
  std::string_view summary;
  std::uint64_t tasks;  // unless said otherwise
  std::uint64_t rounds;
  int (*run)(const Settings& settings);  // exit code
};

// An answer to print (--help) or the settings; the error is for people, with exit code 2.
struct Parsed {
  std::optional<std::string> answer;
  Settings settings;
};
Result<Parsed> parse_settings(const Bench& bench, const std::vector<std::string>& arguments);

}  // namespace hirehall::bench
