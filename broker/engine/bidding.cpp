#include "broker/engine/bidding.h"

#include <algorithm>
#include <utility>

#include "common/mutant.h"

namespace hirehall::engine {

using scheduler::Bidder;
using scheduler::ShelfNo;

namespace {

// A round that nobody was free for is kept without its bids: it counts as one in vain at the next pick of its
// line, which in a busy fleet may be a while away.
constexpr Sequence no_front = 0;
constexpr Millis lapsed_ms = 600'000;

}  // namespace

bool Bidding::holds(ShelfNo shelf) const {
  const auto at = rounds_.find(shelf);
  return at != rounds_.end() && at->second.phase != Round::Phase::closed;
}

Round* Bidding::of(ShelfNo shelf) {
  const auto at = rounds_.find(shelf);
  return at == rounds_.end() ? nullptr : &at->second;
}

Round& Bidding::open(ShelfNo shelf, Round round) {
  // Numbers of another life of the broker do not come again: a bid for a round of that one counts for none.
  if (last_ == 0) last_ = round.seed >> 24;
  round.number = ++last_;
  round.phase = Round::Phase::open;
  by_number_.emplace(round.number, shelf);
  return rounds_[shelf] = std::move(round);
}

void Bidding::rest(ShelfNo shelf, Millis now, Unsold why) {
  auto& round = rounds_.at(shelf);
  round.phase = Round::Phase::resting;
  round.until = now + rest_ms;
  round.unsold = std::move(why);
}

Code Bidding::bid(std::uint32_t worker, std::uint64_t number, std::string_view agent,
                  std::optional<double> price, Millis now) {
  const auto at = by_number_.find(number);
  if (at == by_number_.end()) return count(Code::stale, counts.late);
  auto& round = rounds_.at(at->second);
  if (now >= round.until) return count(Code::stale, counts.late);
  const auto bidder = std::ranges::find_if(
      round.bidders, [&](const Bidder& b) { return b.live && b.worker == worker && b.agent == agent; });
  if (bidder == round.bidders.end()) return count(Code::denied, counts.uninvited);
  if (bidder->said != Bidder::Said::nothing) return count(Code::conflict, counts.second);
  changed_ = true;
  if (!price) {
    bidder->said = Bidder::Said::declined;
    return count(Code::ok, counts.declined);
  }
  const auto bid = scheduler::bid_from(*price);
  bidder->said = bid ? Bidder::Said::bid : Bidder::Said::invalid;
  if (!bid) return count(Code::invalid, counts.invalid);
  bidder->bid = HH_MUTANT("live_bid_halved") ? *bid / 2 : *bid;
  return count(Code::ok, counts.bids);
}

void Bidding::left(std::uint32_t worker) {
  for (const auto& [number, shelf] : by_number_)
    for (auto& bidder : rounds_.at(shelf).bidders)
      if (bidder.worker == worker && bidder.live && bidder.said == Bidder::Said::nothing)
        bidder.said = Bidder::Said::gone, changed_ = true;
}

std::vector<ShelfNo> Bidding::due(Millis now) {
  std::vector<ShelfNo> out;
  const bool changed = std::exchange(changed_, false);
  for (auto at = rounds_.begin(); at != rounds_.end();) {
    auto& [shelf, round] = *at;
    const bool late =
        now >= round.until && !(round.phase == Round::Phase::open && HH_MUTANT("rounds_never_end"));
    if (!late && !(changed && round.phase == Round::Phase::open)) {
      ++at;
    } else if (round.phase == Round::Phase::open) {
      const auto silent = std::ranges::count_if(
          round.bidders, [](const Bidder& b) { return b.live && b.said == Bidder::Said::nothing; });
      if (late || silent == 0) {
        ++(silent == 0 ? counts.answered : counts.deadline);
        counts.silent += static_cast<std::uint64_t>(silent);
        by_number_.erase(round.number);
        round.phase = Round::Phase::closed;
        round.until = now + closed_ms;
        out.push_back(shelf);
      }
      ++at;
    } else if (round.phase == Round::Phase::closed && !round.bidders.empty() && round.front != no_front) {
      round.front = no_front;
      round.until = now + lapsed_ms;
      ++at;
    } else {
      if (round.phase == Round::Phase::closed && !round.bidders.empty()) ++counts.dropped;
      out.push_back(shelf);
      at = rounds_.erase(at);
    }
  }
  return out;
}

std::vector<ShelfNo> Bidding::drop(std::uint32_t queue) {
  std::vector<ShelfNo> out;
  for (const auto& [shelf, round] : rounds_)
    if (round.queue == queue) out.push_back(shelf);
  for (const auto shelf : out) {
    const auto at = rounds_.find(shelf);
    if (at->second.phase != Round::Phase::resting && !at->second.bidders.empty()) ++counts.dropped;
    by_number_.erase(at->second.number);
    rounds_.erase(at);
  }
  return out;
}

std::optional<Millis> Bidding::next() const {
  std::optional<Millis> out;
  for (const auto& [shelf, round] : rounds_) out = std::min(out.value_or(round.until), round.until);
  return out;
}

}  // namespace hirehall::engine
