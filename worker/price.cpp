#include "worker/price.h"

#include <optional>

#include "common/options.h"

namespace hirehall::worker {
namespace {

constexpr double unit = 1e6;
constexpr std::int64_t most = 1'000'000'000'000, multiplier_most = 1'000'000'000;  // millionths
constexpr std::size_t types_max = 64;

std::optional<double> amount(std::string_view text, std::int64_t limit) {
  const auto value = parse_cost(text);
  if (!value || *value > limit) return std::nullopt;
  return static_cast<double>(*value) / unit;
}

}  // namespace

Status set_price(PriceOffer& price, std::string_view field, std::string_view text) {
  double* into = field == "base"         ? &price.base
                 : field == "load_slope" ? &price.load_slope
                 : field == "cap"        ? &price.cap
                                         : nullptr;
  if (into == nullptr)
    return fail(Code::invalid,
                "a price has base, load_slope, cap and types, not '" + std::string(field) + "'");
  const auto value = amount(text, most);
  if (!value)
    return fail(Code::invalid, std::string(field) +
                                   " takes 0 to 1000000 cost units with at most six digits behind the point, "
                                   "not '" +
                                   std::string(text) + "'");
  *into = *value;
  return {};
}

Status set_multiplier(PriceOffer& price, std::string_view type, std::string_view text) {
  const auto value = amount(text, multiplier_most);
  if (!value)
    return fail(Code::invalid, "the multiplier for '" + std::string(type) + "' takes 0 to 1000, not '" +
                                   std::string(text) + "'");
  price.types[std::string(type)] = *value;
  if (price.types.size() > types_max) return fail(Code::invalid, "types: at most 64");
  return {};
}

Result<PriceOffer> parse_price(std::string_view text) {
  PriceOffer price;
  if (text.find('=') == std::string_view::npos) {
    if (auto set = set_price(price, "base", text); !set) return tl::unexpected(set.error());
    return price;
  }
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto field = text.substr(0, comma);
    const auto equals = field.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view{} : field.substr(equals + 1);
    if (auto set = set_price(price, field.substr(0, equals), value); !set) return tl::unexpected(set.error());
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return price;
}

void write_price(msgpack::Writer& w, const PriceOffer& price) {
  w.map(price.types.empty() ? 3 : 4);
  w.str("base"), w.real(price.base);
  w.str("load_slope"), w.real(price.load_slope);
  w.str("cap"), w.real(price.cap);
  if (price.types.empty()) return;
  w.str("types");
  w.map(price.types.size());
  for (const auto& [type, multiplier] : price.types) w.str(type), w.real(multiplier);
}

}  // namespace hirehall::worker
