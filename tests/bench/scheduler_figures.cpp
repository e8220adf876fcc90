// hirehall-bench scheduler: what the scheduler's decisions are worth and what they cost. No broker runs.
#include "tests/bench/scheduler_figures.h"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <functional>
#include <queue>

#include "common/options.h"
#include "scheduler/aging.h"
#include "scheduler/chance.h"
#include "scheduler/chooser.h"
#include "scheduler/dispatcher.h"
#include "scheduler/matching.h"
#include "scheduler/queue_policy.h"
#include "tests/bench/benches.h"
#include "tests/bench/plot.h"
#include "tests/bench/samples.h"
#include "tests/bench/scheduler/simulator/off_policy.h"
#include "tests/bench/scheduler/simulator/outcomes.h"
#include "tests/bench/scheduler/simulator/queueing.h"
#include "tests/bench/scheduler/simulator/routing.h"
#include "tests/bench/scheduler/simulator/statistics.h"
#include "tests/bench/scheduler_lines.h"
#include "tests/unit/scheduler/exact.h"

namespace hirehall::bench {

using namespace simulator;
using scheduler::Stream;

namespace {

// CPU of this thread: the machine may be busy with other things.
std::int64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

scheduler::Round random_round(Stream& stream, std::uint32_t size, std::uint32_t candidates) {
  scheduler::Round round;
  for (std::uint32_t i = 0; i < size; ++i) {
    std::vector<scheduler::Offer> row;
    row.reserve(candidates);
    for (std::uint32_t k = 0; k < candidates; ++k)
      row.push_back({static_cast<std::uint32_t>(stream.below(size)),
                     static_cast<std::int64_t>(1 + stream.below(1'000'000))});
    round.add_row(row);
  }
  round.capacity.assign(size, 1);
  return round;
}

}  // namespace

Status figure_award(const FigureSettings& settings) {
  scheduler::Dispatcher hall;
  hall.define_queue(0, 1);
  hall.define_class(0, "work", {});
  for (std::uint32_t lane = 0; lane < 100; ++lane) {
    hall.define_lane(lane, 0, 1 + lane % 7);
    hall.set_ready(hall.shelf(lane, 0), true);
  }
  scheduler::WorkerSpec spec;
  spec.agents.emplace_back().types = {"work"};
  spec.slots = 4;
  for (std::uint32_t w = 0; w < 1000; ++w) hall.connect(w, spec, 64);
  Stream stream(settings.first_seed);
  std::deque<std::uint32_t> held;
  Samples samples;
  for (int i = 0; i < 200'000; ++i) {
    const auto begin = now_ns();
    const auto pick = hall.next();
    hall.take(*pick, 1, 100 + stream.below(100));
    samples.add(now_ns() - begin);
    held.push_back(pick->worker);
    if (held.size() < 4000) continue;
    hall.release(held.front(), 1);
    held.pop_front();
  }
  const double p99_us = samples.percentile_ms(99) * 1000;
  print("award", "p99 of one greedy award, 1,000 workers, 100 lanes, us", p99_us, "<= 20", p99_us <= 20,
        fmt::format(R"(,"p50":{:.3g})", samples.percentile_ms(50) * 1000));
  return {};
}

// 200 different agents, one of them clearly the best, each free at every award.
Status figure_many_agents(const FigureSettings& settings) {
  constexpr scheduler::WorkerNo agents = 200, best = 137;
  constexpr int awards = 20'000;
  scheduler::Dispatcher hall;
  hall.define_queue(0, 1);
  hall.define_class(0, "work", {});
  hall.define_lane(0, 0, 1);
  hall.set_ready(hall.shelf(0, 0), true);
  scheduler::Prediction learned;
  for (scheduler::WorkerNo w = 0; w < agents; ++w) {
    scheduler::WorkerSpec spec;
    spec.agents.emplace_back().types = {"work"};
    spec.agents[0].name = fmt::format("agent{}", w);
    hall.connect(w, spec, 1);
    for (int i = 0; i < 40; ++i)
      learned.learn({spec.agents[0].name, "1", "work", w == best || i % 2 == 0, 100});
  }
  for (const bool remembers : {false, true}) {
    Stream stream(settings.first_seed);
    scheduler::Chooser chooser;
    Samples samples;
    int to_best = 0;
    for (int i = 0; i < awards; ++i) {
      if (!remembers) chooser = {};
      const auto begin = now_ns();
      chooser.begin_turn(&learned);
      auto pick = *hall.next();
      chooser.choose(hall, scheduler::settings_of(scheduler::Policy::learned), {0, "work", {}, {}},
                     stream.next(), pick);
      samples.add(now_ns() - begin);
      to_best += pick.worker == best;
      hall.take(pick, 1, 1);
      hall.release(pick.worker, 1);
    }
    const double share = static_cast<double>(to_best) / awards;
    const double p99_us = samples.percentile_ms(99) * 1000;
    const auto what = remembers ? "with the best agents in every list" : "with drawn lists only";
    print("many_agents", fmt::format("share of awards to the best of 200 agents, {}", what), share,
          remembers ? ">= 0.7" : "reported", !remembers || share >= 0.7);
    print("many_agents", fmt::format("p99 of one learned award, {}, us", what), p99_us, "<= 20", p99_us <= 20,
          fmt::format(R"(,"p50":{:.3g})", samples.percentile_ms(50) * 1000));
  }
  return {};
}

Status figure_matching(const FigureSettings& settings) {
  Stream stream(settings.first_seed);
  Samples samples;
  for (int i = 0; i < 60; ++i) {
    const auto round = random_round(stream, 1000, 32);
    const auto begin = cpu_ns();
    const auto made = scheduler::match(round);
    samples.add(cpu_ns() - begin);
    if (made.total <= 0) return fail(Code::internal, "a round of good offers was matched to nothing");
  }
  print("matching", "1,000 x 1,000, 32 candidates: median ms of CPU", samples.percentile_ms(50), "<= 5",
        samples.percentile_ms(50) <= 5, fmt::format(R"(,"p99":{:.3g})", samples.percentile_ms(99)));
  std::uint64_t exact = 0, rounds = 10'000;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const auto size = static_cast<std::uint32_t>(1 + stream.below(14));
    const auto round = random_round(stream, size, static_cast<std::uint32_t>(1 + stream.below(size)));
    if (scheduler::match(round).total == scheduler::exact_total(round)) ++exact;
  }
  const double share = static_cast<double>(exact) / static_cast<double>(rounds);
  print("matching", "share of 10,000 random rounds with the greatest total (Jonker-Volgenant)", share, "1",
        exact == rounds);
  return {};
}

