#include "tests/simulation/weather.h"

namespace hirehall::sim {

Weather Weather::of(std::uint64_t seed) {
  Chance c(seed ^ 0x77656174686572ull);
  Weather w;
  auto often = [&] { return c.permille(500); };
  auto amount = [&](std::uint32_t low, std::uint32_t high) {
    return static_cast<std::uint32_t>(c.between(low, high));
  };
  w.retention = c.permille(60);
  w.tasks = w.retention || c.permille(15) ? amount(1100, 2600) : amount(200, 320);
  w.clients = amount(2, 4);
  w.workers = amount(3, 6);
  w.queues = amount(1, 3);
  w.tenants = amount(1, 3);
  w.types = amount(1, 4);
  w.storm = c.between(20, 45) * second;

  w.latency = c.permille(300) ? c.between(1, 400) * ms : c.between(1, 20) * ms;
  if (often()) w.breaks = amount(1, 30);
  w.half_open = amount(0, 700);
  if (often()) w.partitions = amount(1, 20);
  if (c.permille(350)) {
    if (often()) w.lost = amount(1, 100);
    if (often()) w.twice = amount(1, 200);
    if (often()) w.reordered = amount(1, 200);
  }

  if (often()) w.broker_crashes = amount(1, 25);
  if (c.permille(300)) w.broker_stalls = amount(1, 10);
  if (often()) w.worker_crashes = amount(1, 40);
  if (c.permille(400)) w.worker_pauses = amount(1, 30);
  if (c.permille(400)) w.client_crashes = amount(1, 20);
  if (c.permille(300)) w.client_pauses = amount(1, 20);
  if (c.permille(300)) w.drains = amount(1, 20);

  w.sync = c.permille(300) ? c.between(1, 200) * ms : c.between(100, 5000);
  if (c.permille(200)) w.slow_syncs = amount(1, 50);
  if (c.permille(100)) w.failed_commits = amount(1, 3);
  if (c.permille(200)) w.full_disks = amount(2, 20);
  w.read = c.permille(300) ? c.between(1, 200) * ms : c.between(100, 5000);
  w.snapshot_bytes = c.permille(600) ? static_cast<std::uint64_t>(c.between(4, 64)) << 10 : 64u << 20;
  w.window_bytes = c.permille(500) ? static_cast<std::uint64_t>(c.between(2, 64)) << 10 : 64u << 20;

  if (c.permille(250)) w.wall_jumps = amount(1, 15);
  if (c.permille(400)) w.drift = c.between(1, 20000);

  w.features = static_cast<std::uint32_t>(c.next() | c.next());
  w.longest_attempt = c.permille(200) ? 12 * second : c.between(50, 3000) * ms;
  w.misbehaved = c.permille(200) ? amount(0, 30) : amount(50, 600);
  if (c.permille(80)) w.producers_max = w.clients + amount(0, 2);
  if (c.permille(60)) w.lose_and_keep_links(amount(50, 250));
  if (w.retention) {
    w.snapshot_bytes = static_cast<std::uint64_t>(c.between(4, 32)) << 10;
    w.longest_attempt = c.between(20, 300) * ms;
    w.misbehaved = amount(10, 150);
  }
  return w;
}

// What makes a new connection also finds what was lost on the old one.
void Weather::lose_and_keep_links(std::uint32_t permille) {
  lost = permille;
  twice = reordered = breaks = partitions = broker_crashes = broker_stalls = failed_commits = 0;
  worker_crashes = worker_pauses = drains = 0;
}

Weather Weather::fair() {
  return {};
}

std::string Weather::text() const {
  std::string out;
  auto say = [&](const char* name, auto value) {
    out += std::string(name) + "=" + std::to_string(value) + " ";
  };
  say("tasks", tasks), say("clients", clients), say("workers", workers), say("queues", queues);
  say("tenants", tenants), say("types", types), say("retention", retention),
      say("producers_max", producers_max);
  say("storm_ms", storm / ms), say("latency_ms", latency / ms);
  say("breaks", breaks), say("half_open", half_open), say("partitions", partitions), say("lost", lost);
  say("twice", twice), say("reordered", reordered), say("broker_crashes", broker_crashes);
  say("broker_stalls", broker_stalls), say("worker_crashes", worker_crashes),
      say("worker_pauses", worker_pauses);
  say("client_crashes", client_crashes), say("client_pauses", client_pauses), say("drains", drains);
  say("sync_us", sync), say("slow_syncs", slow_syncs), say("failed_commits", failed_commits);
  say("full_disks", full_disks), say("read_us", read), say("snapshot_bytes", snapshot_bytes);
  say("window_bytes", window_bytes), say("wall_jumps", wall_jumps), say("drift", drift),
      say("features", features);
  say("longest_attempt_ms", longest_attempt / ms), say("misbehaved", misbehaved);
  return out;
}

}  // namespace hirehall::sim
