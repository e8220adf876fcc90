#include "tests/bench/fleet.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "common/version.h"
#include "tests/bench/installation.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"
#include "tests/bench/slowsync.h"

namespace hirehall::bench {
namespace {

namespace fs = std::filesystem;

constexpr auto ready_limit =
    std::chrono::minutes(10);  // a restart on a large store takes what it takes: it is measured

constexpr auto worker_limit = std::chrono::seconds(60);
constexpr auto look_every = std::chrono::milliseconds(250);

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The endpoint that the kernel chose, from the ready file: the one text in it that starts with tcp://.
std::string tcp_endpoint(const std::string& ready) {
  auto from = ready.find("tcp://");
  return from == std::string::npos ? "" : ready.substr(from, ready.find('"', from) - from);
}

}  // namespace

Result<Fleet> Fleet::make(const Settings& settings, Agent agent, double sync_delay_ms) {
  auto scratch = Scratch::make(settings.directory, settings.keep);
  if (!scratch) return tl::unexpected(scratch.error());
  Fleet fleet(settings, sync_delay_ms, std::move(*scratch));
  if (auto ready = fleet.prepare(agent); !ready) return tl::unexpected(ready.error());
  return fleet;
}

Fleet::Fleet(const Settings& settings, double sync_delay_ms, Scratch scratch)
    : settings_(settings), sync_delay_ms_(sync_delay_ms), scratch_(std::move(scratch)) {}

Status Fleet::prepare(Agent agent) {
  auto broker = program_in(settings_.programs, "hirehall-broker");
  if (!broker) return tl::unexpected(broker.error());
  auto worker = program_in(settings_.programs, "hirehall-worker");
  if (!worker) return tl::unexpected(worker.error());
  broker_program_ = *broker;
  worker_program_ = *worker;
  auto text = definition(agent);
  if (!text) return tl::unexpected(text.error());
  definition_ = *text;
  std::error_code error;
  fs::create_directory(place("agents"), error);
  for (std::uint64_t i = 1; i <= settings_.agents; ++i) {
    const auto name = i == 1 ? std::string("bench") : "bench-" + std::to_string(i);
    auto own = definition_;
    own.replace(own.find("bench"), 5, name);
    if (settings_.policy == "auction")
      own.insert(own.find("types:"), "price: {base: 0.01, load_slope: 0.01}\n");
    std::ofstream out(place("agents") / (name + ".md"));
    out << own;
    if (!out.flush()) return fail(Code::io, "cannot write the agent's definition", place("agents").string());
  }
  std::ofstream queues(place("queues.yaml"));
  queues << "queues:\n  default:\n    policy: "
         << (settings_.policy.empty() ? "least_loaded" : settings_.policy) << "\n";
  if (!queues.flush())
    return fail(Code::io, "cannot write the file of queues", place("queues.yaml").string());
  endpoint_ = settings_.transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://" + place("broker.ipc").string();
  return {};
}

Result<std::string> Fleet::definition(Agent agent) const {
  std::string text = "---\nname: bench\nversion: 1\ndescription: Answers with its payload.\ntypes: [" +
                     std::string(task_type) + "]\n";
  if (settings_.kind == "process") {
    auto program = library_file("bench/echo.py");
    if (!program) return program;
    return text + "kind: process\ncommand: [/usr/bin/python3, " + *program + "]\n---\n";
  }
  std::string library = "echo.so";  // the worker finds what it is shipped with
  if (agent == Agent::stamp) {
    auto ours = library_file("bench/stamp.so");
    if (!ours) return ours;
    library = *ours;
  }
  text += "kind: plugin\nlibrary: " + library + "\n";
  if (settings_.kind == "inline") text += "in_process: true\n";
  return text + "---\n";
}

Status Fleet::start_broker() {
  std::error_code none;
  auto ready = place("broker.ready");
  fs::remove(ready, none);
  Child::Command command;
  command.name = "hirehall-broker";
  command.arguments = {broker_program_, "--data",      place("data").string(), "--listen",    endpoint_,
                       "--metrics",     "127.0.0.1:0", "--ready-file",         ready.string()};
  if (settings_.transport == "tcp") command.arguments.emplace_back("--insecure");
  if (!settings_.policy.empty()) {
    command.arguments.emplace_back("--queues");
    command.arguments.push_back(place("queues.yaml").string());
  }
  command.log = place("broker.log");
  auto slow = slowed(sync_delay_ms_, place("syncs"));
  if (!slow) return tl::unexpected(slow.error());
  command.environment = *slow;
  broker_started_ns_ = now_ns();
  auto child = Child::start(command);
  if (!child) return tl::unexpected(child.error());
  broker_ = std::move(*child);
  if (auto served = broker_->wait_for_file(ready, ready_limit); !served) return served;
  if (settings_.transport == "tcp") endpoint_ = tcp_endpoint(text_of(ready));
  return {};
}

Status Fleet::start_worker() {
  std::error_code none;
  fs::remove(place("worker.ready"), none);
  Child::Command command;
  command.name = "hirehall-worker";
  command.arguments = {worker_program_,
                       "--broker",
                       endpoint_,
                       "--agents",
                       place("agents").string(),
                       "--slots",
                       std::to_string(settings_.slots),
                       "--name",
                       "bench",
                       "--ready-file",
                       place("worker.ready").string()};
  if (settings_.kind == "process") command.arguments.emplace_back("--allow-commands");
  command.log = place("worker.log");
  auto child = Child::start(command);
  if (!child) return tl::unexpected(child.error());
  worker_ = std::move(*child);
  return {};
}

Status Fleet::wait_for_worker() {
  auto deadline = Clock::now() + worker_limit;
  for (;;) {
    auto ready = worker_->wait_for_file(place("worker.ready"), look_every);
    if (ready || ready.error().code != Code::timeout || Clock::now() > deadline) return ready;
    if (auto well = check(); !well) return well;
  }
}

Status Fleet::check() {
  for (auto* child : {&broker_, &worker_})
    if (*child)
      if (auto alive = (*child)->check(); !alive) return alive;
  return {};
}

Status Fleet::stop_worker() {
  auto stopped = worker_->stop();
  worker_.reset();
  return stopped;
}

Status Fleet::stop() {
  for (auto* child : {&worker_, &broker_}) {
    if (!*child) continue;
    auto stopped = (*child)->stop();
    child->reset();
    if (!stopped) return stopped;
  }
  return {};
}

std::uint64_t Fleet::syncs_counted() const {
  return bench::syncs_counted(place("syncs"));
}

std::string Fleet::configuration() const {
  std::ostringstream said;
  said << software_version() << '\n'
       << settings_.transport << '\n'
       << settings_.slots << '\n'
       << settings_.kind;
  return digest_of(said.str());
}

}  // namespace hirehall::bench
