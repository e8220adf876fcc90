#include "tests/bench/scheduler/simulator/routing.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "scheduler/duration.h"
#include "scheduler/policy.h"
#include "scheduler/success.h"

namespace hirehall::simulator {

using scheduler::Stream;

namespace {

struct Told {
  std::uint32_t agent = 0, type = 0;
  bool success = false;
};

// One router at work: chooses, and is told outcomes.
class Chooser {
 public:
  Chooser(Router router, const RoutingCase& setup, std::uint64_t seed)
      : router_(router), setup_(setup), stream_(seed), tries_(cells(), 0), wins_(cells(), 0) {
    settings_.policy = scheduler::Policy::learned;
    if (router == Router::greedy) settings_.explore_percent = 0;
  }

  std::uint32_t choose(std::uint32_t type) {
    if (router_ == Router::random) return static_cast<std::uint32_t>(stream_.below(setup_.agents));
    if (router_ == Router::ucb1) return by_bound(type);
    candidates_.resize(setup_.agents);
    for (std::uint32_t a = 0; a < setup_.agents; ++a) {
      const auto belief = model_.belief(a, type);
      candidates_[a].worker = a;
      candidates_[a].log_odds = belief.log_odds;
      candidates_[a].log_odds_sd = belief.own_sd;
    }
    return scheduler::decide(settings_, candidates_, stream_.next()).winner;
  }

  double forecast(std::uint32_t agent, std::uint32_t type) const {
    return model_.belief(agent, type).probability;
  }

  void tell(const Told& told) {
    const std::size_t cell = std::size_t{told.agent} * setup_.types + told.type;
    ++tries_[cell], wins_[cell] += told.success ? 1 : 0, ++told_;
    if (router_ == Router::learned || router_ == Router::greedy)
      model_.learn(told.agent, told.type, told.success);
  }

  std::uint64_t alarms() const { return model_.alarms(); }

 private:
  std::size_t cells() const { return std::size_t{setup_.agents} * setup_.types; }

  std::uint32_t by_bound(std::uint32_t type) const {
    std::uint32_t best = 0;
    double most = -1;
    for (std::uint32_t a = 0; a < setup_.agents; ++a) {
      const std::size_t cell = std::size_t{a} * setup_.types + type;
      const double n = tries_[cell];
      const double bound = n == 0 ? 1e9 : wins_[cell] / n + std::sqrt(2 * std::log(told_ + 1.0) / n);
      if (bound > most) most = bound, best = a;
    }
    return best;
  }

