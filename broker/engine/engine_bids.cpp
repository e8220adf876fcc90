// Awards by live bids: the line of a long task waits while its short list is asked, and the pick after that
// is decided among those who answered.
#include <algorithm>
#include <utility>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"

namespace hirehall::engine {

namespace {

constexpr Millis by_proxy_ms = 10'000;  // after rounds in vain, until the line's next one

}  // namespace

Code Engine::bid(std::uint32_t worker, std::uint64_t round, std::string_view agent,
                 std::optional<double> price) {
  return bidding_.bid(worker, round, agent, price, now_);
}

// Rounds that are over make their lines ready again.
void Engine::close_rounds() {
  for (const auto shelf : bidding_.due(now_)) ledger_.touch(*shelf_by_number_[shelf]);
}

void Engine::drop_rounds(std::uint32_t queue) {
  for (const auto shelf : bidding_.drop(queue)) ledger_.touch(*shelf_by_number_[shelf]);
}

// winner: by the round that has just ended, and the chooser says why. unsold: the line waits, for bids or
// because all said no. nothing: it is a matter of proxy prices.
scheduler::Chose Engine::choose_live(const scheduler::QueuePolicy& policy, const TaskInView& view,
                                     const Entry& front, scheduler::Pick& pick) {
  using scheduler::Chose;
  const auto settings = policy.settings(scheduler::Policy::auction);
  std::uint32_t tries = 0;
  if (bidding_.holds(pick.shelf)) {
    dispatcher_.hold(pick.shelf);
    return Chose::unsold;
  }
  if (auto* round = bidding_.of(pick.shelf); round != nullptr) {
    if (round->bidders.empty()) return Chose::nothing;  // proxy prices have the line for a while
    tries = round->tries;
    const bool same = round->front == front.sequence;
    const auto chose = same ? chooser_.settle(dispatcher_, settings, view.task, round->seed, round->number,
                                              round->bidders, pick)
                            : Chose::nothing;
    if (chose == Chose::unsold) {
      const auto& choice = chooser_.choice();
      ++bidding_.counts.no_bid;
      bidding_.rest(pick.shelf, now_,
                    {pick.lane, pick.cls, choice.over_reserve, chooser_.lowest(), settings.reserve,
                     choice.over_reserve == 0 ? std::string() : chooser_.lowest_agent()});
      dispatcher_.set_ready(pick.shelf, false);
      chosen_.handed_back.forget(front.sequence);  // the next round asks all
      return chose;
    }
    if (chose == Chose::nothing && tries >= Bidding::tries_max) {
      // It stands for the line without a bidder: a fleet that never answers must not cost each award so much.
      ++bidding_.counts.by_proxy;
      round->bidders.clear();
      round->until = now_ + by_proxy_ms;
      return chose;
    }
    bidding_.forget(pick.shelf);
    ++(chose == Chose::winner ? bidding_.counts.sold : bidding_.counts.again);
    if (chose == Chose::winner) {
      chosen_.handed_back.keep_bid(front.sequence, chooser_.choice(), now_);
      return chose;
    }
  }
  if (bidding_.full()) return Chose::nothing;
  return call_for_bids(policy, view, front, pick, tries) ? Chose::unsold : Chose::nothing;
}

// Opens a round, if it is worth one.
bool Engine::call_for_bids(const scheduler::QueuePolicy& policy, const TaskInView& view, const Entry& front,
                           const scheduler::Pick& pick, std::uint32_t tries) {
  const auto& options = view.options->options;
  Round round;
  round.seed = random();
  if (!chooser_.invite(dispatcher_, policy.settings(scheduler::Policy::auction), view.task, round.seed, pick,
                       policy.tariff.live_bids_from_ms, round.bidders))
    return false;
  round.lane = pick.lane;
  round.class_ = pick.cls;
  round.queue = ledger_.lanes[pick.lane].queue;
  round.front = front.sequence;
  round.until = now_ + policy.tariff.bid_deadline_ms;
  round.tries = tries + 1;
  const auto& opened = bidding_.open(pick.shelf, std::move(round));
  const auto body = front.chunk->body_at(front.offset);
  for (const auto& bidder : opened.bidders) {
    if (!bidder.live) continue;
    auto same = std::ranges::find_if(outputs_.calls, [&](const CallOut& call) {
      return call.round == opened.number && call.worker == bidder.worker;
    });
    if (same == outputs_.calls.end()) {
      outputs_.calls.push_back({.worker = bidder.worker,
                                .round = opened.number,
                                .class_ = pick.cls,
                                .lane = pick.lane,
                                .left_ms = policy.tariff.bid_deadline_ms,
                                .payload_bytes = body.payload.size(),
                                .priority = body.priority,
                                .deadline = options.deadline,
                                .effort_ms = options.effort_ms,
                                .content_type = options.content_type,
                                .features = options.features,
                                .agents = {}});
      same = outputs_.calls.end() - 1;
    }
    same->agents.push_back(bidder.agent);
  }
  dispatcher_.hold(pick.shelf);
  return true;
}

}  // namespace hirehall::engine
