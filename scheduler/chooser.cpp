#include "scheduler/chooser.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "common/mutant.h"
#include "scheduler/chance.h"
#include "scheduler/milli.h"
#include "scheduler/preferred.h"

namespace hirehall::scheduler {

namespace {

constexpr double p50_max = 1e12;
constexpr double told_cost_max = 1e6;  // units, as the price of an auction

std::uint64_t load_of(const Listed& listed) {
  return std::uint64_t{listed.held} * load_one / listed.slots;
}

// With free slots it begins at once; otherwise those before it go first, as many at a time as there are
// slots.
std::int64_t wait_of(const Listed& listed, std::int64_t p50_ms) {
  const std::int64_t held = listed.held, slots = listed.slots;
  return held < slots ? 0 : p50_ms / slots * (held + 1 - slots);
}

std::uint32_t shown(std::uint64_t load) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(load, ~std::uint32_t{0}));
}

}  // namespace

Chooser::Outlook& Chooser::outlook(const Listed& listed, const TaskAtHand& task) {
  auto& kept =
      outlooks_[(listed.agent_hash ^ (listed.agent_hash >> 17) ^ (task.cls * 31ull)) % outlooks_.size()];
  if (kept.turn == turn_ && kept.agent == listed.agent_hash && kept.cls == task.cls) return kept;
  static const Prediction nothing;
  const auto forecast = (learned_ != nullptr ? *learned_ : nothing).forecast(*listed.name, task.type);
  kept = {.agent = listed.agent_hash,
          .turn = turn_,
          .cls = task.cls,
          .log_odds_milli = milli(forecast.success.log_odds),
          .sd_milli = milli(forecast.success.own_sd),
          .p50_ms = std::llround(std::clamp(forecast.duration.p50_ms, 1.0, p50_max)),
          .cost = std::llround(std::clamp(forecast.cost, 0.0, told_cost_max) * micros_per_unit)};
  return kept;
}

// Workers with the same agent differ in load and labels only, and the draw of a chance must not come once for
// each.
void Chooser::keep_one_of_each_agent() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const auto one = listed_[i];
    std::size_t same = 0;
    while (same < kept && listed_[same].agent_hash != one.agent_hash) ++same;
    if (same < kept) {
      auto& other = listed_[same];
      const auto rank = [&](const Listed& l) {
        return std::tuple(load_of(l) + handicap_of(choice_.wanted_labels, l.labels), load_of(l), l.worker);
      };
      if (rank(one) < rank(other)) other = one;
    } else if (kept < candidates_max) {
      listed_[kept++] = one;
    }
  }
  listed_.resize(kept);
}

void Chooser::short_list(Dispatcher& dispatcher, Policy policy, const TaskAtHand& task, std::uint64_t seed,
                         const Pick& pick) {
  auto& best = best_[static_cast<std::size_t>(policy)];
  best.list(task.cls, best_here_);
  dispatcher.short_list(pick, seed, best_here_, listed_);
  best.keep_only(task.cls, best_here_);
  if (listed_.size() > candidates_max) begin_anywhere(pick.worker, seed);
}

// The least loaded stays first, then those of the best agents; of the others no place in the list may be left
// out always.
void Chooser::begin_anywhere(WorkerNo first, std::uint64_t seed) {
  const auto at =
      std::find_if(listed_.begin(), listed_.end(), [&](const auto& l) { return l.worker == first; });
  if (at != listed_.end()) std::iter_swap(at, listed_.begin());
  const auto is_best = [&](const Listed& l) {
    return std::ranges::find(best_here_, l.agent_hash) != best_here_.end();
  };
  const auto from = std::stable_partition(listed_.begin() + 1, listed_.end(), is_best);
  if (from == listed_.end()) return;
  const auto others = static_cast<std::uint64_t>(listed_.end() - from);
  std::rotate(from, from + static_cast<std::ptrdiff_t>(Stream(~seed).below(others)), listed_.end());
}

