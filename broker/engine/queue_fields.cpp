#include "broker/engine/queue_fields.h"

#include <algorithm>
#include <array>

#include "common/check.h"
#include "scheduler/queue_policy.h"

namespace hirehall::engine {
namespace {

constexpr std::int64_t year_ms = 366ll * 24 * 3600 * 1000;

template <auto Member>
constexpr QueueField field(std::string_view name, std::int64_t low, std::int64_t high) {
  return {name, low, high, [](const QueueSettings& s) { return static_cast<std::int64_t>(s.*Member); },
          [](QueueSettings& s, std::int64_t value) {
            s.*Member = static_cast<std::remove_reference_t<decltype(s.*Member)>>(value);
          }};
}

// Both policies and their tariff lie in one text of the settings.
template <auto Get, auto Set>
constexpr QueueField policy_field(std::string_view name, std::int64_t high) {
  return {name, 0, high, [](const QueueSettings& s) { return Get(scheduler::queue_policy(s.policy)); },
          [](QueueSettings& s, std::int64_t value) {
            auto policy = scheduler::queue_policy(s.policy);
            Set(policy, value);
            s.policy = scheduler::stored_form(policy);
          }};
}
template <auto Member>
constexpr QueueField tariff_field(std::string_view name, std::int64_t high, std::int64_t low = 0) {
  return {name, low, high,
          [](const QueueSettings& s) {
            return static_cast<std::int64_t>(scheduler::queue_policy(s.policy).tariff.*Member);
          },
          [](QueueSettings& s, std::int64_t value) {
            auto policy = scheduler::queue_policy(s.policy);
            auto& member = policy.tariff.*Member;
            member = static_cast<std::remove_reference_t<decltype(member)>>(value);
            s.policy = scheduler::stored_form(policy);
          }};
}
constexpr std::int64_t (*acting_of)(const scheduler::QueuePolicy&) = scheduler::queue_policy_number;
constexpr std::int64_t (*shadow_of)(const scheduler::QueuePolicy&) = scheduler::queue_shadow_number;

constexpr std::array fields{
    field<&QueueSettings::weight>("weight", 1, 1000),
    field<&QueueSettings::cap>("cap", 0, INT64_MAX),
    field<&QueueSettings::retention_ms>("retention_ms", 0, 100 * year_ms),
    field<&QueueSettings::retention_bytes>("retention_bytes", 0, INT64_MAX),
    field<&QueueSettings::timeout_ms>("timeout_ms", 0, 100 * year_ms),
    field<&QueueSettings::aging_ms>("aging_ms", 0, year_ms),
    policy_field<acting_of, scheduler::set_policy_number>("policy", scheduler::queue_policy_max),
    policy_field<shadow_of, scheduler::set_shadow_number>("shadow", scheduler::queue_shadow_max),
    tariff_field<&scheduler::Tariff::value>("success_value", scheduler::tariff_amount_max),
    tariff_field<&scheduler::Tariff::wait_price>("wait_price", scheduler::tariff_amount_max),
    tariff_field<&scheduler::Tariff::preference>("preference", scheduler::tariff_amount_max),
    tariff_field<&scheduler::Tariff::reserve>("reserve", scheduler::tariff_amount_max),
    tariff_field<&scheduler::Tariff::settlement>("settlement", 1),
    tariff_field<&scheduler::Tariff::live_bids_from_ms>("live_bids_from_ms",
                                                        scheduler::live_bids_from_ms_max),
    tariff_field<&scheduler::Tariff::bid_deadline_ms>("bid_deadline_ms", scheduler::bid_deadline_ms_max,
                                                      scheduler::bid_deadline_ms_min),
    tariff_field<&scheduler::Tariff::match_from_ms>("match_from_ms", scheduler::match_from_ms_max),
    field<&QueueSettings::approval>("approval", 0, 3),
    field<&QueueSettings::approval_timeout_ms>("approval_timeout_ms", 0, year_ms),
    field<&QueueSettings::approval_on_timeout>("approval_on_timeout", 0, 2),
};

constexpr std::string_view tenants = "tenants/", limit_keys = "limits/";

template <typename Settings>
auto entry_of(Settings& settings, std::string_view name) {
  const bool tenant = name.starts_with(tenants);
  HH_CHECK(tenant || name.starts_with(limit_keys), "a queue has this setting");
  return std::pair{tenant ? &settings.tenants : &settings.limits,
                   name.substr(tenant ? tenants.size() : limit_keys.size())};
}

}  // namespace

std::span<const QueueField> queue_fields() {
  return fields;
}

const QueueField* queue_field(std::string_view name) {
  const auto* found = std::ranges::find(fields, name, &QueueField::name);
  return found == fields.end() ? nullptr : found;
}

std::optional<std::int64_t> queue_value(const QueueSettings& settings, std::string_view name) {
  if (const auto* known = queue_field(name)) return known->get(settings);
  auto [entries, key] = entry_of(settings, name);
  auto at = entries->find(key);
  return at == entries->end() ? std::nullopt : std::optional<std::int64_t>(at->second);
}

void set_queue_value(QueueSettings& settings, std::string_view name, std::optional<std::int64_t> value) {
  if (const auto* known = queue_field(name)) return known->set(settings, value.value_or(known->get({})));
  auto [entries, key] = entry_of(settings, name);
  if (value)
    entries->insert_or_assign(std::string(key), static_cast<std::uint32_t>(*value));
  else if (auto at = entries->find(key); at != entries->end())
    entries->erase(at);
}

}  // namespace hirehall::engine
