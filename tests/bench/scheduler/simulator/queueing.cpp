#include "tests/bench/scheduler/simulator/queueing.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <queue>
#include <string>
#include <tuple>

#include "scheduler/chance.h"
#include "scheduler/dispatcher.h"

namespace hirehall::simulator {

using scheduler::Stream;

namespace {

class Run {
 public:
  Run(const FleetSetup& fleet, const std::vector<Arrival>& arrivals, std::uint64_t seed)
      : fleet_(fleet), arrivals_(arrivals), stream_(seed), free_at_(fleet.speeds.size(), 0) {}

  Waits central();
  Waits hall();
  Waits by_line(Assignment assignment);

 private:
  using Event = std::tuple<double, std::uint32_t>;  // when, which worker is free
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

  double service(std::size_t task, std::uint32_t worker) const {
    return arrivals_[task].service / fleet_.speeds[worker];
  }
  void done(std::size_t task, double started, double finished, double told) {
    waits_.done(arrivals_[task].at, started, finished, told);
  }
  Waits result() const { return waits_.result(arrivals_.front().at, fleet_.speeds.size()); }

  const FleetSetup& fleet_;
  const std::vector<Arrival>& arrivals_;
  Stream stream_;
  std::vector<double> free_at_;
  WaitBook waits_;
};

Waits Run::central() {
  std::vector<std::pair<double, std::uint32_t>> idle;  // slowest last: the heap gives the fastest
  for (std::uint32_t w = 0; w < fleet_.speeds.size(); ++w) idle.emplace_back(fleet_.speeds[w], w);
  std::make_heap(idle.begin(), idle.end());
  Events events;
  std::deque<std::size_t> line;
  std::size_t next = 0;
  const auto start = [&](std::size_t task, std::uint32_t worker, double now) {
    const double end = now + service(task, worker);
    done(task, now, end, end);
    events.emplace(end, worker);
  };
  while (next < arrivals_.size() || !events.empty()) {
    const bool arrives =
        next < arrivals_.size() && (events.empty() || arrivals_[next].at <= std::get<0>(events.top()));
    if (arrives) {
      const auto task = next++;
      if (idle.empty()) {
        line.push_back(task);
        continue;
      }
      std::pop_heap(idle.begin(), idle.end());
      start(task, idle.back().second, arrivals_[task].at);
      idle.pop_back();
      continue;
    }
    const auto [now, worker] = events.top();
    events.pop();
    if (line.empty()) {
      idle.emplace_back(fleet_.speeds[worker], worker);
      std::push_heap(idle.begin(), idle.end());
      continue;
    }
    start(line.front(), worker, now);
    line.pop_front();
  }
  return result();
}

Waits Run::hall() {
  scheduler::Dispatcher hall;
  hall.define_queue(0, 1);
  hall.define_class(0, "work", {});
  std::vector<std::deque<std::size_t>> lines(fleet_.tenants);
  LagBook lag(fleet_.tenants);
  for (std::uint32_t t = 0; t < fleet_.tenants; ++t) hall.define_lane(t, 0, 1);
  scheduler::WorkerSpec spec;
  spec.agents.emplace_back().types = {"work"};
  for (std::uint32_t w = 0; w < fleet_.speeds.size(); ++w) hall.connect(w, spec, 1);
  Events events;
  std::size_t next = 0;
  const double half = fleet_.round_trip / 2;
  while (next < arrivals_.size() || !events.empty()) {
    double now = 0;
    if (next < arrivals_.size() && (events.empty() || arrivals_[next].at <= std::get<0>(events.top()))) {
      now = arrivals_[next].at;
      const auto tenant = arrivals_[next].tenant % fleet_.tenants;
      lines[tenant].push_back(next++);
      lag.arrived(tenant);
      hall.set_ready(hall.shelf(tenant, 0), true, lines[tenant].front());
    } else {
      now = std::get<0>(events.top());
      hall.release(std::get<1>(events.top()), 1);
      events.pop();
    }
    for (auto pick = hall.next(); pick; pick = hall.next()) {
      auto& line = lines[pick->lane];
      const auto task = line.front();
      line.pop_front();
      const double own = arrivals_[task].service;
      hall.take(*pick, 1, static_cast<std::uint64_t>(std::ceil(own * 1000)));
      const double started = now + half, finished = started + service(task, pick->worker);
      done(task, started, finished, finished + half);
      events.emplace(finished + half, pick->worker);
      lag.awarded(pick->lane, own);
      hall.set_ready(pick->shelf, !line.empty(), line.empty() ? 0 : line.front());
    }
  }
  auto out = result();
  out.lag = lag.largest();
  return out;
}

// Lines before the workers: a task stays where it was sent.
Waits Run::by_line(Assignment assignment) {
  const auto count = static_cast<std::uint32_t>(fleet_.speeds.size());
  std::vector<std::uint32_t> length(count, 0);
  Events events;
  std::uint32_t turn = 0;
  for (std::size_t task = 0; task < arrivals_.size(); ++task) {
    const double now = arrivals_[task].at;
    for (; !events.empty() && std::get<0>(events.top()) <= now; events.pop())
      --length[std::get<1>(events.top())];
    auto worker = static_cast<std::uint32_t>(stream_.below(count));
    if (assignment == Assignment::round_robin) worker = turn++ % count;
    if (assignment == Assignment::two_choices) {
      const auto other = static_cast<std::uint32_t>(stream_.below(count));
      if (length[other] < length[worker]) worker = other;
    }
    ++length[worker];
    const double started = std::max(now, free_at_[worker]), finished = started + service(task, worker);
    free_at_[worker] = finished;
    events.emplace(finished, worker);
    done(task, started, finished, finished);
  }
  return result();
}

}  // namespace

std::string_view name_of(Assignment assignment) {
  switch (assignment) {
    case Assignment::central:
      return "central";
    case Assignment::hall:
      return "hall";
    case Assignment::random:
      return "random";
    case Assignment::round_robin:
      return "round_robin";
    case Assignment::two_choices:
      break;
  }
  return "two_choices";
}

Waits run(const FleetSetup& fleet, const std::vector<Arrival>& arrivals, Assignment assignment,
          std::uint64_t seed) {
  Run run(fleet, arrivals, seed);
  if (assignment == Assignment::central) return run.central();
  return assignment == Assignment::hall ? run.hall() : run.by_line(assignment);
}

FleetSetup mixed_fleet(std::uint32_t workers, double sigma, std::uint64_t seed) {
  Stream stream(seed);
  FleetSetup out;
  double sum = 0;
  for (std::uint32_t w = 0; w < workers; ++w) {
    out.speeds.push_back(std::exp(sigma * stream.normal()));
    sum += out.speeds.back();
  }
  for (auto& speed : out.speeds) speed *= workers / sum;
  return out;
}

std::vector<Arrival> steady_arrivals(const FleetSetup& fleet, double load, std::uint32_t count,
                                     std::uint64_t seed) {
  Stream stream(seed);
  std::vector<Arrival> out;
  const double rate = load * static_cast<double>(fleet.speeds.size());
  double now = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    now -= std::log(stream.uniform()) / rate;
    out.push_back(
        {now, std::exp(stream.normal() - 0.5), static_cast<std::uint32_t>(stream.below(fleet.tenants))});
  }
  return out;
}

