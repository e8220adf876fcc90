// What the engine counts from the start of the process, for those who look.
#pragma once

#include <array>
#include <cstdint>

#include "broker/engine/facts_inbox.h"

namespace hirehall::engine {

// Waiting and running times of a queue since the start, in the buckets of the metrics (upper bounds in
// times_bounds_us).
struct QueueTimes {
  std::array<std::uint64_t, 21> wait{}, run{};
  std::uint64_t wait_sum_us = 0, run_sum_us = 0;
};

// Of rounds of live bids.
struct BidCounts {
  std::uint64_t answered = 0, deadline = 0;                                  // what closed them
  std::uint64_t sold = 0, no_bid = 0, again = 0, by_proxy = 0, dropped = 0;  // what they came to
  std::uint64_t bids = 0, declined = 0, silent = 0;                          // of those who were asked
  std::uint64_t late = 0, uninvited = 0, second = 0, invalid = 0;            // that do not count
};

// Of rounds in which tasks are matched.
struct MatchingCounts {
  std::uint64_t rounds = 0, tasks = 0;
  std::uint64_t as_matched = 0, otherwise = 0;  // awards of these tasks
  std::uint64_t placed_more = 0;                // tasks that would have found nobody free, one by one
  std::uint64_t gained = 0;                     // by the others over one by one, in millionths of a cost unit
};

struct EngineCounts {
  std::uint64_t stale = 0;
  std::uint64_t lease_expirations = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t limit_delays = 0;
  std::uint64_t refused = 0;
  std::array<std::uint64_t, deed_count> decisions{};  // of suspended tasks, by deed
  std::array<std::uint64_t, 4> ticks{};               // of schedules: fired, missed, overlapped, refused
  std::array<std::uint64_t, 5> unique{};              // what found its unique key taken, by OnConflict
  std::uint64_t usage_left_out = 0;                   // pairs of reports that were no amounts
  std::array<std::uint64_t, 4> choices{};             // awards that a policy chose for, by scheduler::Policy
  std::uint64_t shadow_agreed = 0, shadow_differed = 0;
  std::array<std::uint64_t, 4> passed_on{};  // awards of tasks that were handed back, by scheduler::WentTo
  std::array<std::uint64_t, 3> labels_preferred{};  // awards of tasks that prefer labels: none, some, all had
  MatchingCounts matching;
  std::uint64_t auction_paid = 0;  // by all auctions together, in millionths
  std::uint64_t duplicates = 0;    // answered from a producer record or an idempotency key
};

}  // namespace hirehall::engine