bool Chooser::list_candidates(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                              std::uint64_t seed, Pick& pick) {
  choice_.affinity = 0;
  choice_.wanted_labels = pick.wanted_labels;
  switch (settings.policy) {
    case Policy::sticky:
      pick.run = 1;  // the next task may have another key
      if (task.affinity_key.empty()) return false;
      choice_.affinity = hash_of(task.affinity_key);
      dispatcher.nearest(pick, choice_.affinity, listed_);
      return !listed_.empty();
    case Policy::learned:
      short_list(dispatcher, settings.policy, task, seed, pick);
      if (task.handed_back != nullptr) pass_on(dispatcher, task, pick);
      keep_one_of_each_agent();
      return listed_.size() > 1 || has_choice(task);
    case Policy::auction:
      short_list(dispatcher, settings.policy, task, seed, pick);
      if (task.handed_back != nullptr) pass_on(dispatcher, task, pick);
      return true;
    case Policy::least_loaded:
      // The pick is the choice already; it has terms only where labels count in it.
      if (pick.wanted_labels == 0) return false;
      list_two(dispatcher, pick);
      return listed_.size() > 1;
  }
  return false;
}

// What it would be worth on an idle worker.
void Chooser::note_worth(Outlook& seen, const PolicySettings& settings, Candidate candidate) {
  const auto bit = static_cast<std::uint8_t>(1u << static_cast<unsigned>(settings.policy));
  if ((seen.noted & bit) != 0) return;
  seen.noted |= bit;
  candidate.finish_ms = seen.p50_ms;
  const auto value = logistic(candidate.log_odds) * static_cast<double>(settings.value);
  best_[static_cast<std::size_t>(settings.policy)].note(seen.cls, seen.agent,
                                                        std::llround(value) - burden(settings, candidate));
}

void Chooser::weigh(const PolicySettings& settings, const TaskAtHand& task) {
  const bool believes = settings.policy == Policy::learned || settings.policy == Policy::auction;
  const bool featured = believes && task.features != nullptr;
  choice_.candidates.clear();
  choice_.features.clear();
  choice_.bare.clear();
  by_features_.clear();
  if (featured) choice_.features = task.features->encoded();
  for (const auto& listed : listed_) {
    auto& candidate = choice_.candidates.emplace_back();
    candidate.worker = listed.worker;
    candidate.agent = listed.agent;
    candidate.load = load_of(listed);
    candidate.name_hash = listed.worker_hash;
    candidate.labels = listed.labels;
    candidate.preferred = HH_MUTANT("preferred_labels_uncounted") ? 0 : listed.labels;
    if (!believes) continue;
    auto& seen = outlook(listed, task);
    if (!task.agent.empty() && *listed.name == task.agent) ++candidate.preferred;
    candidate.log_odds = from_milli(seen.log_odds_milli);
    candidate.log_odds_sd = from_milli(seen.sd_milli);
    if (settings.policy == Policy::learned) candidate.cost = seen.cost;
    note_worth(seen, settings, candidate);  // of the class, whatever this task is like
    const auto run_ms = featured ? add_features(listed, settings, task, seen, candidate) : seen.p50_ms;
    candidate.finish_ms = run_ms + wait_of(listed, seen.p50_ms);
  }
}

// What each asks for the task. Who asks more than the reserve takes no part; false: that leaves nobody.
bool Chooser::take_bids(const PolicySettings& settings, const TaskAtHand& task) {
  std::size_t kept = 0;
  choice_.over_reserve = 0;
  choice_.quotes.clear();
  lowest_ = std::numeric_limits<Micros>::max();
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    auto& candidate = choice_.candidates[i];
    const auto* price = listed_[i].price;
    auto quote = price == nullptr ? Quote{} : price->quote(task.type, candidate.load);
    if (!live_.empty() && live_[i] != nullptr) quote = {.ask = live_[i]->bid, .live = true};
    candidate.ask = HH_MUTANT("dearest_bid_wins") ? std::max<Micros>(0, quote.cap - quote.ask) : quote.ask;
    if (settings.reserve > 0 && quote.ask > settings.reserve && !HH_MUTANT("reserve_ignored")) {
      ++choice_.over_reserve;
      if (quote.ask < lowest_) lowest_ = quote.ask, lowest_agent_ = *listed_[i].name;
      continue;
    }
    listed_[kept] = listed_[i];
    if (!choice_.bare.empty()) choice_.bare[kept] = choice_.bare[i];
    choice_.candidates[kept++] = candidate;
    choice_.quotes.push_back(quote);
  }
  listed_.resize(kept);
  choice_.candidates.resize(kept);
  if (!choice_.bare.empty()) choice_.bare.resize(kept);
  return kept > 0;
}

