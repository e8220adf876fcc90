#include "scheduler/chooser.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "common/mutant.h"
#include "common/pack.h"
#include "scheduler/chance.h"

namespace hirehall::scheduler {

namespace {

constexpr std::uint8_t choice_format = 1;  // of pack()
constexpr double p50_max = 1e12;
constexpr double told_cost_max = 1e6;  // units, as the price of an auction

std::uint64_t load_of(const Listed& listed) {
  return std::uint64_t{listed.held} * load_one / listed.slots;
}

// Whole thousandths: the award can be worked out again from what is shown.
std::int64_t milli(double value) {
  return std::llround(std::clamp(value, -1e6, 1e6) * 1000);
}

double from_milli(std::int64_t value) {
  return static_cast<double>(value) / 1000;
}

// With free slots it begins at once; otherwise those before it go first, as many at a time as there are
// slots.
std::int64_t finish_of(const Listed& listed, std::int64_t p50_ms) {
  const std::int64_t held = listed.held, slots = listed.slots;
  return p50_ms + (held < slots ? 0 : p50_ms / slots * (held + 1 - slots));
}

std::uint32_t shown(std::uint64_t load) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(load, ~std::uint32_t{0}));
}

}  // namespace

const Chooser::Outlook& Chooser::outlook(const Listed& listed, const TaskAtHand& task) {
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

// Workers with the same agent differ in load only, and the draw of a chance must not come once for each.
void Chooser::keep_one_of_each_agent() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const auto one = listed_[i];
    std::size_t same = 0;
    while (same < kept && listed_[same].agent_hash != one.agent_hash) ++same;
    if (same < kept) {
      auto& other = listed_[same];
      if (std::pair(load_of(one), one.worker) < std::pair(load_of(other), other.worker)) other = one;
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
  switch (settings.policy) {
    case Policy::sticky:
      pick.run = 1;  // the next task may have another key
      if (task.affinity_key.empty()) return false;
      choice_.affinity = hash_of(task.affinity_key);
      dispatcher.nearest(pick, choice_.affinity, listed_);
      return !listed_.empty();
    case Policy::learned:
      short_list(dispatcher, settings.policy, task, seed, pick);
      keep_one_of_each_agent();
      return listed_.size() > 1;
    case Policy::auction:
      short_list(dispatcher, settings.policy, task, seed, pick);
      return true;
    case Policy::least_loaded:
      break;
  }
  return false;
}

// What it would be worth on an idle worker.
void Chooser::note_worth(const Outlook& seen, const PolicySettings& settings, Candidate candidate) {
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
  choice_.bare_log_odds.clear();
  shifts_.clear();
  if (featured) choice_.features = task.features->encoded();
  for (const auto& listed : listed_) {
    auto& candidate = choice_.candidates.emplace_back();
    candidate.worker = listed.worker;
    candidate.agent = listed.agent;
    candidate.load = load_of(listed);
    candidate.name_hash = listed.worker_hash;
    if (!believes) continue;
    const auto& seen = outlook(listed, task);
    candidate.preferred = !task.agent.empty() && *listed.name == task.agent ? 1 : 0;
    candidate.log_odds = from_milli(seen.log_odds_milli);
    candidate.log_odds_sd = from_milli(seen.sd_milli);
    if (settings.policy == Policy::learned) candidate.cost = seen.cost;
    note_worth(seen, settings, candidate);  // of the class, whatever this task is like
    if (featured) add_features(listed, task, candidate);
    candidate.finish_ms = finish_of(listed, seen.p50_ms);
  }
}

// On top of what is kept for the turn: that is the same for all tasks of the class.
void Chooser::add_features(const Listed& listed, const TaskAtHand& task, Candidate& candidate) {
  choice_.bare_log_odds.push_back(candidate.log_odds);
  if (learned_ == nullptr) return;
  // On each worker the same for an agent.
  auto known =
      std::ranges::find(shifts_, listed.agent_hash, &std::pair<std::uint64_t, FeatureModel::Shift>::first);
  if (known == shifts_.end())
    known =
        shifts_.insert(known, {listed.agent_hash, learned_->shift(*listed.name, task.type, *task.features)});
  const auto& shift = known->second;
  candidate.log_odds = from_milli(milli(candidate.log_odds + shift.log_odds));
  candidate.log_odds_sd =
      from_milli(milli(std::sqrt(candidate.log_odds_sd * candidate.log_odds_sd + shift.variance)));
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
    if (!choice_.bare_log_odds.empty()) choice_.bare_log_odds[kept] = choice_.bare_log_odds[i];
    choice_.candidates[kept++] = candidate;
    choice_.quotes.push_back(quote);
  }
  listed_.resize(kept);
  choice_.candidates.resize(kept);
  if (!choice_.bare_log_odds.empty()) choice_.bare_log_odds.resize(kept);
  return kept > 0;
}

