#include "worker/plugin.h"

#include <dlfcn.h>

#include "common/limits.h"

namespace hirehall::worker {

Result<std::shared_ptr<Plugin>> Plugin::load(const std::string& path) {
  std::shared_ptr<Plugin> plugin(new Plugin);
  plugin->library_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin->library_ == nullptr)
    return fail(Code::invalid, std::string("cannot be loaded: ") + ::dlerror(), path);
  auto find = [&](const char* name) { return ::dlsym(plugin->library_, name); };
  auto version = reinterpret_cast<decltype(&hirehall_agent_api_version)>(find("hirehall_agent_api_version"));
  plugin->create_ = reinterpret_cast<decltype(plugin->create_)>(find("hirehall_agent_create"));
  plugin->run_ = reinterpret_cast<decltype(plugin->run_)>(find("hirehall_agent_run"));
  plugin->destroy_ = reinterpret_cast<decltype(plugin->destroy_)>(find("hirehall_agent_destroy"));
  plugin->bid_ = reinterpret_cast<decltype(plugin->bid_)>(find("hirehall_agent_bid"));
  if (version == nullptr || plugin->create_ == nullptr || plugin->run_ == nullptr ||
      plugin->destroy_ == nullptr)
    return fail(Code::invalid,
                "not an agent: it exports hirehall_agent_api_version, _create, _run and _destroy", path);
  if (auto v = version(); v != HIREHALL_AGENT_API)
    return fail(Code::version_mismatch,
                "built for version " + std::to_string(v) + " of hirehall/agent.h, this worker has version " +
                    std::to_string(HIREHALL_AGENT_API) + ": build it again",
                path);
  return plugin;
}

Plugin::~Plugin() {
  if (library_ != nullptr) ::dlclose(library_);
}

Result<std::unique_ptr<PluginInstance>> PluginInstance::make(std::shared_ptr<Plugin> plugin,
                                                             std::string_view name, std::string_view version,
                                                             std::string_view prompt) {
  hirehall_agent_config config{sizeof config, to_bytes(name), to_bytes(version), to_bytes(prompt)};
  void* agent = plugin->create_(&config);
  if (agent == nullptr)
    return fail(Code::invalid, "hirehall_agent_create refused; its log says why", std::string(name));
  return std::unique_ptr<PluginInstance>(new PluginInstance(std::move(plugin), agent));
}

PluginInstance::~PluginInstance() {
  plugin_->destroy_(agent_);
}

TaskExtras read_task_extras(std::string_view extras) {
  TaskExtras out;
  if (extras.empty()) return out;
  msgpack::Reader r(extras);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "checkpoint")
      out.checkpoint = r.bin();
    else if (key == "answer")
      out.answer = r.bin();
    else
      r.skip();
  }
  return out;
}

Outcome read_result(int returned, const hirehall_result& result, OutcomeExtras& extras,
                    std::string_view& data, std::string& reason) {
  auto failed = [&](const char* code, std::string why) {
    reason = std::move(why);
    extras = {};
    extras.error_code = code;
    extras.error = reason;
    data = {};
    return Outcome::failed_final;
  };
  data = to_view(result.data);
  extras.result_type = to_view(result.content_type).substr(0, limits::name_bytes_max);
  if (extras.result_type == "application/json") extras.result_type = {};  // the default
  extras.error_code = to_view(result.error_code).substr(0, limits::name_bytes_max);
  extras.error = to_view(result.error).substr(0, limits::error_bytes_max);
  extras.on = to_view(result.suspended_on).substr(0, limits::name_bytes_max);
  extras.delay_ms = result.delay_ms;
  extras.service = to_view(result.service).substr(0, limits::name_bytes_max);
  if (data.size() > limits::payload_bytes_max)
    return failed("too_large",
                  "the result has " + std::to_string(data.size()) + " bytes, at most 1 MiB is kept");
  switch (returned) {
    case HIREHALL_SUCCEEDED:
      return Outcome::succeeded;
    case HIREHALL_FAILED:
      return Outcome::failed;
    case HIREHALL_FAILED_FINAL:
      return Outcome::failed_final;
    case HIREHALL_INTERRUPTED:
      return Outcome::interrupted;
    case HIREHALL_CANCELLED:
      return Outcome::cancelled;
    case HIREHALL_SNOOZED:
      return Outcome::snoozed;
    case HIREHALL_SUSPENDED:
      return Outcome::suspended;
    default:
      return failed("bad_agent", "the agent returned the unknown outcome " + std::to_string(returned));
  }
}

}  // namespace hirehall::worker
