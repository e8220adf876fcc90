#include "broker/engine/usage.h"

#include <algorithm>
#include <cmath>

#include "broker/engine/civil.h"
#include "broker/engine/limit.h"
#include "common/pack.h"

namespace hirehall::engine {
namespace {

constexpr Millis day_ms = day_seconds * 1000;
constexpr std::string_view other_units = "other";

void add_up(std::int64_t& to, std::int64_t amount) {
  to = amount > INT64_MAX - to ? INT64_MAX : to + amount;
}

void read_amounts(msgpack::Reader& r, UsageReport& out) {
  if (r.peek() != msgpack::Kind::map) {
    r.skip();
    ++out.left_out;
    return;
  }
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    const bool named = r.peek() == msgpack::Kind::str;
    std::string unit;
    if (named)
      unit = r.str();
    else
      r.skip();
    const auto kind = r.peek();
    const bool number =
        kind == msgpack::Kind::uint || kind == msgpack::Kind::sint || kind == msgpack::Kind::real;
    double amount = -1;
    if (number)
      amount = r.real();
    else
      r.skip();
    const bool sound = named && number && !unit.empty() && unit != auction_unit && unit != refund_unit &&
                       unit.size() <= usage_unit_bytes_max && std::isfinite(amount) && amount >= 0 &&
                       amount <= usage_amount_max && out.amounts.size() < usage_units_per_report;
    if (!sound) {
      ++out.left_out;
      continue;
    }
    const auto micros = std::llround(amount * static_cast<double>(micros_per_unit));
    if (micros != 0) add_up(out.amounts[unit], micros);
  }
}

}  // namespace

UsageReport read_usage_report(std::string_view map) {
  UsageReport report;
  if (map.empty()) return report;
  msgpack::Reader r(map);
  read_amounts(r, report);
  return report;
}

std::string encode_usage(const UsageReport& report) {
  std::string out;
  if (report.amounts.empty()) return out;
  msgpack::Writer w(out);
  w.array(2);
  w.str(report.agent);
  w.map(report.amounts.size());
  for (const auto& [unit, micros] : report.amounts) w.str(unit), w.sint(micros);
  return out;
}

UsageReport decode_usage(std::string_view stored) {
  if (stored.empty()) return {};
  msgpack::Reader r(stored);
  if (r.peek() == msgpack::Kind::map) return read_usage_report(stored);
  UsageReport report;
  if (r.array() != 2) return report;
  report.agent = r.str();
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    std::string unit{r.str()};
    auto micros = r.sint();
    if (r.ok() && micros > 0) add_up(report.amounts[unit], micros);
  }
  return report;
}

void add(Amounts& to, const Amounts& amounts) {
  for (const auto& [unit, micros] : amounts) add_up(to[unit], micros);
}

void write_amounts(msgpack::Writer& w, const Amounts& amounts) {
  w.map(amounts.size());
  for (const auto& [unit, micros] : amounts) {
    w.str(unit);
    if (micros % micros_per_unit == 0)
      w.sint(micros / micros_per_unit);
    else
      w.real(static_cast<double>(micros) / static_cast<double>(micros_per_unit));
  }
}

const std::string& UsageBook::unit_of(const std::string& unit) {
  static const std::string other{other_units};
  if (unit == auction_unit || units_.contains(unit)) return unit;  // what is paid is never mixed with others
  if (units_.size() >= usage_units_max) return other;
  units_.emplace(unit, std::uint8_t{1});
  return unit;
}

Amounts UsageBook::book(const UsageReport& report, std::uint32_t lane, std::uint32_t queue, Millis now,
                        std::uint64_t attempts) {
  Amounts booked;
  for (const auto& [unit, micros] : report.amounts) add_up(booked[unit_of(unit)], micros);
  const auto today = floor_div(now, day_ms);
  while (!rows_.empty() && rows_.begin()->first.day + usage_days_kept <= today) rows_.erase(rows_.begin());
  auto [row, fresh] = rows_.try_emplace(UsageKey{today, lane, report.agent});
  row->second.attempts += attempts;
  add(row->second.amounts, booked);
  for (const auto& [unit, micros] : booked) add_up(totals_[{queue, unit}], micros);
  while (rows_.size() > usage_rows_max) {
    rows_.erase(rows_.begin());
    ++forgotten_;
  }
  return booked;
}

void UsageBook::take_back(std::uint32_t lane, std::uint32_t queue, const std::string& agent, Millis at,
                          std::int64_t micros) {
  add_up(totals_[{queue, std::string(refund_unit)}], micros);
  const auto row = rows_.find(UsageKey{floor_div(at, day_ms), lane, agent});
  if (row == rows_.end()) return;
  auto& amounts = row->second.amounts;
  const auto paid = amounts.find(auction_unit);
  if (paid == amounts.end()) return;
  paid->second -= std::min(paid->second, micros);
  if (paid->second == 0) amounts.erase(paid);
  if (amounts.empty() && row->second.attempts == 0) rows_.erase(row);
}

// --- budgets ---

Millis period_start(Period period, Millis now) {
  const auto day = floor_div(now, day_ms);
  switch (period) {
    case Period::day:
      return day * day_ms;
    case Period::month: {
      auto date = date_of(day);
      date.day = 1;
      return days_of(date) * day_ms;
    }
    case Period::total:
      break;
  }
  return 0;
}

Millis period_end(Period period, Millis now) {
  switch (period) {
    case Period::day:
      return period_start(period, now) + day_ms;
    case Period::month: {
      auto date = date_of(floor_div(now, day_ms));
      date.day = 1;
      date.year += date.month == 12 ? 1 : 0;
      date.month = date.month == 12 ? 1 : date.month + 1;
      return days_of(date) * day_ms;
    }
    case Period::total:
      break;
  }
  return until_resumed;
}

std::int64_t Budget::used_at(Millis now) const {
  return rule.period == Period::total || began >= period_start(rule.period, now) ? used : 0;
}

std::string budget_gate_key(std::string_view budget) {
  std::string key(1, budget_gate_tag);
  key += budget;
  return key;
}

}  // namespace hirehall::engine
