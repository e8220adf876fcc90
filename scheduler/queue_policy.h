// The award policy of a queue in one text, as it is stored: the policy that acts and, behind a plus, the one
// that only watches; then what is set otherwise than usual: `least_loaded+auction reserve=500000`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "scheduler/policy.h"

namespace hirehall::scheduler {

// What the policies of a queue reckon with. Settings of all the policies of a queue, so that another policy
// acts, or watches, on the same ones.
struct Tariff {
  Micros value = micros_per_unit;             // of a success
  Micros wait_price = micros_per_unit / 100;  // of a second until the expected finish
  Micros preference = micros_per_unit / 20;   // of each preferred label, and of the preferred agent
  Micros reserve = 0;                         // the highest bid that takes part; 0: any
  Settlement settlement = Settlement::second_price;
  // Auctions: tasks that take so long are put up for live bids (0: none), which have so long to come.
  std::int64_t live_bids_from_ms = 0;
  std::int64_t bid_deadline_ms = 200;
  // learned and auction: tasks that take so long are matched with the others of their turn (0: none).
  std::int64_t match_from_ms = 0;
};

struct QueuePolicy {
  Policy acting = Policy::least_loaded;
  std::optional<Policy> shadow = std::nullopt;
  Tariff tariff = {};

  bool plain() const { return acting == Policy::least_loaded && !shadow; }
  PolicySettings settings(Policy policy) const;
};
PolicySettings settings_of(Policy policy);  // with the usual tariff

// A word of another version of this program: least_loaded. An amount that it does not know is left out.
QueuePolicy queue_policy(std::string_view stored);
std::string stored_form(const QueuePolicy& policy);

// The two as numbers, for files of queues. A shadow: 0 is none, otherwise the policy's number and one.
inline constexpr std::int64_t queue_policy_max = 3, queue_shadow_max = 4;
std::optional<std::int64_t> queue_policy_number(std::string_view word);
std::optional<std::int64_t> queue_shadow_number(std::string_view word);
std::optional<std::int64_t> settlement_number(std::string_view word);
std::int64_t queue_policy_number(const QueuePolicy& policy);
std::int64_t queue_shadow_number(const QueuePolicy& policy);
void set_policy_number(QueuePolicy& policy, std::int64_t number);
void set_shadow_number(QueuePolicy& policy, std::int64_t number);
std::string_view shadow_name(const QueuePolicy& policy);  // `none` when there is none

// The amounts of a tariff, by the names that they have everywhere.
struct TariffAmount {
  std::string_view name;
  Micros Tariff::*member;
};
std::span<const TariffAmount> tariff_amounts();
// Its durations, each with its range.
struct TariffDuration {
  std::string_view name;
  std::int64_t Tariff::*member;
  std::int64_t low, high;
};
std::span<const TariffDuration> tariff_durations();
inline constexpr std::int64_t live_bids_from_ms_max = 30ll * 24 * 3600 * 1000;
inline constexpr std::int64_t match_from_ms_max = live_bids_from_ms_max;
inline constexpr std::int64_t bid_deadline_ms_min = 10, bid_deadline_ms_max = 5000;
inline constexpr Micros tariff_amount_max = 1'000'000 * micros_per_unit;

inline constexpr std::string_view queue_policy_words = "least_loaded, sticky, learned or auction";
inline constexpr std::string_view queue_shadow_words = "none, least_loaded, sticky, learned or auction";
inline constexpr std::string_view settlement_words = "second_price or first_price";

}  // namespace hirehall::scheduler
