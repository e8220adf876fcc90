// The options of hirehall-worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/task.h"
#include "worker/price.h"

namespace hirehall::worker {

struct Settings {
  std::string broker;
  std::string agents;  // folder of definitions
  bool allow_commands = false;
  std::vector<std::string> plugins;  // folders of shared objects
  std::string name;
  std::uint32_t slots = 1;
  StringMap labels;
  StringMap resources;
  std::optional<PriceOffer> price;  // of agents whose definition names none
  std::string ready_file;
  Millis stop_timeout_ms = 0;
  std::string server_key_file;
  std::string key_file;
  std::string log_level;
};

// Documented exit codes of hirehall-worker.
namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int failure = 1;
inline constexpr int usage = 2;   // options or definitions
inline constexpr int denied = 4;  // the broker refuses this worker
inline constexpr int conflict =
    5;  // an agent with the same name and version but another digest is registered
inline constexpr int stuck =
    70;  // an in-process agent did not return after its timeout, or the session loop hangs
}  // namespace exit_code

OptionTable worker_options();
Result<Settings> read_settings(const OptionValues& values);

}  // namespace hirehall::worker
