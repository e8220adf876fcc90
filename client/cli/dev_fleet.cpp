#include "client/cli/dev_fleet.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hirehall::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t ready_ms = 30'000;
constexpr std::int64_t poll_ms = 10;
constexpr std::int64_t stop_worker_ms = 15'000;
constexpr std::int64_t stop_broker_ms = 10'000;
constexpr std::size_t ipc_path_max = 107;  // of a Unix socket

client::Error trouble(client::ErrorCode code, std::string message, std::string context = {}) {
  return {code, std::move(message), std::move(context), 0};
}

}  // namespace

std::string sample_agents() {
  std::error_code ignored;
  auto bin = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const char* relative :
       {"../share/hirehall/configs/agents", "../../../configs/agents", "../configs/agents"}) {
    auto folder = (bin / relative).lexically_normal();
    if (fs::is_directory(folder, ignored)) return folder;
  }
  return {};
}

Fleet::~Fleet() {
  stop();
}

client::Status Fleet::prepare(const FleetSettings& settings) {
  std::error_code error;
  if (settings.data.empty()) {
    auto pattern = (fs::temp_directory_path(error) / "hirehall-dev-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      return tl::unexpected(trouble(client::ErrorCode::io,
                                    std::string("cannot make a temporary folder: ") + std::strerror(errno),
                                    pattern));
    data_ = pattern;
    temporary_ = true;
  } else {
    data_ = fs::absolute(settings.data).lexically_normal();
    fs::create_directories(data_, error);
    if (error)
      return tl::unexpected(
          trouble(client::ErrorCode::io, "cannot make the data folder: " + error.message(), data_));
  }
  endpoint_ = settings.listen.empty() ? "ipc://" + data_ + "/broker.ipc" : settings.listen;
  if (endpoint_.starts_with("ipc://")) {
    auto path = endpoint_.substr(6);
    if (path.size() > ipc_path_max)
      return tl::unexpected(trouble(client::ErrorCode::invalid,
                                    "a socket path has at most 107 bytes; give a shorter --data or --listen",
                                    path));
    fs::create_directories(fs::path(path).parent_path(), error);
  }
  return {};
}

client::Status Fleet::wait_ready(Process& process, const std::string& ready_file) {
  for (std::int64_t waited = 0; waited < ready_ms; waited += poll_ms) {
    std::error_code ignored;
    if (fs::exists(ready_file, ignored)) return {};
    if (process.wait(poll_ms)) break;
  }
  std::string what = process.running() ? "is not ready after 30 s" : "ended with " + process.status();
  return tl::unexpected(trouble(client::ErrorCode::unavailable, process.name() + " " + what + "; it said:\n" +
                                                                    last_lines(process.log_file(), 12)));
}

client::Status Fleet::start_broker(const FleetSettings&) {
  auto ready = data_ + "/broker.ready";
  std::error_code ignored;
  fs::remove(ready, ignored);
  std::vector<std::string> arguments{
      "--backups", data_ + "/backups", "--data",      data_ + "/store", "--listen",
      endpoint_,   "--metrics",        "127.0.0.1:0", "--ready-file",   ready};
  if (endpoint_.starts_with("tcp://127.0.0.1")) arguments.emplace_back("--insecure");
  auto broker = Process::start("hirehall-broker", arguments, data_ + "/broker.log");
  if (!broker) return tl::unexpected(broker.error());
  broker_ = std::move(*broker);
  if (auto s = wait_ready(broker_, ready); !s) return s;
  std::ifstream in(ready);
  auto json = nlohmann::json::parse(in, nullptr, false);
  if (json.is_object() && json.contains("listen") && json["listen"].is_array() && !json["listen"].empty())
    endpoint_ = json["listen"][0].get<std::string>();
  if (json.is_object() && json.contains("metrics") && json["metrics"].is_string()) metrics_ = json["metrics"];
  return {};
}

client::Status Fleet::start(const FleetSettings& settings) {
  if (settings.agents.empty())
    return tl::unexpected(trouble(client::ErrorCode::not_found,
                                  "the sample agents are not where they are installed; give --agents DIR"));
  if (auto s = prepare(settings); !s) return s;
  if (auto s = start_broker(settings); !s) return s;
  for (std::int64_t i = 1; i <= settings.workers; ++i) {
    auto name = "dev-" + std::to_string(i);
    std::error_code ignored;
    fs::remove(data_ + "/" + name + ".ready", ignored);
    auto worker = Process::start(
        "hirehall-worker",
        {"--broker", endpoint_, "--agents", settings.agents, "--slots", std::to_string(settings.slots),
         "--name", name, "--allow-commands", "--ready-file", data_ + "/" + name + ".ready"},
        data_ + "/" + name + ".log");
    if (!worker) return tl::unexpected(worker.error());
    workers_.push_back(std::move(*worker));
  }
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (auto s = wait_ready(workers_[i], data_ + "/dev-" + std::to_string(i + 1) + ".ready"); !s) return s;
  return {};
}

std::string Fleet::casualty() {
  if (!broker_.running())
    return broker_.name() + " ended with " + broker_.status() + ", see " + broker_.log_file();
  for (auto& w : workers_)
    if (!w.running()) return w.name() + " ended with " + w.status() + ", see " + w.log_file();
  return {};
}

void Fleet::stop() {
  for (auto& w : workers_) w.signal(SIGTERM);
  for (auto& w : workers_)
    if (!w.wait(stop_worker_ms)) w.signal(SIGKILL), w.wait(stop_broker_ms);
  workers_.clear();
  broker_.signal(SIGTERM);
  if (!broker_.wait(stop_broker_ms)) broker_.signal(SIGKILL), broker_.wait(stop_broker_ms);
  if (!temporary_) return;
  std::error_code ignored;
  fs::remove_all(data_, ignored);
  temporary_ = false;
}

}  // namespace hirehall::cli
