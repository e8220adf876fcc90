#include "scheduler/queue_policy.h"

#include <array>
#include <charconv>

namespace hirehall::scheduler {

namespace {

constexpr std::array amounts{
    TariffAmount{"success_value", &Tariff::value}, TariffAmount{"wait_price", &Tariff::wait_price},
    TariffAmount{"preference", &Tariff::preference}, TariffAmount{"reserve", &Tariff::reserve}};
constexpr std::array durations{
    TariffDuration{"live_bids_from_ms", &Tariff::live_bids_from_ms, 0, live_bids_from_ms_max},
    TariffDuration{"bid_deadline_ms", &Tariff::bid_deadline_ms, bid_deadline_ms_min, bid_deadline_ms_max},
    TariffDuration{"match_from_ms", &Tariff::match_from_ms, 0, match_from_ms_max}};
constexpr std::string_view settles = "settlement";

// `name=value`, as stored_form wrote it.
void take_up(QueuePolicy& policy, std::string_view setting) {
  const auto equals = setting.find('=');
  if (equals == std::string_view::npos) return;
  const auto name = setting.substr(0, equals), value = setting.substr(equals + 1);
  if (name == settles && value == name_of(Settlement::first_price))
    policy.tariff.settlement = Settlement::first_price;
  Micros amount = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), amount);
  if (error != std::errc{} || end != value.data() + value.size() || amount < 0 || amount > tariff_amount_max)
    return;
  for (const auto& known : amounts)
    if (known.name == name) policy.tariff.*known.member = amount;
  for (const auto& known : durations)
    if (known.name == name && amount >= known.low && amount <= known.high)
      policy.tariff.*known.member = amount;
}

}  // namespace

std::span<const TariffAmount> tariff_amounts() {
  return amounts;
}

std::span<const TariffDuration> tariff_durations() {
  return durations;
}

PolicySettings QueuePolicy::settings(Policy policy) const {
  PolicySettings out;
  out.policy = policy;
  out.value = tariff.value;
  out.wait_price = tariff.wait_price;
  out.preference = tariff.preference;
  out.reserve = tariff.reserve;
  out.settlement = tariff.settlement;
  return out;
}

PolicySettings settings_of(Policy policy) {
  return QueuePolicy{}.settings(policy);
}

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

std::optional<std::int64_t> settlement_number(std::string_view word) {
  for (const auto settlement : {Settlement::second_price, Settlement::first_price})
    if (name_of(settlement) == word) return static_cast<std::int64_t>(settlement);
  return std::nullopt;
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
  auto end = stored.find(' ');
  const auto words = stored.substr(0, end);
  const auto plus = words.find('+');
  if (const auto acting = queue_policy_number(words.substr(0, plus))) set_policy_number(out, *acting);
  if (plus != std::string_view::npos)
    if (const auto shadow = queue_policy_number(words.substr(plus + 1))) set_shadow_number(out, *shadow + 1);
  while (end != std::string_view::npos) {
    stored.remove_prefix(end + 1);
    end = stored.find(' ');
    take_up(out, stored.substr(0, end));
  }
  return out;
}

std::string stored_form(const QueuePolicy& policy) {
  std::string out(name_of(policy.acting));
  if (policy.shadow) out += '+' + std::string(name_of(*policy.shadow));
  constexpr Tariff usual;
  for (const auto& amount : amounts)
    if (const auto value = policy.tariff.*amount.member; value != usual.*amount.member)
      out += ' ' + std::string(amount.name) + '=' + std::to_string(value);
  for (const auto& duration : durations)
    if (const auto value = policy.tariff.*duration.member; value != usual.*duration.member)
      out += ' ' + std::string(duration.name) + '=' + std::to_string(value);
  if (policy.tariff.settlement != usual.settlement)
    out += ' ' + std::string(settles) + '=' + std::string(name_of(policy.tariff.settlement));
  return out;
}

}  // namespace hirehall::scheduler
