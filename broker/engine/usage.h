// What attempts say that they used – tokens, cost, any unit – added up by day, lane and agent; and budgets,
// which say how much that may be (docs/usage.md). Amounts are whole millionths, so that sums are exact and
// the same in every replay. Days are those of engine time, in UTC.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/facts_frame.h"
#include "broker/engine/payments.h"
#include "common/task.h"

namespace hirehall::engine {

inline constexpr std::int64_t micros_per_unit = 1'000'000;
inline constexpr double usage_amount_max = 1e9;            // of one report; more is left out and counted
inline constexpr std::size_t usage_units_per_report = 16;  // further ones are left out and counted
inline constexpr std::size_t usage_unit_bytes_max = 64;    // likewise, longer names
inline constexpr std::size_t usage_units_max = 64;         // in all; further ones are added up as `other`
inline constexpr std::size_t usage_rows_max = 20'000;      // then the oldest go
inline constexpr std::int64_t usage_days_kept = 400;

using Amounts = std::map<std::string, std::int64_t, std::less<>>;  // by unit, in millionths

// As an attempt reported it, and who it was: what the end of an attempt keeps.
struct UsageReport {
  std::string agent;
  Amounts amounts;
  std::uint32_t left_out = 0;  // pairs that were no amounts; not kept
};
UsageReport read_usage_report(std::string_view map);  // as a worker sends it: unit → number
std::string encode_usage(const UsageReport& report);  // empty when nothing was used
UsageReport decode_usage(std::string_view stored);    // also what earlier versions kept: the bare map
void add(Amounts& to, const Amounts& amounts);
void write_amounts(msgpack::Writer& w, const Amounts& amounts);  // a map, in units

struct UsageKey {
  std::int64_t day = 0;  // since 1970-01-01
  std::uint32_t lane = 0;
  std::string agent;
  auto operator<=>(const UsageKey&) const = default;
};
struct UsageRow {
  std::uint64_t attempts = 0;
  Amounts amounts;
  template <typename A>
  void archive(A& a) {
    a(attempts, amounts);
  }
};

class UsageBook {
 public:
  // The amounts as they were booked: units beyond what is kept apart are `other`.
  Amounts book(const UsageReport& report, std::uint32_t lane, std::uint32_t queue, Millis now,
               std::uint64_t attempts = 1);

  // What was paid at `at` is paid back: it goes from the row where it was booked, and no more than is there.
  // The total of that unit stays, as who looks at it expects of what only grows; what goes back has one of
  // its own.
  void take_back(std::uint32_t lane, std::uint32_t queue, const std::string& agent, Millis at,
                 std::int64_t micros);

  const std::map<UsageKey, UsageRow>& rows() const { return rows_; }
  // Since ever; by queue and unit.
  const std::map<std::pair<std::uint32_t, std::string>, std::int64_t>& totals() const { return totals_; }
  std::uint64_t forgotten() const { return forgotten_; }

  void save(auto& a);
  bool load(auto& a, std::size_t lanes, std::size_t queues);

 private:
  const std::string& unit_of(const std::string& unit);

  std::map<UsageKey, UsageRow> rows_;
  std::map<std::string, std::uint8_t, std::less<>> units_;  // that have a name of their own
  std::map<std::pair<std::uint32_t, std::string>, std::int64_t> totals_;
  std::uint64_t forgotten_ = 0;  // rows that went before their time
};

void UsageBook::save(auto& a) {
  std::uint64_t n = rows_.size();
  a(n);
  for (auto& [key, row] : rows_) {
    auto copy = key;
    a(copy.day, copy.lane, copy.agent, row);
  }
  a(units_);
  n = totals_.size();
  a(n);
  for (auto& [key, amount] : totals_) {
    auto copy = key;
    a(copy.first, copy.second, amount);
  }
  a(forgotten_);
}

bool UsageBook::load(auto& a, std::size_t lanes, std::size_t queues) {
  std::uint64_t n = 0;
  a(n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    UsageKey key;
    a(key.day, key.lane, key.agent);
    if (!a.ok() || key.lane >= lanes) return false;
    a(rows_[key]);
  }
  a(units_, n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::pair<std::uint32_t, std::string> key;
    a(key.first, key.second);
    if (!a.ok() || key.first >= queues) return false;
    a(totals_[key]);
  }
  a(forgotten_);
  return a.ok();
}

// --- budgets ---

enum class Period : std::uint8_t { day = 0, month = 1, total = 2 };
inline constexpr std::array<std::string_view, 3> period_names{"day", "month", "total"};
inline constexpr std::size_t budgets_max = 1000;  // busy

// How much of a unit tasks of a tenant, of a queue or of both may use in a period.
struct BudgetRule {
  std::string tenant, queue;  // empty: any
  std::string unit;
  Period period = Period::day;
  std::int64_t hard = 0, soft = 0;  // millionths; 0: none
  template <typename A>
  void archive(A& a) {
    a(tenant, queue, unit, period, hard, soft);
  }
  bool same_tasks(const BudgetRule& o) const {
    return tenant == o.tenant && queue == o.queue && unit == o.unit && period == o.period;
  }
  friend bool operator==(const BudgetRule&, const BudgetRule&) = default;
};

struct Budget {
  BudgetRule rule;
  std::string by;
  Millis changed = 0;
  Millis began = 0;  // the period that `used` is of
  std::int64_t used = 0;
  template <typename A>
  void archive(A& a) {
    a(rule, by, changed, began, used);
  }
  std::int64_t used_at(Millis now) const;
  bool over_hard(Millis now) const { return rule.hard != 0 && used_at(now) >= rule.hard; }
  bool over_soft(Millis now) const { return rule.soft != 0 && used_at(now) >= rule.soft; }
};
using Budgets = std::map<std::string, Budget, std::less<>>;

Millis period_start(Period period, Millis now);
Millis period_end(Period period, Millis now);  // until_resumed for a total

struct BudgetSet {
  static constexpr auto kind = FactKind::budget_set;
  std::string name;
  BudgetRule rule;
  std::string by;
  template <typename A>
  void archive(A& a) {
    a(name, rule, by);
  }
};

struct BudgetDeleted {
  static constexpr auto kind = FactKind::budget_deleted;
  std::string name;
  template <typename A>
  void archive(A& a) {
    a(name);
  }
};

std::string budget_gate_key(std::string_view budget);
inline constexpr char budget_gate_tag = 'b';

}  // namespace hirehall::engine
