// What limits cost: the same load without limit keys, with a key of 10,000 on each task, and with limits over
// those keys that are never reached. All three in each round, so that they see the same machine.
#include <cstdio>
#include <vector>

#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

constexpr std::uint64_t keys_default = 10'000;

struct Figures {
  double tasks_per_s = 0, broker_us = 0;
};

Result<Figures> fleet_round(const Settings& settings, bool keyed, bool limited) {
  auto fleet = Fleet::make(settings, Agent::echo, settings.sync_delay_ms);
  if (!fleet) return tl::unexpected(fleet.error());
  if (auto up = fleet->start_broker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->start_worker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->wait_for_worker(); !up) return tl::unexpected(up.error());
  Load::Setup setup;
  setup.endpoint = fleet->endpoint();
  setup.total = settings.tasks + 200'000 + 2 * settings.window;
  setup.keys = settings.lanes > 1 ? settings.lanes : keys_default;
  setup.keyed = keyed;
  setup.check = [&fleet] { return fleet->check(); };
  auto load = Load::connect(settings, setup);
  if (!load) return tl::unexpected(load.error());
  if (limited)
    if (auto set = (*load)->limit_keys(); !set) return tl::unexpected(set.error());
  auto some = std::min<std::uint64_t>(100'000, std::max(settings.tasks / 10, settings.window * 2));
  if (auto warm = (*load)->run((*load)->in_groups(some)); !warm) return tl::unexpected(warm.error());
  auto cpu = fleet->broker().cpu_us();
  auto start = now_ns();
  if (auto ran = (*load)->run(settings.tasks); !ran) return tl::unexpected(ran.error());
  auto seconds = seconds_since(start);
  Figures figures;
  figures.tasks_per_s = static_cast<double>(settings.tasks) / seconds;
  figures.broker_us =
      static_cast<double>(fleet->broker().cpu_us() - cpu) / static_cast<double>(settings.tasks);
  if (auto right = (*load)->verdict(); !right) return tl::unexpected(right.error());
  load->reset();
  if (auto down = fleet->stop(); !down) return tl::unexpected(down.error());
  return figures;
}

}  // namespace

int bench_limits(const Settings& settings) {
  std::vector<double> plain, keyed, limited, ratio, ratio_to_plain, keyed_us, limited_us;
  for (std::uint64_t round = 1; round <= settings.rounds; ++round) {
    auto without = fleet_round(settings, false, false);
    if (!without) return complain(without.error());
    auto keys = fleet_round(settings, true, false);
    if (!keys) return complain(keys.error());
    auto limits = fleet_round(settings, true, true);
    if (!limits) return complain(limits.error());
    plain.push_back(without->tasks_per_s);
    keyed.push_back(keys->tasks_per_s);
    limited.push_back(limits->tasks_per_s);
    ratio.push_back(limits->tasks_per_s / keys->tasks_per_s);
    ratio_to_plain.push_back(limits->tasks_per_s / without->tasks_per_s);
    keyed_us.push_back(keys->broker_us);
    limited_us.push_back(limits->broker_us);
    note(
        "round %d: plain %.0f, keyed %.0f, limited %.0f tasks/s; ratio %.3f, to plain %.3f; broker us/task "
        "%.2f "
        "%.2f %.2f",
        static_cast<int>(round), plain.back(), keyed.back(), limited.back(), ratio.back(),
        ratio_to_plain.back(), without->broker_us, keys->broker_us, limits->broker_us);
  }
  Report report("limits");
  report.set("tasks", settings.tasks)
      .set("keys", settings.lanes > 1 ? settings.lanes : keys_default)
      .set("plain_tasks_per_s", median(plain))
      .set("keyed_tasks_per_s", median(keyed))
      .set("limited_tasks_per_s", median(limited))
      .set("ratio_to_keyed", median(ratio))
      .set("ratio_to_plain", median(ratio_to_plain))
      .set("broker_us_keyed", median(keyed_us))
      .set("broker_us_limited", median(limited_us))
      .set("rounds", settings.rounds)
      .set("round_ratio_to_keyed", ratio)
      .set("round_ratio_to_plain", ratio_to_plain);
  std::printf("%s\n", report.json().c_str());
  return 0;
}

}  // namespace hirehall::bench