// Of workers with the same agent the one whose bid and wait cost least: one draw of a chance for each agent.
void Chooser::keep_best_offer_of_each_agent() {
  auto& candidates = choice_.candidates;
  const auto rank = [&](std::size_t i) {
    return std::tuple(burden(choice_.settings, candidates[i]), candidates[i].load, candidates[i].worker);
  };
  const auto put = [&](std::size_t to, std::size_t from) {
    listed_[to] = listed_[from];
    candidates[to] = candidates[from];
    choice_.quotes[to] = choice_.quotes[from];
    if (!choice_.bare_log_odds.empty()) choice_.bare_log_odds[to] = choice_.bare_log_odds[from];
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
  choice_.quotes.resize(kept);
  if (!choice_.bare_log_odds.empty()) choice_.bare_log_odds.resize(kept);
}

// No more than begin at once, while it has free slots: others may have some too.
std::uint32_t Chooser::run_of(const Listed& winner, const TaskAtHand& task) {
  const auto fit = run_ms / outlook(winner, task).p50_ms;
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
  if (!list_candidates(dispatcher, settings, task, seed, pick)) return Chose::nothing;
  choice_.settings = settings;
  choice_.outcomes = learned_ != nullptr ? learned_->outcomes() : 0;
  weigh(settings, task);
  if (settings.policy == Policy::auction) {
    if (!take_bids(settings, task)) return Chose::unsold;
    keep_best_offer_of_each_agent();
  }
  return conclude(settings, task, seed, pick);
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
  pick.run = settings.policy == Policy::sticky ? 1 : run_of(listed_[award.winner], task);
  pick.runner_up = award.runner_up == none ? none : award.terms[award.runner_up].worker;
  pick.runner_up_load = award.runner_up == none ? 0 : shown(award.terms[award.runner_up].load);
  return Chose::winner;
}

std::string pack(const Choice& choice) {
  std::string out;
  out.reserve(32 + 56 * choice.candidates.size());
  Packer p(out);
  p.u8(choice_format);
  p.u8(static_cast<std::uint8_t>(choice.award.policy));
  p.uint(choice.award.seed);
  p.uint(choice.outcomes);
  p.uint(choice.affinity);
  const auto& settings = choice.settings;
  for (const auto amount : {settings.value, settings.wait_price, settings.preference, settings.reserve})
    p.sint(amount);
  p.uint(settings.explore_percent);
  p.u8(static_cast<std::uint8_t>(settings.settlement));
  p.uint(choice.over_reserve);
  p.uint(choice.candidates.size());
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const auto& c = choice.candidates[i];
    p.uint(c.worker);
    p.uint(c.agent);
    p.uint(c.load);
    p.uint(c.preferred);
    p.uint(c.name_hash);
    p.sint(milli(c.log_odds));
    p.sint(milli(c.log_odds_sd));
    p.sint(c.finish_ms);
    p.sint(c.cost);
    p.bytes(choice.agents[i]);
    if (settings.policy != Policy::auction) continue;
    const auto& quote = choice.quotes[i];
    for (const auto amount : {quote.ask, quote.base, quote.load_slope, quote.cap, quote.multiplier})
      p.sint(amount);
    p.u8(quote.live ? 1 : 0);
  }
  p.uint(choice.round);
  p.uint(choice.absent.size());
  for (const auto& absent : choice.absent) {
    p.uint(absent.worker);
    p.bytes(absent.agent);
    p.bytes(absent.why);
  }
  p.bytes(choice.features);
  for (const double bare : choice.bare_log_odds) p.sint(milli(bare));
  return out;
}

std::optional<Choice> unpack_choice(std::string_view packed) {
  Unpacker in(packed);
  if (in.u8() != choice_format) return std::nullopt;
  const auto policy = in.u8();
  if (policy > static_cast<std::uint8_t>(Policy::auction)) return std::nullopt;
  Choice out;
  out.settings.policy = static_cast<Policy>(policy);
  const auto seed = in.uint();
  out.outcomes = in.uint();
  out.affinity = in.uint();
  for (auto* amount :
       {&out.settings.value, &out.settings.wait_price, &out.settings.preference, &out.settings.reserve})
    *amount = in.sint();
  out.settings.explore_percent = static_cast<std::uint32_t>(in.uint());
  out.settings.settlement = in.u8() == 0 ? Settlement::second_price : Settlement::first_price;
  out.over_reserve = in.uint();
  for (auto left = in.uint(); left > 0 && in.ok(); --left) {
    auto& c = out.candidates.emplace_back();
    c.worker = static_cast<WorkerNo>(in.uint());
    c.agent = static_cast<std::uint16_t>(in.uint());
    c.load = in.uint();
    c.preferred = static_cast<std::uint32_t>(in.uint());
    c.name_hash = in.uint();
    c.log_odds = from_milli(in.sint());
    c.log_odds_sd = from_milli(in.sint());
    c.finish_ms = in.sint();
    c.cost = in.sint();
    out.agents.emplace_back(in.bytes());
    if (out.settings.policy != Policy::auction) continue;
    auto& quote = out.quotes.emplace_back();
    for (auto* amount : {&quote.ask, &quote.base, &quote.load_slope, &quote.cap, &quote.multiplier})
      *amount = in.sint();
    quote.live = in.u8() != 0;
    c.ask = quote.ask;
  }
  out.round = in.uint();
  for (auto left = in.uint(); left > 0 && in.ok(); --left) {
    auto& absent = out.absent.emplace_back();
    absent.worker = static_cast<WorkerNo>(in.uint());
    absent.agent = in.bytes();
    absent.why = in.bytes();
  }
  out.features = in.bytes();
  if (!out.features.empty())
    for (std::size_t i = 0; i < out.candidates.size(); ++i)
      out.bare_log_odds.push_back(from_milli(in.sint()));
  if (!in.finished()) return std::nullopt;
  out.award = decide(out.settings, out.candidates, seed, out.affinity);
  if (out.award.winner == none) return std::nullopt;
  return out;
}

}  // namespace hirehall::scheduler
