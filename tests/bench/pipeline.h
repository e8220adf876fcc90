// The limit: what ZeroMQ, msgpack and RocksDB reach when they do a broker's job without any of its features.
// Tasks come in, are committed and synced, acknowledged and sent to a worker; its results are committed and
// synced. One broker, one producer, one worker, each a process of its own; a rate is only meaningful beside
// this one, taken in the same run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

struct PipelineSetup {
  std::uint64_t tasks = 1'000'000;
  std::size_t payload_bytes = 100;
  std::uint64_t batched = 256;    // tasks per message, both ways
  std::uint64_t window = 16'384;  // tasks sent and not acknowledged
  bool packed = true;             // one record per commit; otherwise one per task
  bool sync = true;
  double sync_delay_ms = 0;
};

struct PipelineFigures {
  double tasks_per_s = 0;
  double rss_mb = 0;
  double broker_us = 0, worker_us = 0, producer_us = 0;  // processor time per task
  std::uint64_t commits = 0;
};

// Starts the three processes, waits for them, and removes what they wrote under `scratch`.
Result<PipelineFigures> run_pipeline(const PipelineSetup& setup, const std::filesystem::path& scratch);

// The processes: hirehall-bench calls itself with `pipeline-broker`, `pipeline-producer` or `pipeline-worker`
// and the arguments that run_pipeline() gives. They talk to it on stdout.
int pipeline_broker_main(const std::vector<std::string>& arguments);  // DIRECTORY TASKS BATCHED RECORDS SYNC
int pipeline_producer_main(
    const std::vector<std::string>& arguments);                       // ENDPOINT TASKS BATCHED PAYLOAD WINDOW
int pipeline_worker_main(const std::vector<std::string>& arguments);  // ENDPOINT TASKS

}  // namespace hirehall::bench
