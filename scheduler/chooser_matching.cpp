// Rounds of tasks: who could take one, and the award of one that was matched with others.
#include <algorithm>

#include "common/mutant.h"
#include "scheduler/chooser.h"

namespace hirehall::scheduler {

namespace {

constexpr std::int64_t score_most = std::int64_t{1} << 50;  // sums of a whole round fit

// Those that begin at once; when it has no free slot, what it may hold beside.
std::uint32_t places_of(const Dispatcher& dispatcher, Pick pick, const Listed& listed) {
  pick.worker = listed.worker;
  const auto room = std::min(listed.room, dispatcher.room(pick));
  return listed.held < listed.slots ? std::min(listed.slots - listed.held, room) : room;
}

}  // namespace

bool Chooser::offer(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                    const Pick& pick, std::int64_t from_ms, RoundTask& out) {
  live_.clear();
  choice_.settings = settings;
  choice_.wanted_labels = pick.wanted_labels;
  short_list(dispatcher, settings.policy, task, out.seed, pick);
  weigh(settings, task);
  if (settings.policy == Policy::auction && !take_bids(settings, task)) return false;
  if (listed_.empty() || !half_take(from_ms, task)) return false;
  for (std::size_t i = 0; i < listed_.size(); ++i) choice_.candidates[i].own_draw = listed_[i].agent_hash;
  const auto award = decide(settings, choice_.candidates, out.seed);
  std::vector<std::uint64_t> agents;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const auto& listed = listed_[i];
    // For no task a round buys a place that costs more than its success is worth.
    if (settings.policy == Policy::auction && choice_.candidates[i].ask > settings.value) continue;
    if (std::ranges::find(agents, listed.agent_hash) == agents.end()) {
      if (agents.size() == candidates_max) continue;
      agents.push_back(listed.agent_hash);
    }
    out.seats.push_back({.worker = listed.worker,
                         .agent_hash = listed.agent_hash,
                         .held = listed.held,
                         .slots = listed.slots,
                         .places = places_of(dispatcher, pick, listed),
                         .score = std::clamp(award.terms[i].score(), -score_most, score_most)});
  }
  return !out.seats.empty();
}

Chose Chooser::choose_matched(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                              const RoundTask& offered, const TaskRound& round, Pick& pick) {
  live_.clear();
  listed_.clear();
  for (const auto& seat : offered.seats)
    if (const auto free = dispatcher.listed(pick, seat.worker, seat.agent_hash)) listed_.push_back(*free);
  if (listed_.empty()) return Chose::nothing;
  choice_.settings = settings;
  // What a bid might have been instead, and the round the same, its rivals do not tell.
  choice_.settings.settlement = Settlement::first_price;
  choice_.outcomes = learned_ != nullptr ? learned_->outcomes() : 0;
  choice_.affinity = 0;
  choice_.wanted_labels = pick.wanted_labels;
  choice_.round = 0;
  choice_.absent.clear();
  choice_.quotes.clear();
  choice_.over_reserve = 0;
  choice_.handed_back_by = none;
  choice_.went_to = WentTo::anew;
  choice_.matched = {offered.matched, round.sum()};
  weigh(settings, task);
  if (settings.policy == Policy::auction && !take_bids(settings, task)) return Chose::nothing;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    auto& candidate = choice_.candidates[i];
    candidate.own_draw = listed_[i].agent_hash;
    if (!HH_MUTANT("slot_prices_ignored")) candidate.slot_price = round.slot_price(offered, candidate.worker);
  }
  keep_best_offer_of_each_agent();
  const auto chose = conclude(settings, task, offered.seed, pick);
  pick.run = 1;  // the next one has a place of its own
  return chose;
}

}  // namespace hirehall::scheduler
