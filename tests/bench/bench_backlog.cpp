// Many queued tasks: the broker's memory, how fast they come in without a worker, and how fast they drain,
// against a queue of 10,000 in the same fleet; spread over lanes also against a single lane.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

constexpr std::uint64_t short_tasks = 10'000;
constexpr std::uint64_t short_rounds = 20;  // before and again after
constexpr std::uint64_t warm_up_rounds = 3;

struct Figures {
  double fill_per_s = 0, drain_per_s = 0, short_per_s = 0;
  double rss_mb = 0, peak_rss_mb = 0, drained_rss_mb = 0;
  double fill_broker_us = 0;
  CpuPerTask drain_cpu;
  Counted counted;
  std::string configuration;
};

// From the word to go on to the last result, for the short queue as for the long one.
double drain_rate(const Receipts::Figures& f, std::int64_t resumed_ns) {
  return static_cast<double>(f.results) / (static_cast<double>(f.last_ns - resumed_ns) / 1e9);
}

class Backlog {
 public:
  Backlog(const Settings& settings, Fleet& fleet, Load& load)
      : settings_(settings), fleet_(fleet), load_(load) {}

  Result<Figures> measure() {
    std::vector<double> rates;
    if (auto done = short_queues(rates); !done) return tl::unexpected(done.error());
    if (auto done = fleet_.stop_worker(); !done) return tl::unexpected(done.error());
    if (auto done = fill(); !done) return tl::unexpected(done.error());
    if (auto done = drain(); !done) return tl::unexpected(done.error());
    if (auto done = short_queues(rates); !done) return tl::unexpected(done.error());
    figures_.short_per_s = median(rates);
    if (auto right = load_.verdict(); !right) return tl::unexpected(right.error());
    figures_.configuration = fleet_.configuration();
    return figures_;
  }

 private:
  Status short_queues(std::vector<double>& rates) {
    for (std::uint64_t round = 0; round < warm_up_rounds + short_rounds; ++round) {
      if (auto done = load_.pause(); !done) return done;
      if (auto done = load_.fill(short_tasks); !done) return done;
      load_.receipts().mark();
      auto resumed_ns = now_ns();
      if (auto done = load_.resume(); !done) return done;
      if (auto done = load_.wait_for_results(); !done) return done;
      if (round >= warm_up_rounds) rates.push_back(drain_rate(load_.receipts().figures(), resumed_ns));
    }
    return {};
  }

  Status fill() {
    if (auto done = load_.pause(); !done) return done;
    auto before = load_.counted();
    if (!before) return tl::unexpected(before.error());
    before_ = *before;
    auto broker_us = fleet_.broker().cpu_us();
    auto start = now_ns();
    if (auto done = load_.fill(settings_.tasks); !done) return done;
    figures_.fill_per_s = static_cast<double>(settings_.tasks) / seconds_since(start);
    figures_.fill_broker_us = per_task(fleet_.broker().cpu_us() - broker_us);
    figures_.rss_mb = fleet_.broker().rss_mb();
    note("filled at %.0f tasks/s; the broker takes %.0f MB", figures_.fill_per_s, figures_.rss_mb);
    return {};
  }

  Status drain() {
    if (auto up = fleet_.start_worker(); !up) return up;
    if (auto up = fleet_.wait_for_worker(); !up) return up;
    load_.receipts().mark();
    auto broker_us = fleet_.broker().cpu_us(), worker_us = fleet_.worker().cpu_us(), client_us = own_cpu_us();
    auto resumed_ns = now_ns();
    if (auto done = load_.resume(); !done) return done;
    if (auto done = load_.wait_for_results(); !done) return done;
    figures_.drain_per_s = drain_rate(load_.receipts().figures(), resumed_ns);
    figures_.drain_cpu = {per_task(fleet_.broker().cpu_us() - broker_us),
                          per_task(fleet_.worker().cpu_us() - worker_us), per_task(own_cpu_us() - client_us)};
    figures_.peak_rss_mb = fleet_.broker().peak_rss_mb();
    figures_.drained_rss_mb = fleet_.broker().rss_mb();
    auto after = load_.counted();
    if (!after) return tl::unexpected(after.error());
    figures_.counted = {after->commits - before_.commits, after->syncs - before_.syncs};
    note("drained at %.0f tasks/s; the broker's peak was %.0f MB", figures_.drain_per_s,
         figures_.peak_rss_mb);
    return {};
  }

