// Prices of auctions, for those who decide how many workers there should be.
#include <algorithm>

#include "broker/server/broker.h"

namespace hirehall::server {

void Broker::fill_prices() {
  const auto& classes = engine_.ledger().classes;
  const auto& prices = engine_.prices();
  page_.prices.clear();
  for (std::size_t cls = 0; cls < prices.size() && page_.prices.size() < prices_shown_max; ++cls) {
    if (prices[cls].awards == 0) continue;
    PriceProbe probe{classes[cls].type, {}, prices[cls].level};
    for (const auto& capability : classes[cls].requirements.capabilities)
      probe.capabilities += (probe.capabilities.empty() ? "" : ",") + capability;
    const auto same = std::ranges::find_if(page_.prices, [&](const auto& other) {
      return other.type == probe.type && other.capabilities == probe.capabilities;
    });
    // Classes that differ in other requirements only: the dearest says what is scarce.
    if (same == page_.prices.end())
      page_.prices.push_back(std::move(probe));
    else
      same->level = std::max(same->level, probe.level);
  }
  page_.auction_paid = engine_.counts().auction_paid;
  const auto features = learning_.prediction().feature_counts();
  page_.feature_weights = features.weights;
  page_.features_displaced = features.displaced;
  page_.features_left_out = features.left_out;
  page_.unsold = engine_.unsold().size();
  page_.bids = engine_.bidding().counts;
  page_.bid_rounds_open = 0;
  for (const auto& [shelf, round] : engine_.bidding().rounds()) {
    if (round.phase == engine::Round::Phase::open) ++page_.bid_rounds_open;
    if (round.phase == engine::Round::Phase::resting) ++page_.unsold;
  }
}

}  // namespace hirehall::server
