// A loaded agent library (worker/include/hirehall/agent.h): the functions, and one instance.
#pragma once

#include <hirehall/agent.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/error.h"
#include "worker/attempt.h"

namespace hirehall::worker {

inline hirehall_bytes to_bytes(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view to_view(hirehall_bytes bytes) {
  return bytes.data == nullptr ? std::string_view{} : std::string_view{bytes.data, bytes.size};
}

class Plugin {
 public:
  // not_found, invalid (not an agent), version_mismatch (another interface version); each names the file.
  static Result<std::shared_ptr<Plugin>> load(const std::string& path);
  ~Plugin();
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

 private:
  friend class PluginInstance;
  Plugin() = default;
  void* library_ = nullptr;
  decltype(&hirehall_agent_create) create_ = nullptr;
  decltype(&hirehall_agent_run) run_ = nullptr;
  decltype(&hirehall_agent_destroy) destroy_ = nullptr;
  decltype(&hirehall_agent_bid) bid_ = nullptr;  // if it has one
};

class PluginInstance {
 public:
  static Result<std::unique_ptr<PluginInstance>> make(std::shared_ptr<Plugin> plugin, std::string_view name,
                                                      std::string_view version, std::string_view prompt);
  ~PluginInstance();
  PluginInstance(const PluginInstance&) = delete;
  PluginInstance& operator=(const PluginInstance&) = delete;

  int run(const hirehall_task& task, const hirehall_host& host, hirehall_result& result) {
    return plugin_->run_(agent_, &task, &host, &result);
  }

  bool bids() const { return plugin_->bid_ != nullptr; }
  int bid(const hirehall_call& call, double& price) { return plugin_->bid_(agent_, &call, &price); }

 private:
  PluginInstance(std::shared_ptr<Plugin> plugin, void* agent) : plugin_(std::move(plugin)), agent_(agent) {}
  std::shared_ptr<Plugin> plugin_;
  void* agent_;
};

// The rare parts of a task that have a field of their own in the interface.
struct TaskExtras {
  std::string_view checkpoint;
  std::string_view answer;
};
TaskExtras read_task_extras(std::string_view extras);

// The outcome of a run() as it is told: numbers an agent may not return become failed, oversized results as
// well. `reason` is for the storage of a text that had to be made.
Outcome read_result(int returned, const hirehall_result& result, OutcomeExtras& extras,
                    std::string_view& data, std::string& reason);

}  // namespace hirehall::worker
