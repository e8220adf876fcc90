#include "tests/bench/samples.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hirehall::bench {
namespace {

constexpr int sub_bits = 4;

std::size_t bucket_of(std::uint64_t ns) {
  if (ns < 1u << sub_bits) return static_cast<std::size_t>(ns);
  auto exponent = static_cast<std::size_t>(std::bit_width(ns)) - 1;
  auto sub = (ns >> (exponent - sub_bits)) & ((1u << sub_bits) - 1);
  return ((exponent - sub_bits + 1) << sub_bits) + static_cast<std::size_t>(sub);
}

double upper_edge(std::size_t bucket) {
  if (bucket < 1u << sub_bits) return static_cast<double>(bucket);
  auto exponent = static_cast<int>(bucket >> sub_bits) + sub_bits - 1;
  auto sub = static_cast<double>(bucket & ((1u << sub_bits) - 1));
  return std::ldexp(1.0 + (sub + 1) / (1 << sub_bits), exponent);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  auto middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Samples::percentile_ms(double percent) {
  if (ns_.empty()) return 0;
  auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(ns_.size())));
  auto place = ns_.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, ns_.size()) - 1);
  std::nth_element(ns_.begin(), place, ns_.end());
  return static_cast<double>(*place) / 1e6;
}

void Histogram::add(std::int64_t ns, std::uint64_t count) {
  auto bucket = bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)));
  counts_[std::min(bucket, counts_.size() - 1)] += count;
  total_ += count;
}

double Histogram::percentile_ms(double percent) const {
  auto rank = percent / 100 * static_cast<double>(total_);
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    below += counts_[bucket];
    if (below > 0 && static_cast<double>(below) >= rank) return upper_edge(bucket) / 1e6;
  }
  return 0;
}

}  // namespace hirehall::bench
