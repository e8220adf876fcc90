// The award policy of a queue in one word, as it is stored: the policy that acts and, behind a plus, the one
// that only watches: `least_loaded+learned`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scheduler/policy.h"

namespace hirehall::scheduler {

struct QueuePolicy {
  Policy acting = Policy::least_loaded;
  std::optional<Policy> shadow = std::nullopt;

  bool plain() const { return acting == Policy::least_loaded && !shadow; }
};

// A word of another version of this program: least_loaded.
QueuePolicy queue_policy(std::string_view stored);
std::string stored_form(const QueuePolicy& policy);

// The two as numbers, for files of queues. A shadow: 0 is none, otherwise the policy's number and one.
inline constexpr std::int64_t queue_policy_max = 2, queue_shadow_max = 3;
std::optional<std::int64_t> queue_policy_number(std::string_view word);
std::optional<std::int64_t> queue_shadow_number(std::string_view word);
std::int64_t queue_policy_number(const QueuePolicy& policy);
std::int64_t queue_shadow_number(const QueuePolicy& policy);
void set_policy_number(QueuePolicy& policy, std::int64_t number);
void set_shadow_number(QueuePolicy& policy, std::int64_t number);
std::string_view shadow_name(const QueuePolicy& policy);  // `none` when there is none

inline constexpr std::string_view queue_policy_words = "least_loaded, sticky or learned";
inline constexpr std::string_view queue_shadow_words = "none, least_loaded, sticky or learned";

}  // namespace hirehall::scheduler
