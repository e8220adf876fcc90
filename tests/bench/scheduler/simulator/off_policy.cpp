#include "tests/bench/scheduler/simulator/off_policy.h"

#include <cmath>
#include <vector>

#include "scheduler/policy.h"
#include "scheduler/success.h"
#include "tests/bench/scheduler/simulator/routing.h"
#include "tests/bench/scheduler/simulator/statistics.h"

namespace hirehall::simulator {

namespace {

constexpr std::uint32_t agents = 8, types = 5, lessons = 400;
using Shares = std::vector<double>;  // propensities of the agents for one type

struct Sides {
  std::vector<std::vector<scheduler::Candidate>> candidates;  // by type
  std::vector<Shares> logging, target;
  std::vector<Shares> guess;  // what the direct method believes, learned before the log
};

scheduler::PolicySettings exploring(std::uint32_t percent) {
  scheduler::PolicySettings out;
  out.policy = scheduler::Policy::learned;
  out.explore_percent = percent;
  return out;
}

Shares shares(const scheduler::PolicySettings& settings,
              const std::vector<scheduler::Candidate>& candidates) {
  Shares out;
  for (std::uint32_t a = 0; a < agents; ++a) out.push_back(scheduler::propensity(settings, candidates, a));
  return out;
}

Sides prepare(SkillWorld& world) {
  scheduler::SuccessModel model;
  auto& stream = world.stream();
  for (std::uint32_t i = 0; i < lessons; ++i) {
    const auto a = static_cast<std::uint32_t>(stream.below(agents)),
               t = static_cast<std::uint32_t>(stream.below(types));
    model.learn(a, t, stream.uniform() < world.chance(a, t));
  }
  Sides out;
  for (std::uint32_t t = 0; t < types; ++t) {
    auto& row = out.candidates.emplace_back(agents);
    Shares guess;
    for (std::uint32_t a = 0; a < agents; ++a) {
      const auto belief = model.belief(a, t);
      row[a].worker = a;
      row[a].log_odds = belief.log_odds;
      row[a].log_odds_sd = belief.own_sd;
      guess.push_back(belief.probability);
    }
    out.logging.push_back(shares(exploring(150), row));
    out.target.push_back(shares(exploring(70), row));
    out.guess.push_back(guess);
  }
  return out;
}

Estimate interval(const std::vector<double>& values) {
  const auto band = band_of(values);
  return {band.mean, band.low, band.high};
}

}  // namespace

OffPolicy off_policy(std::uint64_t seed, std::uint32_t decisions) {
  RoutingCase setup;
  setup.agents = agents, setup.types = types;
  SkillWorld world(setup, seed);
  const auto sides = prepare(world);
  OffPolicy out;
  for (std::uint32_t t = 0; t < types; ++t)
    for (std::uint32_t a = 0; a < agents; ++a) out.truth += sides.target[t][a] * world.chance(a, t) / types;

  std::vector<double> ips, dr, weights, rewards;
  auto& stream = world.stream();
  for (std::uint32_t i = 0; i < decisions; ++i) {
    const auto t = static_cast<std::uint32_t>(stream.below(types));
    const auto a = scheduler::decide(exploring(150), sides.candidates[t], stream.next()).winner;
    const double reward = stream.uniform() < world.chance(a, t) ? 1 : 0;
    const double weight = sides.target[t][a] / std::max(sides.logging[t][a], 1e-6);
    double direct = 0;
    for (std::uint32_t b = 0; b < agents; ++b) direct += sides.target[t][b] * sides.guess[t][b];
    ips.push_back(weight * reward);
    dr.push_back(direct + weight * (reward - sides.guess[t][a]));
    weights.push_back(weight);
    rewards.push_back(reward);
  }
  out.ips = interval(ips);
  out.dr = interval(dr);
  // The ratio of two means; its spread by the delta method.
  const double weight = mean_of(weights), ratio = mean_of(ips) / weight;
  std::vector<double> residual;
  double squares = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    residual.push_back(ratio + weights[i] * (rewards[i] - ratio) / weight);
    squares += weights[i] * weights[i];
  }
  out.snips = interval(residual);
  const auto n = static_cast<double>(decisions);
  out.effective_share = weight * n * weight * n / squares / n;
  return out;
}

}  // namespace hirehall::simulator
