// Whole tasks under load: submitted, durable, awarded, run, result durable, client told. Each round takes the
// limit first and then the fleet, so that both see the same machine.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

struct Figures {
  double tasks_per_s = 0, p50_ms = 0, p99_ms = 0;
  double broker_us = 0, worker_us = 0, client_us = 0;
  double rss_mb = 0, commits = 0, syncs = 0;
  std::string configuration;
};

struct CpuMarks {
  std::int64_t broker, worker, client;
  static CpuMarks of(Fleet& fleet) {
    return {fleet.broker().cpu_us(), fleet.worker().cpu_us(), own_cpu_us()};
  }
};

Status warm_up(const Settings& settings, Load& load) {
  auto some = std::min<std::uint64_t>(100'000, std::max(settings.tasks / 10, settings.window * 2));
  return load.run(load.in_groups(some));
}

Result<Figures> measured(const Settings& settings, Fleet& fleet, Load& load) {
  auto before = load.counted();
  if (!before) return tl::unexpected(before.error());
  load.receipts().mark();
  auto cpu = CpuMarks::of(fleet);
  auto start = now_ns();
  if (auto ran = load.run(settings.tasks); !ran) return tl::unexpected(ran.error());
  auto seconds = seconds_since(start);
  auto cpu_after = CpuMarks::of(fleet);
  auto after = load.counted();
  if (!after) return tl::unexpected(after.error());
  auto told = load.receipts().figures().told;
  auto per_task = [&](std::int64_t us) {
    return static_cast<double>(us) / static_cast<double>(settings.tasks);
  };
  Figures figures;
  figures.tasks_per_s = static_cast<double>(settings.tasks) / seconds;
  figures.p50_ms = told.percentile_ms(50);
  figures.p99_ms = told.percentile_ms(99);
  figures.broker_us = per_task(cpu_after.broker - cpu.broker);
  figures.worker_us = per_task(cpu_after.worker - cpu.worker);
  figures.client_us = per_task(cpu_after.client - cpu.client);
  figures.rss_mb = fleet.broker().rss_mb();
  figures.commits = after->commits - before->commits;
  figures.syncs = after->syncs - before->syncs;
  figures.configuration = fleet.configuration();
  return figures;
}

Result<Figures> fleet_round(const Settings& settings, double sync_delay_ms) {
  auto fleet = Fleet::make(settings, Agent::echo, sync_delay_ms);
  if (!fleet) return tl::unexpected(fleet.error());
  if (auto up = fleet->start_broker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->start_worker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->wait_for_worker(); !up) return tl::unexpected(up.error());
  Load::Setup setup;
  setup.endpoint = fleet->endpoint();
  setup.total = settings.tasks + 200'000 + 2 * settings.window;
  setup.times = true;
  setup.check = [&fleet] { return fleet->check(); };
  auto load = Load::connect(settings, setup);
  if (!load) return tl::unexpected(load.error());
  if (auto warm = warm_up(settings, **load); !warm) return tl::unexpected(warm.error());
  auto figures = measured(settings, *fleet, **load);
  if (!figures) return figures;
  if (auto right = (*load)->verdict(); !right) return tl::unexpected(right.error());
  load->reset();
  if (auto down = fleet->stop(); !down) return tl::unexpected(down.error());
  return figures;
}

Result<PipelineFigures> limit_round(const Settings& settings) {
  PipelineSetup setup;
  setup.tasks = settings.tasks;
  setup.payload_bytes = settings.payload_bytes;
  setup.batched = settings.batched;
  setup.sync_delay_ms = settings.sync_delay_ms;
  return run_pipeline(setup, settings.directory);
}

bool chooses(const Settings& settings) {
  return settings.policy != "least_loaded";
}

// Of each round: the limit, the fleet, and the fleet without the delay of syncs when one was asked for.
struct Rounds {
  std::vector<Figures> fleet;
  std::vector<double> limit, ratio, undelayed, ratio_to_undelayed, least_loaded, least_loaded_broker_us,
      ratio_to_least_loaded;

  Status take(const Settings& settings) {
    auto bare = limit_round(settings);
    if (!bare) return tl::unexpected(bare.error());
    if (settings.sync_delay_ms > 0) {
      auto quick = fleet_round(settings, 0);
      if (!quick) return tl::unexpected(quick.error());
      undelayed.push_back(quick->tasks_per_s);
    }
    // Side by side, and each round the other way round: what else the machine does hits both.
    const bool plain_first = limit.size() % 2 == 0;
    if (chooses(settings) && plain_first)
      if (auto taken = take_plain(settings); !taken) return taken;
    auto figures = fleet_round(settings, settings.sync_delay_ms);
    if (!figures) return tl::unexpected(figures.error());
    if (chooses(settings) && !plain_first)
      if (auto taken = take_plain(settings); !taken) return taken;
    limit.push_back(bare->tasks_per_s);
    ratio.push_back(figures->tasks_per_s / bare->tasks_per_s);
    if (settings.sync_delay_ms > 0) ratio_to_undelayed.push_back(figures->tasks_per_s / undelayed.back());
    if (chooses(settings)) ratio_to_least_loaded.push_back(figures->tasks_per_s / least_loaded.back());
    fleet.push_back(std::move(*figures));
    return {};
  }

  Status take_plain(const Settings& settings) {
    auto plain = settings;
    plain.policy = "least_loaded";
    auto other = fleet_round(plain, settings.sync_delay_ms);
    if (!other) return tl::unexpected(other.error());
    least_loaded.push_back(other->tasks_per_s);
    least_loaded_broker_us.push_back(other->broker_us);
    return {};
  }

  double middle(double Figures::*member) const {
    std::vector<double> values;
    for (const auto& figures : fleet) values.push_back(figures.*member);
    return median(values);
  }
};

void print(const Settings& settings, const Rounds& rounds) {
  std::vector<double> rates;
  for (const auto& figures : rounds.fleet) rates.push_back(figures.tasks_per_s);
  Report report("e2e");
  report.set("tasks", settings.tasks)
      .set("payload_bytes", settings.payload_bytes)
      .set("batched", settings.batched)
      .set("lanes", settings.lanes)
      .set("priorities", settings.priorities)
      .set("records", "packed")
      .set("durability", "fsync")
      .set("sync_delay_ms", settings.sync_delay_ms)
      .set("tasks_per_s", rounds.middle(&Figures::tasks_per_s))
      .set("p50_ms", rounds.middle(&Figures::p50_ms))
      .set("p99_ms", rounds.middle(&Figures::p99_ms))
      .set("rss_mb", rounds.middle(&Figures::rss_mb))
      .set("limit_tasks_per_s", median(rounds.limit))
      .set("ratio_to_limit", median(rounds.ratio))
      .cpu({rounds.middle(&Figures::broker_us), rounds.middle(&Figures::worker_us),
            rounds.middle(&Figures::client_us)})
      .set("commits", rounds.middle(&Figures::commits))
      .set("syncs", rounds.middle(&Figures::syncs))
      .set("configuration", rounds.fleet.front().configuration)
      .set("rounds", settings.rounds)
      .set("round_tasks_per_s", rates)
      .set("round_limit_tasks_per_s", rounds.limit)
      .set("round_ratio_to_limit", rounds.ratio)
      .set("kind", settings.kind)
      .set("transport", settings.transport)
      .set("slots", settings.slots)
      .set("clients", settings.clients)
      .set("window", settings.window);
  if (settings.sync_delay_ms > 0)
    report.set("undelayed_tasks_per_s", median(rounds.undelayed))
        .set("ratio_to_undelayed", median(rounds.ratio_to_undelayed));
  if (chooses(settings))
    report.set("policy", settings.policy)
        .set("agents", settings.agents)
        .set("least_loaded_tasks_per_s", median(rounds.least_loaded))
        .set("least_loaded_broker_us_per_task", median(rounds.least_loaded_broker_us))
        .set("round_ratio_to_least_loaded", rounds.ratio_to_least_loaded)
        .set("ratio_to_least_loaded", median(rounds.ratio_to_least_loaded));
  std::printf("%s\n", report.json().c_str());
}

}  // namespace

int bench_e2e(const Settings& settings) {
  Rounds rounds;
  for (std::uint64_t round = 1; round <= settings.rounds; ++round) {
    if (auto taken = rounds.take(settings); !taken) return complain(taken.error());
    const auto& f = rounds.fleet.back();
    note("round %d: %.0f tasks/s, limit %.0f, ratio %.3f; cpu us/task broker %.2f worker %.2f client %.2f",
         static_cast<int>(round), f.tasks_per_s, rounds.limit.back(), rounds.ratio.back(), f.broker_us,
         f.worker_us, f.client_us);
  }
  print(settings, rounds);
  return 0;
}

}  // namespace hirehall::bench