// Where a round earns more than awards one by one: tasks and workers waiting at the same time, and unequal.
Status figure_matching_gain(const FigureSettings& settings) {
  for (const std::uint32_t workers : {4u, 32u, 128u})
    for (const std::uint32_t tasks : {1u, 32u, 128u})
      for (const double spread : {0.0, 0.5, 1.5}) {
        std::vector<double> gains;
        for (std::uint64_t s = 0; s < settings.seeds; ++s) {
          Stream stream(settings.first_seed + s);
          scheduler::Round round;
          round.capacity.assign(workers, 1);
          std::vector<bool> taken(workers, false);
          double greedy = 0;
          for (std::uint32_t t = 0; t < tasks; ++t) {
            std::vector<scheduler::Offer> row;
            row.reserve(workers);
            for (std::uint32_t w = 0; w < workers; ++w)
              row.push_back(
                  {w,
                   static_cast<std::int64_t>(1e6 * scheduler::logistic(1 + spread * stream.normal())) + 1});
            std::uint32_t best = scheduler::none;
            for (std::uint32_t w = 0; w < workers; ++w)
              if (!taken[w] && (best == scheduler::none || row[w].value > row[best].value)) best = w;
            if (best != scheduler::none) taken[best] = true, greedy += static_cast<double>(row[best].value);
            round.add_row(row);
          }
          gains.push_back(static_cast<double>(scheduler::match(round).total) / greedy - 1);
        }
        const auto gain = band_of(gains);
        print("matching_gain",
              fmt::format("gain over greedy, {} tasks, {} workers, spread {:.1f}", tasks, workers, spread),
              gain.mean, "reported", true, band(gain));
      }
  return {};
}

namespace {

struct RegretCase {
  const char* name;
  RoutingCase setup;
  double aim;
};

Status regret_of(const RegretCase& one, const FigureSettings& settings) {
  Chart chart{fmt::format("Regret, {}: share of random routing's", one.name),
              "tasks (thousands)",
              "regret so far / regret of random routing at the end",
              {},
              command(settings, "regret")};
  const std::pair<Router, const char*> routers[] = {{Router::learned, "learned"},
                                                    {Router::greedy, "no exploring"},
                                                    {Router::best_single, "best single agent"},
                                                    {Router::ucb1, "UCB1"}};
  for (const auto& [router, name] : routers) {
    std::vector<double> shares, brier, error;
    std::vector<std::pair<double, double>> mean(100);
    for (std::uint64_t s = 0; s < settings.seeds; ++s) {
      const auto result = route(one.setup, router, settings.first_seed + s);
      shares.push_back(result.regret_share);
      brier.push_back(result.brier_ratio);
      error.push_back(result.calibration_error);
      for (std::size_t i = 0; i < mean.size() && i < result.curve.size(); ++i)
        mean[i] = {static_cast<double>(i + 1) * one.setup.tasks / 1e5,
                   mean[i].second + result.curve[i] / static_cast<double>(settings.seeds)};
    }
    const auto share = band_of(shares);
    const bool ours = router == Router::learned;
    print("regret", fmt::format("{}, {}", name, one.name), share.mean,
          ours ? fmt::format("<= {}", one.aim) : "reported", !ours || share.mean <= one.aim,
          band(share) + fmt::format(R"(,"seeds":{},"first_seed":{})", settings.seeds, settings.first_seed));
    chart.lines.push_back({name, mean});
    if (!ours) continue;
    const bool judged = one.setup.shifts == 0;
    print("calibration", fmt::format("Brier score over the true model's, {}", one.name), mean_of(brier),
          judged ? "<= 1.02" : "reported", !judged || mean_of(brier) <= 1.02,
          fmt::format(R"(,"ece":{:.4g})", mean_of(error)));
  }
  return keep(chart, settings, fmt::format("scheduler-regret-{}.svg", one.name).c_str());
}

}  // namespace

