#include "scheduler/prices.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

namespace {

constexpr double multiplier_max = 1000;
constexpr std::uint64_t load_max = 64 * std::uint64_t{load_one};

Status check(double value, double most, const std::string& what) {
  if (std::isfinite(value) && value >= 0 && value <= most) return {};
  const std::string found = std::isnan(value) ? "not a number" : std::to_string(value);
  return fail(Code::invalid,
              what + " of a price function is " + found + "; it may be 0 to " +
                  std::to_string(static_cast<std::int64_t>(most)),
              what);
}

Micros in_micros(double units) {
  return std::llround(units * static_cast<double>(micros_per_unit));
}

}  // namespace

Result<PriceFunction> PriceFunction::from(const PriceTerms& terms) {
  for (const auto& [value, what] : {std::pair{terms.base, "base"}, std::pair{terms.load_slope, "load_slope"},
                                    std::pair{terms.cap, "cap"}})
    if (auto good = check(value, price_units_max, what); !good) return tl::unexpected(good.error());
  if (terms.types.size() > price_types_max)
    return fail(Code::invalid,
                "a price function names at most " + std::to_string(price_types_max) + " task types", "types");
  PriceFunction out;
  for (const auto& [type, multiplier] : terms.types) {
    if (auto good = check(multiplier, multiplier_max, "multiplier for " + type); !good)
      return tl::unexpected(good.error());
    out.types_.emplace(type, std::llround(multiplier * 1000));
  }
  out.base_ = in_micros(terms.base);
  out.slope_ = in_micros(terms.load_slope);
  out.cap_ = in_micros(terms.cap);
  return out;
}

std::optional<Micros> bid_from(double units) {
  if (!(units >= 0 && units <= price_units_max)) return std::nullopt;
  return in_micros(units);
}

// Within int64: 10^12 micros · (1 + 64 loads) · 10^6 thousandths would not be, so the cap cuts in between.
Quote PriceFunction::quote(std::string_view type, std::uint64_t load) const {
  const auto full = static_cast<std::int64_t>(std::min(load, load_max));
  Quote out{0, base_, slope_, cap_, 1000};
  if (!types_.empty())
    if (const auto found = types_.find(type); found != types_.end()) out.multiplier = found->second;
  // slope · load / load_one, without overflow: 10^12 · 2^22 is below 2^62.
  constexpr Micros safe = std::numeric_limits<Micros>::max() / 1'000'000;
  const Micros loaded = std::min(base_ + slope_ * full / static_cast<std::int64_t>(load_one), safe);
  out.ask = std::min(loaded / 1000 * out.multiplier + loaded % 1000 * out.multiplier / 1000, cap_);
  return out;
}

}  // namespace hirehall::scheduler
