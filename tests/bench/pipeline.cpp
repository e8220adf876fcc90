#include "tests/bench/pipeline.h"

#include <chrono>
#include <cstdlib>
#include <sstream>

#include "tests/bench/installation.h"
#include "tests/bench/process.h"
#include "tests/bench/slowsync.h"

namespace hirehall::bench {
namespace {

namespace fs = std::filesystem;

constexpr auto start_limit = std::chrono::seconds(20);
constexpr auto watch_every = std::chrono::milliseconds(500);

Child::Command role(const char* name, std::vector<std::string> arguments, const fs::path& folder) {
  Child::Command command;
  command.name = std::string("pipeline-") + name;
  command.arguments = {own_program(), command.name};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.log = folder / (command.name + ".log");
  command.pipe_stdout = true;
  return command;
}

Result<double> cpu_at_end(Child& child, std::uint64_t tasks) {
  auto line = child.read_line(start_limit);
  if (!line) return tl::unexpected(line.error());
  return std::strtod(line->c_str(), nullptr) / static_cast<double>(tasks);
}

// The broker waits for ever for a peer that died.
Result<std::string> last_line(Child& broker, Child& worker, Child& producer) {
  for (;;) {
    auto line = broker.read_line(watch_every);
    if (line || line.error().code != Code::timeout) return line;
    for (auto* peer : {&worker, &producer}) {
      if (peer->running()) continue;
      if (auto code = peer->wait({}); code && *code != 0) return tl::unexpected(peer->check().error());
    }
  }
}

}  // namespace

Result<PipelineFigures> run_pipeline(const PipelineSetup& setup, const fs::path& scratch) {
  auto folder = Scratch::make(scratch, false);
  if (!folder) return tl::unexpected(folder.error());
  auto tasks = std::to_string(setup.tasks), batched = std::to_string(setup.batched);
  auto command = role("broker",
                      {(folder->path() / "store").string(), tasks, batched, setup.packed ? "packed" : "naive",
                       setup.sync ? "sync" : "buffered"},
                      folder->path());
  auto slow = slowed(setup.sync_delay_ms, folder->path() / "syncs");
  if (!slow) return tl::unexpected(slow.error());
  command.environment = *slow;
  auto broker = Child::start(command);
  if (!broker) return tl::unexpected(broker.error());
  auto endpoint = broker->read_line(start_limit);
  if (!endpoint) return tl::unexpected(endpoint.error());
  auto worker = Child::start(role("worker", {*endpoint, tasks}, folder->path()));
  if (!worker) return tl::unexpected(worker.error());
  auto producer = Child::start(
      role("producer",
           {*endpoint, tasks, batched, std::to_string(setup.payload_bytes), std::to_string(setup.window)},
           folder->path()));
  if (!producer) return tl::unexpected(producer.error());

  auto line = last_line(*broker, *worker, *producer);
  if (!line) return tl::unexpected(line.error());
  auto worker_us = cpu_at_end(*worker, setup.tasks);
  if (!worker_us) return tl::unexpected(worker_us.error());
  auto producer_us = cpu_at_end(*producer, setup.tasks);
  if (!producer_us) return tl::unexpected(producer_us.error());
  double seconds = 0, cpu_us = 0;
  PipelineFigures figures;
  std::istringstream(*line) >> seconds >> figures.commits >> cpu_us >> figures.rss_mb;
  figures.tasks_per_s = static_cast<double>(setup.tasks) / seconds;
  figures.broker_us = cpu_us / static_cast<double>(setup.tasks);
  figures.worker_us = *worker_us;
  figures.producer_us = *producer_us;
  return figures;
}

}  // namespace hirehall::bench
