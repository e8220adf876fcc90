// What the broker's loop tells the metrics page: plain integers, folded by the command thread, read by nobody
// else until the whole page is published (metrics.h). Counters count from the start of the process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/engine/counts.h"
#include "broker/engine/facts_inbox.h"
#include "common/task.h"

namespace hirehall::server {

// Counts of durations in fixed buckets, and their sum.
struct DurationHistogram {
  // Upper bounds in microseconds: from one sync of a good disk to tasks of an hour.
  static constexpr std::array<std::uint64_t, 20> bounds_us = {
      100,    250,    500,     1000,    2500,    5000,     10000,    25000,    50000,     100000,
      250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 600000000, 3600000000};
  std::array<std::uint64_t, bounds_us.size() + 1>
      counts{};  // not cumulative; the last one is beyond all bounds
  std::uint64_t sum_us = 0;

  void add_us(std::int64_t microseconds, std::uint64_t times = 1);
  std::uint64_t total() const;
};

struct QueueProbe {
  std::string queue;
  std::array<std::uint64_t, state_count> tasks{};       // by State; only the four non-terminal ones are shown
  std::uint64_t submitted = 0;                          // accepted tasks
  std::array<std::uint64_t, outcome_count> attempts{};  // ended attempts by Outcome
  std::uint64_t dead = 0;                               // dead letters lying there
  Millis oldest_ms = 0;                                 // age of the oldest ready task; 0 = none
  DurationHistogram wait;                               // ready → awarded
  DurationHistogram run;                                // awarded → outcome
  std::uint64_t charged_ms = 0, added_ms = 0, back_ms = 0;  // what its lanes were charged (engine/costs.h)
};

struct WorkerProbe {
  std::uint64_t connected = 0;
  std::uint64_t draining = 0;
  std::uint64_t away = 0;  // leases held, connection gone
  std::uint64_t slots_busy = 0;
  std::uint64_t slots_idle = 0;
};

struct BackupProbe {
  bool possible = false;  // there is a folder for them
  bool running = false;
  std::uint64_t succeeded = 0, failed = 0;
  std::int64_t last_at = 0;  // wall clock, ms; 0: there is none
  std::uint64_t last_bytes = 0;
  std::int64_t last_took_ms = 0;
};

struct TraceProbe {
  bool possible = false;  // there is a collector
  std::uint64_t sent = 0, dropped = 0, rejected = 0, waiting = 0;
};

struct AuditProbe {
  std::uint64_t done = 0, refused = 0, unanswered = 0;  // acts
  std::uint64_t left_out = 0;
  std::uint64_t kept = 0, kept_bytes = 0;
};

// I20: accepted = queued + leased + suspended + terminal kept + terminal removed.
struct BooksProbe {
  std::uint64_t accepted = 0;
  std::uint64_t queued = 0;
  std::uint64_t leased = 0;
  std::uint64_t suspended = 0;
  std::uint64_t kept = 0;
  std::uint64_t removed = 0;
};

inline constexpr std::size_t kinds_shown = 192;  // wire kinds below this; others count as slot 0, "other"
inline constexpr std::size_t codes_shown = code_numbers;  // by Code

inline constexpr std::size_t batch_states = 4;
inline constexpr std::array<const char*, batch_states> batch_state_names{"open", "idle", "closed",
                                                                         "completed"};

// What awards of a type and what they require cost lately.
struct PriceProbe {
  std::string type, capabilities;  // the latter with commas; empty: none
  std::int64_t level = 0;          // millionths
};

struct BreakerProbe {
  std::string of, name;    // "agent" or "service"
  std::uint8_t state = 0;  // as scheduler::BreakerState; 3: closed, and paused
  std::uint64_t opened = 0;
};
inline constexpr std::size_t breakers_shown_max = 1000;

struct MetricsPage {
  std::vector<QueueProbe>
      queues;  // any number; the page shows the first `queues_shown_max` and the sum of the rest
  WorkerProbe workers;
  BackupProbe backups;
  AuditProbe audit;
  TraceProbe traces;
  BooksProbe books;

  std::array<std::uint64_t, batch_states> batches{};
  std::uint64_t batch_open_tasks = 0;
  std::array<std::uint64_t, engine::deed_count> decisions{};  // of suspended tasks, by engine::Deed
  std::array<std::uint64_t, kinds_shown> messages{};          // received, by wire::Kind
  std::array<std::uint64_t, codes_shown> refused{};           // error answers, and item answers, by Code
  std::uint64_t malformed = 0;                                // frames that could not be decoded
  std::uint64_t lease_expirations = 0;
  std::uint64_t limit_delays = 0;  // awards put off because a limit was full
  std::uint64_t stale_results = 0;
  std::array<std::uint64_t, 4> choices{};           // awards that a policy chose for, by scheduler::Policy
  std::array<std::uint64_t, 4> passed_on{};         // of what was handed back, by scheduler::WentTo
  std::array<std::uint64_t, 3> labels_preferred{};  // winners with none, some, all of the preferred labels
  std::uint64_t shadow_agreed = 0, shadow_differed = 0;
  engine::MatchingCounts matching;  // of tasks in rounds
  std::vector<PriceProbe> prices;   // of awards in auctions, at most prices_shown_max
  std::uint64_t auction_paid = 0;   // millionths
  std::uint64_t feature_weights = 0, features_displaced = 0, features_left_out = 0;  // what was learned
  std::vector<BreakerProbe> breakers;  // at most breakers_shown_max
  std::uint64_t unsold = 0;            // shelves that nobody bids for
  // Lines without room, those for which room is kept now, and how often that was begun.
  std::uint64_t roomless = 0, rooms_kept = 0, rooms_kept_total = 0;
  engine::BidCounts bids{};
  std::uint64_t bid_rounds_open = 0;
  std::uint64_t limits = 0, limits_holding = 0, limits_paused = 0;
  std::uint64_t schedules = 0, schedules_paused = 0;
  std::array<std::uint64_t, 5> unique{};   // submissions that found their unique key taken, by OnConflict
  std::array<std::uint64_t, 3> budgets{};  // open, warning, used up
  struct Usage {
    std::string queue, unit;
    double amount = 0;
  };
  std::vector<Usage> usage;
  std::uint64_t usage_left_out = 0;      // pairs of reports that were no amounts
  std::array<std::uint64_t, 4> ticks{};  // of schedules: fired, missed, overlapped, refused
  std::uint64_t authenticated = 0;       // ZAP
  std::uint64_t not_authenticated = 0;

  std::uint64_t commits = 0;
  std::uint64_t syncs = 0;
  std::uint64_t commit_bytes = 0;
  DurationHistogram commit;  // handed over → synced

  std::uint64_t sessions = 0;
  std::uint64_t store_free_bytes = 0;
  std::uint64_t store_used_bytes = 0;
  std::uint64_t window_bytes = 0;  // resident bodies and entries
  std::uint64_t clock_steps = 0;   // wall steps over 60 s
  bool clock_held = false;
  std::uint64_t log_lines = 0, log_lines_gone = 0, progress_reports = 0, progress_dropped = 0;
  std::uint64_t log_bytes = 0;  // kept just now
  std::uint64_t bulks_running = 0;

  // /readyz: empty = serving and admitting submits; else why not ("recovering", "disk_full: …", "stopping").
  std::string not_ready;
};

inline constexpr std::size_t prices_shown_max = 200;

// Queue labels on the page are bounded; what is beyond goes under this name.
inline constexpr std::size_t queues_shown_max = 200;
inline constexpr const char* queue_label_rest = "_rest";

}  // namespace hirehall::server
