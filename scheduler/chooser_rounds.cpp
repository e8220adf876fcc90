// Rounds of live bids: who is asked, and who wins among those who answered.
#include <algorithm>
#include <utility>

#include "common/mutant.h"
#include "scheduler/chooser.h"

namespace hirehall::scheduler {

std::string_view name_of(Bidder::Said said) {
  switch (said) {
    case Bidder::Said::nothing:
      return "late";
    case Bidder::Said::bid:
      return "bid";
    case Bidder::Said::declined:
      return "declined";
    case Bidder::Said::invalid:
      return "invalid";
    case Bidder::Said::gone:
      break;
  }
  return "gone";
}

// By proxy prices, whatever the reserve: what somebody will bid is not known yet.
bool Chooser::invite(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                     std::uint64_t seed, const Pick& pick, std::int64_t from_ms, std::vector<Bidder>& out) {
  live_.clear();
  out.clear();
  choice_.settings = settings;
  choice_.settings.reserve = 0;
  choice_.wanted_labels = pick.wanted_labels;
  short_list(dispatcher, settings.policy, task, seed, pick);
  if (task.handed_back != nullptr) leave_out(task.handed_back->by);
  if (std::ranges::none_of(listed_, &Listed::bids)) return false;
  weigh(settings, task);
  take_bids(choice_.settings, task);
  keep_best_offer_of_each_agent();
  for (const auto& listed : listed_)
    out.push_back({listed.worker, listed.agent_hash, *listed.name, listed.bids});
  return half_take(from_ms, task) && std::ranges::any_of(out, &Bidder::live);
}

// The middle one of the median durations of those who are listed is at least so long.
bool Chooser::half_take(std::int64_t from_ms, const TaskAtHand& task) {
  std::vector<std::int64_t> took;
  for (std::size_t i = 0; i < listed_.size(); ++i) took.push_back(run_of_candidate(i, task));
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return *middle >= from_ms;
}

Chose Chooser::settle(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                      std::uint64_t seed, std::uint64_t round, const std::vector<Bidder>& bidders,
                      Pick& pick) {
  listed_.clear();
  live_.clear();
  choice_.absent.clear();
  choice_.matched = {};
  choice_.round = round;
  choice_.wanted_labels = pick.wanted_labels;
  choice_.handed_back_by = task.handed_back == nullptr ? none : task.handed_back->by;
  bool may_come = false;
  for (const auto& bidder : bidders) {
    const auto free = dispatcher.listed(pick, bidder.worker, bidder.agent_hash);
    const bool answered = !bidder.live || bidder.said == Bidder::Said::bid;
    if (answered && free) {
      listed_.push_back(*free);
      live_.push_back(bidder.live ? &bidder : nullptr);
      continue;
    }
    const bool said_no = bidder.said == Bidder::Said::declined || bidder.said == Bidder::Said::invalid;
    may_come = may_come || !said_no;
    choice_.absent.push_back(
        {bidder.worker, bidder.agent, answered ? "busy" : std::string(name_of(bidder.said))});
  }
  choice_.settings = settings;
  choice_.outcomes = learned_ != nullptr ? learned_->outcomes() : 0;
  choice_.affinity = 0;
  choice_.went_to = WentTo::anew;
  if (task.handed_back != nullptr)
    choice_.went_to =
        std::ranges::all_of(listed_, [&](const Listed& l) { return l.worker == task.handed_back->by; })
            ? WentTo::same
            : WentTo::another;
  weigh(settings, task);
  if (!take_bids(settings, task))
    return may_come && choice_.over_reserve == 0 ? Chose::nothing : Chose::unsold;
  return conclude(settings, task, seed, pick);
}

}  // namespace hirehall::scheduler
