// What the features of the task at hand change of what is believed of its candidates.
#include <algorithm>
#include <cmath>

#include "common/mutant.h"
#include "scheduler/chooser.h"
#include "scheduler/milli.h"

namespace hirehall::scheduler {

namespace {

constexpr double longest_ms = 1e12, dearest = 1e6;  // as of what is kept for a turn

}  // namespace

// On top of what is kept for the turn: that is the same for all tasks of the class.
std::int64_t Chooser::add_features(const Listed& listed, const PolicySettings& settings,
                                   const TaskAtHand& task, const Outlook& seen, Candidate& candidate) {
  auto& bare = choice_.bare.emplace_back(
      WithoutFeatures{candidate.log_odds, seen.p50_ms, candidate.cost, seen.p50_ms});
  if (learned_ == nullptr) return seen.p50_ms;
  // On each worker the same for an agent.
  auto known =
      std::ranges::find(by_features_, listed.agent_hash, &std::pair<std::uint64_t, ByFeatures>::first);
  if (known == by_features_.end())
    known = by_features_.insert(
        known, {listed.agent_hash, learned_->by_features(*listed.name, task.type, *task.features,
                                                         static_cast<double>(seen.p50_ms),
                                                         static_cast<double>(seen.cost) / micros_per_unit)});
  const auto& [success, p50_ms, cost] = known->second;
  candidate.log_odds = from_milli(milli(candidate.log_odds + success.log_odds));
  candidate.log_odds_sd =
      from_milli(milli(std::sqrt(candidate.log_odds_sd * candidate.log_odds_sd + success.variance)));
  if (settings.policy == Policy::learned)
    candidate.cost = std::llround(std::clamp(cost, 0.0, dearest) * micros_per_unit);
  bare.run_ms_with = std::llround(std::clamp(p50_ms, 1.0, longest_ms));
  return HH_MUTANT("features_take_no_time") ? bare.run_ms : bare.run_ms_with;
}

std::int64_t Chooser::run_of_candidate(std::size_t index, const TaskAtHand& task) {
  const auto p50_ms = outlook(listed_[index], task).p50_ms;
  return choice_.bare.empty() ? p50_ms : choice_.bare[index].run_ms_with;
}

}  // namespace hirehall::scheduler
