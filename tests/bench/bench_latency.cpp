// Light load, open loop: from submit to the agent's start. Its floor is one sync and two one-way hops (client
// to broker, broker to worker), measured before and after in the same directory, over the same transport and
// at the same rate.
#include <cstdio>
#include <thread>

#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"
#include "tests/bench/floor.h"
#include "tests/bench/load.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

struct Floor {
  Samples syncs, hops;

  Status measure(const Settings& settings, const std::filesystem::path& directory) {
    auto count = settings.tasks / 2 + 1;
    auto s = measure_syncs(directory, count, settings.rate);
    if (!s) return tl::unexpected(s.error());
    auto h = measure_hops(directory, settings.transport == "tcp", count, settings.rate);
    if (!h) return tl::unexpected(h.error());
    syncs.add(*s);
    hops.add(*h);
    return {};
  }
};

struct Light {
  Receipts::Figures figures;
  Counted counted;
  double rss_mb = 0, seconds = 0;
  CpuPerTask cpu;
};

Status send_paced(const Settings& settings, Load& load, std::uint64_t count) {
  Pace pace(settings.rate);
  for (std::uint64_t i = 0; i < count; ++i) {
    pace.wait();
    load.send_one();
  }
  return load.wait_for_results();
}

Result<Light> light_load(const Settings& settings, Fleet& fleet, Load& load) {
  auto warm_up = std::max<std::uint64_t>(settings.rate, 50);
  if (auto warm = send_paced(settings, load, warm_up); !warm) return tl::unexpected(warm.error());
  load.receipts().mark();
  auto before = load.counted();
  if (!before) return tl::unexpected(before.error());
  auto broker_us = fleet.broker().cpu_us(), worker_us = fleet.worker().cpu_us(), client_us = own_cpu_us();
  auto start = now_ns();
  if (auto sent = send_paced(settings, load, settings.tasks); !sent) return tl::unexpected(sent.error());
  Light light;
  light.seconds = seconds_since(start);
  auto per_task = [&](std::int64_t us) {
    return static_cast<double>(us) / static_cast<double>(settings.tasks);
  };
  light.cpu = {per_task(fleet.broker().cpu_us() - broker_us), per_task(fleet.worker().cpu_us() - worker_us),
               per_task(own_cpu_us() - client_us)};
  light.figures = load.receipts().figures();
  light.rss_mb = fleet.broker().rss_mb();
  auto after = load.counted();
  if (!after) return tl::unexpected(after.error());
  light.counted = {after->commits - before->commits, after->syncs - before->syncs};
  if (auto right = load.verdict(); !right) return tl::unexpected(right.error());
  return light;
}

Result<Light> measure(const Settings& settings, Fleet& fleet) {
  if (auto up = fleet.start_broker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet.start_worker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet.wait_for_worker(); !up) return tl::unexpected(up.error());
  Load::Setup setup;
  setup.endpoint = fleet.endpoint();
  setup.total = settings.tasks + settings.rate + 50;
  setup.times = true;
  setup.stamped = true;
  setup.check = [&fleet] { return fleet.check(); };
  auto load = Load::connect(settings, setup);
  if (!load) return tl::unexpected(load.error());
  auto light = light_load(settings, fleet, **load);
  load->reset();
  if (!light) return light;
  if (auto down = fleet.stop(); !down) return tl::unexpected(down.error());
  return light;
}

void print(const Settings& settings, const Fleet& fleet, Light& light, Floor& floor) {
  auto& started = light.figures.started;
  auto floor_ms = floor.syncs.percentile_ms(50) + 2 * floor.hops.percentile_ms(50);
  Report report("latency");
  report.set("tasks", settings.tasks)
      .set("payload_bytes", settings.payload_bytes)
      .set("batched", 1)
      .set("lanes", settings.lanes)
      .set("priorities", settings.priorities)
      .set("records", "packed")
      .set("durability", "fsync")
      .set("sync_delay_ms", settings.sync_delay_ms)
      .set("tasks_per_s", static_cast<double>(settings.tasks) / light.seconds)
      .set("p50_ms", started.percentile_ms(50))
      .set("p99_ms", started.percentile_ms(99))
      .set("rss_mb", light.rss_mb)
      .cpu(light.cpu)
      .set("commits", light.counted.commits)
      .set("syncs", light.counted.syncs)
      .set("configuration", fleet.configuration())
      .set("rate", settings.rate)
      .set("sync_p50_ms", floor.syncs.percentile_ms(50))
      .set("sync_p99_ms", floor.syncs.percentile_ms(99))
      .set("hop_p50_ms", floor.hops.percentile_ms(50))
      .set("hop_p99_ms", floor.hops.percentile_ms(99))
      .set("ratio_p50", started.percentile_ms(50) / floor_ms)
      .set("ratio_p99_to_sync_p99", started.percentile_ms(99) / floor.syncs.percentile_ms(99))
      .set("told_p50_ms", light.figures.told.percentile_ms(50))
      .set("told_p99_ms", light.figures.told.percentile_ms(99))
      .set("kind", settings.kind)
      .set("transport", settings.transport)
      .set("slots", settings.slots);
  std::printf("%s\n", report.json().c_str());
}

}  // namespace

int bench_latency(const Settings& settings) {
  if (settings.kind == "process")
    return complain(
        {Code::invalid, "an agent that is a program has no start stamp; take inline or child", "--kind", 0});
  auto fleet = Fleet::make(settings, Agent::stamp, settings.sync_delay_ms);
  if (!fleet) return complain(fleet.error());
  Floor floor;
  note("measuring syncs and hops at %d/s", static_cast<int>(settings.rate));
  if (auto measured = floor.measure(settings, fleet->directory()); !measured)
    return complain(measured.error());
  note("measuring tasks at %d/s", static_cast<int>(settings.rate));
  auto light = measure(settings, *fleet);
  if (!light) return complain(light.error());
  note("measuring syncs and hops again");
  if (auto measured = floor.measure(settings, fleet->directory()); !measured)
    return complain(measured.error());
  print(settings, *fleet, *light, floor);
  return 0;
}

}  // namespace hirehall::bench
