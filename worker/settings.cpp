#include "worker/settings.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include "common/limits.h"

namespace hirehall::worker {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "worker";
  return name.data();
}

Result<StringMap> pairs(const OptionValues& values, const char* option) {
  StringMap out;
  for (const auto& text : values.texts(option)) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Code::invalid, "'" + text + "' is not accepted: give KEY=VALUE",
                  std::string("--") + option);
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (out.size() > limits::labels_max)
    return fail(Code::invalid, "at most 64 of them", std::string("--") + option);
  return out;
}

// Beside our program: build trees and installed ones look the same.
std::vector<std::string> default_plugin_folders() {
  std::error_code error;
  auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  auto root = program.parent_path().parent_path();
  std::vector<std::string> out{(root / "lib/hirehall/agents").string()};
  for (std::filesystem::directory_iterator it(root / "lib", error), end; !error && it != end;
       it.increment(error)) {
    auto folder = it->path() / "hirehall/agents";  // lib/x86_64-linux-gnu
    if (std::filesystem::is_directory(folder, error)) out.push_back(folder.string());
  }
  return out;
}

}  // namespace

OptionTable worker_options() {
  OptionTable table("hirehall-worker", "Runs agents and does the tasks that a broker awards to them.");
  table
      .text("broker,b", "tcp://127.0.0.1:7420", "endpoint of the broker, tcp://HOST:PORT or ipc://PATH",
            "ENDPOINT")
      .text("agents,a", "", "folder with the definitions of the agents, *.md", "DIR")
      .flag("allow-commands", "load agents of kind process, which run commands")
      .texts("plugins", "folder where shared objects of plugins are looked for", "DIR")
      .text("name,n", "", "name shown in lists; host name and process number when not given", "NAME")
      .number("slots,s", 0, {0, 4096}, "attempts that run at the same time; 0: one per processor")
      .texts("label", "label of the worker that tasks may require", "KEY=VALUE")
      .texts("resource", "resource of the worker that tasks may require, as memory=8GiB", "KEY=VALUE")
      .text("price", "",
            "what agents ask for a task in queues with the policy auction, in cost units, when their "
            "definition does not say: 0.5 or base=0.5,load_slope=0.2,cap=3",
            "PRICE")
      .text("ready-file", "", "file written, as JSON, once the broker has registered the worker", "FILE")
      .duration("stop-timeout", 30'000, {0, 7 * 86'400'000},
                "how long SIGTERM lets held tasks finish before they are handed back; a second SIGTERM ends "
                "the wait")
      .text("server-key-file", "", "file with the broker's public key; needed when the broker asks for keys",
            "FILE")
      .text("key-file", "", "file with the worker's own secret key", "FILE")
      .choice("log-level", "info", {"debug", "info", "warn", "error", "off"}, "least severity that is logged")
      .epilogue(
          "Exit codes: 0 stopped as asked, 1 failure, 2 options or definitions are wrong, 4 the broker "
          "refuses this "
          "worker,\n5 another digest of an agent is registered, 70 an in-process agent did not return after "
          "its "
          "timeout.\n\nExample:\n  hirehall-worker --broker tcp://127.0.0.1:7420 --agents configs/agents "
          "--slots 8\n")
      .section(8);
  return table;
}

Result<Settings> read_settings(const OptionValues& values) {
  Settings s;
  s.broker = values.text("broker");
  if (!s.broker.starts_with("tcp://") && !s.broker.starts_with("ipc://") &&
      !s.broker.starts_with("inproc://"))
    return fail(Code::invalid, "'" + s.broker + "' is not accepted: give tcp://HOST:PORT or ipc://PATH",
                "--broker");
  s.agents = values.text("agents");
  if (s.agents.empty()) return fail(Code::invalid, "a worker needs a folder of agents: give DIR", "--agents");
  s.allow_commands = values.flag("allow-commands");
  s.plugins = values.texts("plugins");
  for (auto& folder : default_plugin_folders()) s.plugins.push_back(std::move(folder));
  s.name = values.text("name");
  if (s.name.empty()) s.name = host_name() + "-" + std::to_string(::getpid());
  if (s.name.size() > limits::name_bytes_max) return fail(Code::invalid, "at most 255 bytes", "--name");
  s.slots = static_cast<std::uint32_t>(values.number("slots"));
  if (s.slots == 0) s.slots = std::max(1u, std::thread::hardware_concurrency());
  auto labels = pairs(values, "label");
  if (!labels) return tl::unexpected(labels.error());
  s.labels = std::move(*labels);
  auto resources = pairs(values, "resource");
  if (!resources) return tl::unexpected(resources.error());
  s.resources = std::move(*resources);
  if (const auto& price = values.text("price"); !price.empty()) {
    auto parsed = parse_price(price);
    if (!parsed) return fail(Code::invalid, parsed.error().message, "--price");
    s.price = std::move(*parsed);
  }
  s.ready_file = values.text("ready-file");
  s.stop_timeout_ms = values.number("stop-timeout");
  s.server_key_file = values.text("server-key-file");
  s.key_file = values.text("key-file");
  if (s.server_key_file.empty() != s.key_file.empty())
    return fail(Code::invalid, "both are needed to talk to a broker with keys",
                "--server-key-file, --key-file");
  s.log_level = values.text("log-level");
  return s;
}

}  // namespace hirehall::worker
