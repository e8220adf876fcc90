// Many queued tasks, and the broker is killed: from the start of the new process to the start of the first
// agent, with a worker that waits for it. Then everything drains, and every acknowledged task must come.
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {
namespace {

constexpr auto first_result_limit = std::chrono::minutes(5);
constexpr auto worker_settles = std::chrono::seconds(1);  // so that it is in its retries, not in its start

struct Figures {
  double first_award_s = 0, serving_s = 0, drain_per_s = 0, fill_per_s = 0;
  double filled_rss_mb = 0, rss_mb = 0;
  std::string configuration;
};

Status crash_and_restart(Fleet& fleet, Figures& figures) {
  fleet.broker().kill_hard();
  if (auto up = fleet.start_worker(); !up) return up;
  std::this_thread::sleep_for(worker_settles);
  if (auto well = fleet.worker().check(); !well) return well;
  if (auto up = fleet.start_broker(); !up) return up;
  figures.serving_s = seconds_since(fleet.broker_started_ns());
  note("the broker serves again after %.2f s", figures.serving_s);
  return {};
}

Result<Figures> measure(const Settings& settings, Fleet& fleet, Load& load) {
  Figures figures;
  auto start = now_ns();
  if (auto done = load.fill(settings.tasks); !done) return tl::unexpected(done.error());
  figures.fill_per_s = static_cast<double>(settings.tasks) / seconds_since(start);
  figures.filled_rss_mb = fleet.broker().rss_mb();
  note("filled at %.0f tasks/s; now kill -9", figures.fill_per_s);
  if (auto done = crash_and_restart(fleet, figures); !done) return tl::unexpected(done.error());
  if (!load.receipts().wait_for(1, first_result_limit))
    return fail(Code::timeout, "no result came after the restart", fleet.endpoint());
  figures.rss_mb = fleet.broker().rss_mb();
  if (auto done = load.wait_for_results(); !done) return tl::unexpected(done.error());
  auto came = load.receipts().figures();
  figures.first_award_s = static_cast<double>(came.first_start_ns - fleet.broker_started_ns()) / 1e9;
  figures.drain_per_s =
      static_cast<double>(came.results) / (static_cast<double>(came.last_ns - came.first_start_ns) / 1e9);
  if (auto right = load.verdict(true); !right) return tl::unexpected(right.error());
  figures.configuration = fleet.configuration();
  return figures;
}

Result<Figures> round_of(const Settings& settings) {
  auto fleet = Fleet::make(settings, Agent::stamp, settings.sync_delay_ms);
  if (!fleet) return tl::unexpected(fleet.error());
  if (auto up = fleet->start_broker(); !up) return tl::unexpected(up.error());
  Load::Setup setup;
  setup.endpoint = fleet->endpoint();
  setup.total = settings.tasks;
  setup.stamped = true;
  setup.check = [&fleet] { return fleet->check(); };
  auto load = Load::connect(settings, setup);
  if (!load) return tl::unexpected(load.error());
  auto figures = measure(settings, *fleet, **load);
  load->reset();
  if (!figures) return figures;
  if (auto down = fleet->stop(); !down) return tl::unexpected(down.error());
  return figures;
}

double middle(const std::vector<Figures>& rounds, double Figures::*member) {
  std::vector<double> values;
  for (const auto& figures : rounds) values.push_back(figures.*member);
  return median(values);
}

void print(const Settings& settings, const std::vector<Figures>& rounds) {
  Report report("recovery");
  report.set("tasks", settings.tasks)
      .set("payload_bytes", settings.payload_bytes)
      .set("batched", settings.batched)
      .set("lanes", settings.lanes)
      .set("priorities", settings.priorities)
      .set("records", "packed")
      .set("durability", "fsync")
      .set("sync_delay_ms", settings.sync_delay_ms)
      .set("tasks_per_s", middle(rounds, &Figures::drain_per_s))
      .set("rss_mb", middle(rounds, &Figures::rss_mb))
      .set("configuration", rounds.front().configuration)
      .set("first_award_s", middle(rounds, &Figures::first_award_s))
      .set("serving_s", middle(rounds, &Figures::serving_s))
      .set("filled_rss_mb", middle(rounds, &Figures::filled_rss_mb))
      .set("fill_tasks_per_s", middle(rounds, &Figures::fill_per_s))
      .set("rounds", settings.rounds)
      .set("kind", settings.kind)
      .set("transport", settings.transport)
      .set("slots", settings.slots);
  std::printf("%s\n", report.json().c_str());
}

}  // namespace

int bench_recovery(const Settings& settings) {
  if (settings.kind == "process")
    return complain(
        {Code::invalid, "an agent that is a program has no start stamp; take inline or child", "--kind", 0});
  std::vector<Figures> rounds;
  for (std::uint64_t round = 1; round <= settings.rounds; ++round) {
    auto figures = round_of(settings);
    if (!figures) return complain(figures.error());
    note("round %d: first award after %.3f s", static_cast<int>(round), figures->first_award_s);
    rounds.push_back(std::move(*figures));
  }
  print(settings, rounds);
  return 0;
}

}  // namespace hirehall::bench