Status figure_regret(const FigureSettings& settings) {
  RegretCase cases[] = {{"stationary", {}, 0.12}, {"shifts", {}, 0.18}, {"delayed", {}, 0.13}};
  cases[1].setup.shifts = 4;
  cases[2].setup.delay = 200;
  for (const auto& one : cases)
    if (auto done = regret_of(one, settings); !done) return done;
  return {};
}

Status figure_duration(const FigureSettings& settings) {
  for (const double sd : {0.3, 0.85, 1.5}) {
    std::vector<double> covered;
    for (std::uint64_t s = 0; s < settings.seeds; ++s)
      covered.push_back(duration_coverage(settings.first_seed + s, sd));
    const auto share = band_of(covered);
    print("duration", fmt::format("share below the forecast p90, lognormal sigma {}", sd), share.mean,
          "0.88 to 0.92", share.mean >= 0.88 && share.mean <= 0.92, band(share));
  }
  if (!have_traces(settings)) return {};
  for (const char* name : {"code", "conv"}) {
    const auto trace = read_trace(settings.traces / fmt::format("AzureLLMInferenceTrace_{}.csv", name), 1);
    if (!trace) return tl::unexpected(trace.error());
    std::vector<double> durations;
    for (const auto& arrival : *trace) durations.push_back(arrival.service * 1000);
    const double share = duration_coverage(durations);
    print("duration", fmt::format("share below the forecast p90, LLM trace {}", name), share, "0.88 to 0.92",
          share >= 0.88 && share <= 0.92);
  }
  return {};
}

Status figure_outcomes(const FigureSettings& settings) {
  const auto recorded = read_outcomes(settings.outcomes);
  if (!recorded) return tl::unexpected(recorded.error());
  for (const bool in_one_pass : {true, false}) {
    std::vector<double> learned, fixed, subject;
    for (std::uint64_t s = 0; s < 50; ++s) {
      const auto result = (in_one_pass ? online : trained)(*recorded, settings.first_seed + s);
      learned.push_back(result.learned);
      fixed.push_back(result.best_fixed);
      subject.push_back(result.best_per_subject);
    }
    const double gap = (mean_of(learned) - mean_of(fixed)) / (mean_of(subject) - mean_of(fixed));
    const bool met = in_one_pass ? mean_of(learned) >= mean_of(fixed) - 0.002 : gap >= 0.4;
    print(
        "outcomes",
        in_one_pass ? "MMLU, online in one pass: reward" : "MMLU, trained on a half: reward on the other",
        mean_of(learned), in_one_pass ? ">= best fixed - 0.002" : "gap_share >= 0.4", met,
        band(band_of(learned)) +
            fmt::format(
                R"(,"best_fixed":{:.5g},"best_per_subject":{:.5g},"gap_share":{:.4g},"questions":{},"subjects":{})",
                mean_of(fixed), mean_of(subject), gap, recorded->questions.size(),
                recorded->subjects.size()));
  }
  return {};
}

Status figure_off_policy(const FigureSettings& settings) {
  constexpr std::uint64_t runs = 200;
  double ips = 0, snips = 0, dr = 0, effective = 0, width_ips = 0, width_dr = 0;
  for (std::uint64_t s = 0; s < runs; ++s) {
    const auto one = off_policy(settings.first_seed + s, 2000);
    ips += one.ips.covers(one.truth) ? 1.0 / runs : 0;
    snips += one.snips.covers(one.truth) ? 1.0 / runs : 0;
    dr += one.dr.covers(one.truth) ? 1.0 / runs : 0;
    effective += one.effective_share / runs;
    width_ips += (one.ips.high - one.ips.low) / runs;
    width_dr += (one.dr.high - one.dr.low) / runs;
  }
  const auto more = fmt::format(R"(,"runs":{},"effective_share":{:.3g})", runs, effective);
  print("off_policy", "IPS: 95 % intervals that cover the truth", ips, ">= 0.93", ips >= 0.93,
        more + fmt::format(R"(,"width":{:.3g})", width_ips));
  print("off_policy", "SNIPS: 95 % intervals that cover the truth", snips, ">= 0.93", snips >= 0.93, more);
  print("off_policy", "DR: 95 % intervals that cover the truth", dr, ">= 0.93", dr >= 0.93,
        more + fmt::format(R"(,"width":{:.3g})", width_dr));
  return {};
}

