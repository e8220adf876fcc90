#include <cstdio>
#include <vector>

#include "tests/bench/benches.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

PipelineSetup setup_of(const Settings& settings) {
  PipelineSetup setup;
  setup.tasks = settings.tasks;
  setup.payload_bytes = settings.payload_bytes;
  setup.batched = settings.batched;
  setup.window = settings.window;
  setup.packed = settings.records == "packed";
  setup.sync = settings.durability == "fsync";
  setup.sync_delay_ms = settings.sync_delay_ms;
  return setup;
}

}  // namespace

int bench_pipeline(const Settings& settings) {
  auto setup = setup_of(settings);
  std::vector<double> rates, broker_us, worker_us, producer_us, rss_mb, commits;
  for (std::uint64_t round = 1; round <= settings.rounds; ++round) {
    auto figures = run_pipeline(setup, settings.directory);
    if (!figures) return complain(figures.error());
    note("round %d: %.0f tasks/s in %d commits", static_cast<int>(round), figures->tasks_per_s,
         static_cast<int>(figures->commits));
    rates.push_back(figures->tasks_per_s);
    broker_us.push_back(figures->broker_us);
    worker_us.push_back(figures->worker_us);
    producer_us.push_back(figures->producer_us);
    rss_mb.push_back(figures->rss_mb);
    commits.push_back(static_cast<double>(figures->commits));
  }
  Report report("pipeline");
  report.set("tasks", settings.tasks)
      .set("payload_bytes", settings.payload_bytes)
      .set("batched", settings.batched)
      .set("records", settings.records)
      .set("durability", settings.durability)
      .set("sync_delay_ms", settings.sync_delay_ms)
      .set("tasks_per_s", median(rates))
      .set("rss_mb", median(rss_mb))
      .cpu({median(broker_us), median(worker_us), median(producer_us)})
      .set("commits", median(commits))
      .set("syncs", setup.sync ? median(commits) : 0.0)
      .set("configuration", digest_of("pipeline window " + std::to_string(settings.window)))
      .set("rounds", settings.rounds)
      .set("round_tasks_per_s", rates);
  std::printf("%s\n", report.json().c_str());
  return 0;
}

}  // namespace hirehall::bench
