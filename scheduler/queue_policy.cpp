#include "scheduler/queue_policy.h"

namespace hirehall::scheduler {

std::optional<std::int64_t> queue_policy_number(std::string_view word) {
  for (std::int64_t number = 0; number <= queue_policy_max; ++number)
    if (name_of(static_cast<Policy>(number)) == word) return number;
  return std::nullopt;
}

std::optional<std::int64_t> queue_shadow_number(std::string_view word) {
  if (word == "none") return 0;
  const auto number = queue_policy_number(word);
  return number ? std::optional(*number + 1) : std::nullopt;
}

std::int64_t queue_policy_number(const QueuePolicy& policy) {
  return static_cast<std::int64_t>(policy.acting);
}

std::int64_t queue_shadow_number(const QueuePolicy& policy) {
  return policy.shadow ? static_cast<std::int64_t>(*policy.shadow) + 1 : 0;
}

void set_policy_number(QueuePolicy& policy, std::int64_t number) {
  policy.acting = static_cast<Policy>(number);
}

void set_shadow_number(QueuePolicy& policy, std::int64_t number) {
  policy.shadow = number == 0 ? std::nullopt : std::optional(static_cast<Policy>(number - 1));
}

std::string_view shadow_name(const QueuePolicy& policy) {
  return policy.shadow ? name_of(*policy.shadow) : "none";
}

QueuePolicy queue_policy(std::string_view stored) {
  QueuePolicy out;
  const auto plus = stored.find('+');
  if (const auto acting = queue_policy_number(stored.substr(0, plus))) set_policy_number(out, *acting);
  if (plus == std::string_view::npos) return out;
  if (const auto shadow = queue_policy_number(stored.substr(plus + 1))) set_shadow_number(out, *shadow + 1);
  return out;
}

std::string stored_form(const QueuePolicy& policy) {
  std::string out(name_of(policy.acting));
  if (policy.shadow) out += '+' + std::string(name_of(*policy.shadow));
  return out;
}

}  // namespace hirehall::scheduler
