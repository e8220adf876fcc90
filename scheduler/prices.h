// Proxy bids: a worker tells once what it asks for its agents' work, as a function, and the hall evaluates it
// for each task. Same meaning as a bid on the wire, and no message. All money is in whole millionths of a
// cost unit, so that every sum comes out the same everywhere.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::scheduler {

using Micros = std::int64_t;  // millionths of a cost unit
inline constexpr Micros micros_per_unit = 1'000'000;
inline constexpr double price_units_max = 1e6;
inline constexpr std::size_t price_types_max = 64;

// What a worker registers, in cost units. Numbers from the wire: anything may be in them.
struct PriceTerms {
  double base = 0;                                        // for a task, idle
  double load_slope = 0;                                  // added in full when all slots are taken
  double cap = price_units_max;                           // it never asks for more
  std::map<std::string, double, std::less<>> types = {};  // multiplier by task type; others: 1
};

// What a price function asks for one task, with all that it is made of: whoever works it out again finds the
// same. ask = min(cap, (base + load_slope · load / load_one) · multiplier / 1000).
struct Quote {
  Micros ask = 0;
  Micros base = 0, load_slope = 0, cap = 0;
  std::int64_t multiplier = 1000;  // thousandths
  bool live = false;               // the agent was asked and said `ask` itself: nothing else holds
};

class PriceFunction {
 public:
  PriceFunction() = default;  // works for nothing
  // Refused by name: negative, not a number, infinite, above price_units_max, too many types.
  static Result<PriceFunction> from(const PriceTerms& terms);
  // `load` as in Pick: load_one when all slots are taken.
  Micros ask(std::string_view type, std::uint64_t load) const { return quote(type, load).ask; }
  Quote quote(std::string_view type, std::uint64_t load) const;

 private:
  Micros base_ = 0, slope_ = 0, cap_ = 0;
  std::map<std::string, std::int64_t, std::less<>> types_;  // multiplier in thousandths
};

// A bid as an agent makes it, in cost units. Nothing: negative, not a number, infinite, above
// price_units_max.
std::optional<Micros> bid_from(double units);

}  // namespace hirehall::scheduler