  double per_task(std::int64_t us) const {
    return static_cast<double>(us) / static_cast<double>(settings_.tasks);
  }

  const Settings& settings_;
  Fleet& fleet_;
  Load& load_;
  Figures figures_;
  Counted before_;
};

Result<Figures> measure(const Settings& settings) {
  auto fleet = Fleet::make(settings, Agent::echo, settings.sync_delay_ms);
  if (!fleet) return tl::unexpected(fleet.error());
  if (auto up = fleet->start_broker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->start_worker(); !up) return tl::unexpected(up.error());
  if (auto up = fleet->wait_for_worker(); !up) return tl::unexpected(up.error());
  Load::Setup setup;
  setup.endpoint = fleet->endpoint();
  setup.total = settings.tasks + 2 * short_tasks * (short_rounds + warm_up_rounds);
  setup.check = [&fleet] { return fleet->check(); };
  auto load = Load::connect(settings, setup);
  if (!load) return tl::unexpected(load.error());
  auto figures = Backlog(settings, *fleet, **load).measure();
  load->reset();
  if (!figures) return figures;
  if (auto down = fleet->stop(); !down) return tl::unexpected(down.error());
  return figures;
}

void print(const Settings& settings, const Figures& f, std::optional<double> single_lane_per_s) {
  Report report("backlog");
  report.set("tasks", settings.tasks)
      .set("payload_bytes", settings.payload_bytes)
      .set("batched", settings.batched)
      .set("lanes", settings.lanes)
      .set("priorities", settings.priorities)
      .set("records", "packed")
      .set("durability", "fsync")
      .set("sync_delay_ms", settings.sync_delay_ms)
      .set("tasks_per_s", f.drain_per_s)
      .set("rss_mb", f.rss_mb)
      .set("limit_tasks_per_s", f.short_per_s)
      .set("ratio_to_limit", f.drain_per_s / f.short_per_s)
      .cpu(f.drain_cpu)
      .set("commits", f.counted.commits)
      .set("syncs", f.counted.syncs)
      .set("configuration", f.configuration)
      .set("limit", "drain of a queue of 10,000 in the same fleet")
      .set("fill_tasks_per_s", f.fill_per_s)
      .set("fill_broker_us_per_task", f.fill_broker_us)
      .set("peak_rss_mb", f.peak_rss_mb)
      .set("drained_rss_mb", f.drained_rss_mb)
      .set("seed", settings.seed)
      .set("kind", settings.kind)
      .set("transport", settings.transport)
      .set("slots", settings.slots);
  if (single_lane_per_s)
    report.set("single_lane_tasks_per_s", *single_lane_per_s)
        .set("ratio_to_single_lane", f.drain_per_s / *single_lane_per_s);
  std::printf("%s\n", report.json().c_str());
  std::fflush(stdout);
}

}  // namespace

int bench_backlog(const Settings& settings) {
  for (std::uint64_t round = 1; round <= settings.rounds; ++round) {
    std::optional<double> single_lane;
    if (settings.lanes > 1 || settings.priorities > 1) {
      auto plain = settings;
      plain.lanes = plain.priorities = 1;
      note("a single lane first");
      auto figures = measure(plain);
      if (!figures) return complain(figures.error());
      print(plain, *figures, std::nullopt);
      single_lane = figures->drain_per_s;
      note("now %d lanes of %d priorities, seed %llu", static_cast<int>(settings.lanes),
           static_cast<int>(settings.priorities), static_cast<unsigned long long>(settings.seed));
    }
    auto figures = measure(settings);
    if (!figures) return complain(figures.error());
    print(settings, *figures, single_lane);
  }
  return 0;
}

}  // namespace hirehall::bench