Status figure_queue(const FigureSettings& settings) {
  const Assignment all[] = {Assignment::central, Assignment::hall, Assignment::two_choices,
                            Assignment::round_robin, Assignment::random};
  Chart chart{"p99 response by load, 100 workers of unequal speed",
              "load",
              "mean services (cut at 60)",
              {},
              command(settings, "queue")};
  const std::uint64_t seeds = std::min<std::uint64_t>(settings.seeds, 5);
  std::vector<double> ideal, ratio, lag;
  for (const auto assignment : all) {
    Line line{std::string(name_of(assignment)), {}};
    for (const double load : {0.5, 0.7, 0.8, 0.9, 0.95}) {
      std::vector<double> p99;
      for (std::uint64_t s = 0; s < seeds; ++s) {
        auto fleet = mixed_fleet(100, 0.3, settings.first_seed + s);
        fleet.tenants = 4;
        const auto waits =
            simulator::run(fleet, steady_arrivals(fleet, load, 100'000, settings.first_seed + s), assignment,
                           settings.first_seed + s);
        p99.push_back(waits.p99);
        if (load < 0.95) continue;
        if (assignment == Assignment::central) ideal.push_back(waits.p99);
        if (assignment != Assignment::hall) continue;
        ratio.push_back(waits.p99 / ideal[s]);
        lag.push_back(waits.lag);
      }
      line.points.emplace_back(load, std::min(mean_of(p99), 60.0));
      if (load == 0.95)
        print("queue", fmt::format("p99 response at 95 % load, {}", name_of(assignment)), mean_of(p99),
              "reported", true, band(band_of(p99)));
    }
    chart.lines.push_back(std::move(line));
  }
  print("queue", "p99 response at 95 % load over an ideal central queue's", mean_of(ratio), "<= 1.25",
        mean_of(ratio) <= 1.25, band(band_of(ratio)));
  const double most = *std::max_element(lag.begin(), lag.end());
  print("fairness", "largest lag between two busy lanes, in longest tasks", most, "<= 2 (one of each)",
        most <= 2);
  return keep(chart, settings, "scheduler-queue.svg");
}

// One server; high priorities flood it at twice its speed. Who overtook the low one was submitted at most
// (P - p) * A after it.
Status figure_starvation(const FigureSettings&) {
  constexpr Millis step = 1000;
  double worst = 0;
  for (std::int64_t priority = 1; priority <= 9; ++priority) {
    using Entry = std::pair<std::uint64_t, Millis>;  // turn, submitted
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> line;
    const Millis submitted = 5000;
    const auto own = scheduler::turn_of(priority, submitted, step);
    Millis latest = submitted;
    for (Millis now = 0; now < 100'000; now += 10) {
      for (int k = 0; k < 2; ++k) line.emplace(scheduler::turn_of(10, now, step), now);
      if (now == submitted) line.emplace(own, -1);
      const auto [turn, at] = line.top();
      line.pop();
      if (at == -1) break;
      if (now > submitted) latest = std::max(latest, at);
    }
    worst = std::max(worst, static_cast<double>(latest - submitted) /
                                static_cast<double>(scheduler::overtaking_bound(priority, step)));
  }
  print("starvation", "overtaking under a flood of priority 10, over the bound (P-p)A", worst, "<= 1",
        worst <= 1);
  return {};
}

const std::vector<Figure>& scheduler_figures() {
  static const std::vector<Figure> all = {
      {"award", "one greedy award", figure_award},
      {"many_agents", "the best of 200 agents: its share, and what an award costs", figure_many_agents},
      {"matching", "a round of many tasks and workers: time, exactness", figure_matching},
      {"matching_gain", "where a round earns more than awards one by one", figure_matching_gain},
      {"matched", "what rounds gain in the whole engine", figure_matched},
      {"regret", "what not knowing the agents costs, calibration", figure_regret},
      {"duration", "coverage of the forecast p90", figure_duration},
      {"outcomes", "recorded outcomes of two models", figure_outcomes},
      {"features", "what features of tasks gain", figure_features},
      {"off_policy", "estimates of another policy from the log", figure_off_policy},
      {"queue", "response under load against an ideal central queue; fairness", figure_queue},
      {"starvation", "aging under a flood", figure_starvation},
      {"traces", "recorded arrivals, by the whole engine and by others", figure_traces},
  };
  return all;
}

}  // namespace hirehall::bench