// Of workers with the same agent the one whose bid and wait cost least: one draw of a chance for each agent.
void Chooser::keep_best_offer_of_each_agent() {
  auto& candidates = choice_.candidates;
  const auto rank = [&](std::size_t i) {
    const auto liked = static_cast<Micros>(candidates[i].labels) * choice_.settings.preference;
    return std::tuple(burden(choice_.settings, candidates[i]) + candidates[i].slot_price - liked,
                      candidates[i].load, candidates[i].worker);
  };
  const auto put = [&](std::size_t to, std::size_t from) {
    listed_[to] = listed_[from];
    candidates[to] = candidates[from];
    if (!choice_.quotes.empty()) choice_.quotes[to] = choice_.quotes[from];
    if (!choice_.bare.empty()) choice_.bare[to] = choice_.bare[from];
  };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    std::size_t same = 0;
    while (same < kept && listed_[same].agent_hash != listed_[i].agent_hash) ++same;
    if (same < kept) {
      if (rank(i) < rank(same)) put(same, i);
    } else if (kept < candidates_max) {
      put(kept++, i);
    }
  }
  listed_.resize(kept);
  candidates.resize(kept);
  if (!choice_.quotes.empty()) choice_.quotes.resize(kept);
  if (!choice_.bare.empty()) choice_.bare.resize(kept);
}

// No more than begin at once, while it has free slots: others may have some too.
std::uint32_t Chooser::run_of(std::size_t index, const TaskAtHand& task) {
  const auto& winner = listed_[index];
  const auto fit = run_ms / run_of_candidate(index, task);
  const auto room =
      winner.held < winner.slots ? std::min(winner.slots - winner.held, winner.room) : winner.room;
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(fit, 1, std::clamp<std::uint32_t>(room, 1, run_max)));
}

Chose Chooser::choose(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                      std::uint64_t seed, Pick& pick) {
  live_.clear();
  choice_.round = 0;
  choice_.absent.clear();
  choice_.handed_back_by = none;
  choice_.went_to = WentTo::anew;
  choice_.matched = {};
  if (!list_candidates(dispatcher, settings, task, seed, pick)) return Chose::nothing;
  choice_.settings = settings;
  choice_.outcomes = learned_ != nullptr ? learned_->outcomes() : 0;
  // It has no rival that could tell what else it might have asked.
  if (choice_.went_to == WentTo::runner_up) choice_.settings.settlement = Settlement::first_price;
  weigh(settings, task);
  if (settings.policy == Policy::auction) {
    if (!take_bids(settings, task)) {
      if (choice_.went_to == WentTo::anew || choice_.went_to == WentTo::same) return Chose::unsold;
      return choose_among_more(dispatcher, settings, task, seed, pick);
    }
    keep_best_offer_of_each_agent();
  }
  return conclude(settings, task, seed, pick);
}

// The runner-up asks more than the reserve now: all but who handed it back. They do as well: that one too.
Chose Chooser::choose_among_more(Dispatcher& dispatcher, const PolicySettings& settings,
                                 const TaskAtHand& task, std::uint64_t seed, Pick& pick) {
  auto back = *task.handed_back;
  const bool left_one_out = choice_.went_to == WentTo::another;
  back.runner_up = none;
  auto again = task;
  again.handed_back = left_one_out ? nullptr : &back;
  const auto chose = choose(dispatcher, settings, again, seed, pick);
  if (!left_one_out || chose != Chose::winner) return chose;
  choice_.handed_back_by = back.by;
  choice_.went_to =
      std::ranges::find(listed_, back.by, &Listed::worker) == listed_.end() ? WentTo::another : WentTo::same;
  pick.run = 1;
  return chose;
}

// Who wins among those whose terms are known, and what that makes of the pick.
Chose Chooser::conclude(const PolicySettings& settings, const TaskAtHand& task, std::uint64_t seed,
                        Pick& pick) {
  choice_.agents.clear();
  for (const auto& listed : listed_) choice_.agents.push_back(*listed.name);
  choice_.award = decide(choice_.settings, choice_.candidates, seed, choice_.affinity);
  const auto& award = choice_.award;
  const auto& winner = award.terms[award.winner];
  pick.worker = winner.worker;
  pick.agent = winner.agent;
  pick.load = shown(winner.load);
  if (settings.policy == Policy::sticky || choice_.went_to != WentTo::anew)
    pick.run = 1;
  else if (settings.policy != Policy::least_loaded)
    pick.run = run_of(award.winner, task);
  pick.runner_up = award.runner_up == none ? none : award.terms[award.runner_up].worker;
  pick.runner_up_load = award.runner_up == none ? 0 : shown(award.terms[award.runner_up].load);
  return Chose::winner;
}

}  // namespace hirehall::scheduler