Result<std::vector<Arrival>> read_trace(const std::filesystem::path& csv, std::uint32_t tenants) {
  std::ifstream file(csv);
  if (!file) return fail(Code::not_found, "there is no trace", csv.string());
  std::vector<Arrival> out;
  std::string line;
  std::getline(file, line);
  Stream stream(11);
  while (std::getline(file, line)) {
    int day = 0, hour = 0, minute = 0, context = 0, generated = 0;
    double second = 0;
    const int read = std::sscanf(line.c_str(), "%*d-%*d-%d %d:%d:%lf,%d,%d", &day, &hour, &minute, &second,
                                 &context, &generated);
    if (read != 6)
      return fail(Code::invalid, "a row of a trace is a time and two counts: " + line, csv.string());
    const double at = ((day * 24.0 + hour) * 60 + minute) * 60 + second;
    out.push_back({at, context * 1e-4 + generated * 0.02, static_cast<std::uint32_t>(stream.below(tenants))});
  }
  if (out.empty()) return fail(Code::invalid, "there is no request in it", csv.string());
  std::stable_sort(out.begin(), out.end(), [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return out;
}

double service_of(const std::vector<Arrival>& arrivals) {
  double sum = 0;
  for (const auto& arrival : arrivals) sum += arrival.service;
  return sum;
}

}  // namespace hirehall::simulator