  Router router_;
  RoutingCase setup_;
  Stream stream_;
  scheduler::PolicySettings settings_;
  scheduler::SuccessModel model_;
  std::vector<scheduler::Candidate> candidates_;
  std::vector<double> tries_, wins_;
  double told_ = 0;
};

double calibration_error(std::vector<std::pair<double, bool>> made) {
  std::sort(made.begin(), made.end());
  constexpr std::size_t bins = 10;
  double error = 0;
  for (std::size_t b = 0; b < bins; ++b) {
    double believed = 0, happened = 0;
    const auto begin = made.size() * b / bins, end = made.size() * (b + 1) / bins;
    for (auto i = begin; i < end; ++i) believed += made[i].first, happened += made[i].second ? 1 : 0;
    error += std::abs(believed - happened);
  }
  return made.empty() ? 0 : error / static_cast<double>(made.size());
}

}  // namespace

SkillWorld::SkillWorld(const RoutingCase& setup, std::uint64_t seed)
    : setup_(setup),
      stream_(seed),
      of_type_(setup.types),
      of_agent_(setup.agents),
      together_(std::size_t{setup.agents} * setup.types) {
  for (auto& x : of_type_) x = 0.5 * stream_.normal();
  for (std::uint32_t a = 0; a < setup.agents; ++a) draw(a);
}

void SkillWorld::draw(std::uint32_t agent) {
  of_agent_[agent] = 0.8 * stream_.normal();
  for (std::uint32_t t = 0; t < setup_.types; ++t)
    together_[std::size_t{agent} * setup_.types + t] = 0.9 * stream_.normal();
}

double SkillWorld::chance(std::uint32_t agent, std::uint32_t type) const {
  return scheduler::logistic(of_agent_[agent] + of_type_[type] +
                             together_[std::size_t{agent} * setup_.types + type]);
}

void SkillWorld::shift() {
  std::vector<std::uint32_t> order(setup_.agents);
  for (std::uint32_t a = 0; a < setup_.agents; ++a) order[a] = a;
  for (std::uint32_t k = 0; k < (setup_.agents + 3) / 4; ++k) {
    std::swap(order[k], order[k + stream_.below(setup_.agents - k)]);
    draw(order[k]);
  }
}

RoutingResult route(const RoutingCase& setup, Router router, std::uint64_t seed) {
  SkillWorld world(setup, seed);
  Chooser chooser(router, setup, seed ^ 0x5eed);
  std::deque<Told> pending;
  RoutingResult out;
  std::vector<std::pair<double, bool>> made;
  double regret = 0, of_random = 0, believed = 0, truth = 0;
  for (std::uint32_t i = 0; i < setup.tasks; ++i) {
    if (setup.shifts > 0 && i > 0 && i % (setup.tasks / (setup.shifts + 1)) == 0) world.shift();
    const auto type = static_cast<std::uint32_t>(world.stream().below(setup.types));
    double best = 0, mean = 0, single = 0, single_sum = -1;
    for (std::uint32_t a = 0; a < setup.agents; ++a) {
      const double p = world.chance(a, type);
      best = std::max(best, p);
      mean += p / setup.agents;
      if (router != Router::best_single) continue;
      double sum = 0;  // the agent that is best over all types, known from the start
      for (std::uint32_t t = 0; t < setup.types; ++t) sum += world.chance(a, t);
      if (sum > single_sum) single_sum = sum, single = p;
    }
    const bool fixed = router == Router::best_single;
    const auto chosen = fixed ? 0 : chooser.choose(type);
    const double p = fixed ? single : world.chance(chosen, type);
    regret += best - p;
    of_random += best - mean;
    const bool success = world.stream().uniform() < p;
    if (!fixed && i >= setup.tasks / 4) {
      const double forecast = chooser.forecast(chosen, type), y = success ? 1 : 0;
      believed += (forecast - y) * (forecast - y);
      truth += (p - y) * (p - y);
      made.emplace_back(forecast, success);
    }
    pending.push_back({chosen, type, success});
    for (; !fixed && pending.size() > setup.delay; pending.pop_front()) chooser.tell(pending.front());
    if ((i + 1) % (setup.tasks / 100) == 0) out.curve.push_back(regret);
  }
  out.regret_share = regret / of_random;
  for (auto& point : out.curve) point /= of_random;
  out.brier_ratio = truth > 0 ? believed / truth : 0;
  out.calibration_error = calibration_error(std::move(made));
  out.alarms = chooser.alarms();
  return out;
}

double duration_coverage(std::uint64_t seed, double log_sd) {
  Stream stream(seed);
  constexpr std::uint32_t agents = 10, types = 6;
  std::vector<double> of_agent(agents), of_type(types);
  for (auto& x : of_agent) x = 0.6 * stream.normal();
  for (auto& x : of_type) x = 7 + 1.5 * stream.normal();
  scheduler::DurationModel model;
  double below = 0, asked = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto a = static_cast<std::uint32_t>(stream.below(agents)),
               t = static_cast<std::uint32_t>(stream.below(types));
    const double took = std::exp(of_agent[a] + of_type[t] + log_sd * stream.normal());
    if (i >= 1'000) asked += 1, below += took <= model.belief(a, t).p90_ms ? 1 : 0;
    model.learn(a, t, took);
  }
  return below / asked;
}

double duration_coverage(const std::vector<double>& durations) {
  scheduler::DurationModel model;
  double below = 0;
  for (const double took : durations) {
    below += took <= model.belief(0, 0).p90_ms ? 1 : 0;
    model.learn(0, 0, took);
  }
  return below / static_cast<double>(durations.size());
}

}  // namespace hirehall::simulator
