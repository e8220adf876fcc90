// What another policy would have earned, estimated from the log of one that really decided: each decision was
// logged with its propensity, and the simulator knows the truth.
#pragma once

#include <cstdint>

namespace hirehall::simulator {

struct Estimate {
  double value = 0, low = 0, high = 0;  // 95 % interval
  bool covers(double truth) const { return low <= truth && truth <= high; }
};

struct OffPolicy {
  double truth = 0;
  Estimate ips, snips, dr;     // inverse propensity, the same normalised, doubly robust
  double effective_share = 0;  // effective sample size of the weights, as a share of the log
};

// A log of `decisions` by a policy that explores in full, of a narrower one that shall be judged.
OffPolicy off_policy(std::uint64_t seed, std::uint32_t decisions);

}  // namespace hirehall::simulator
