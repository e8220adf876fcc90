// Means with their bands, and quantiles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace hirehall::simulator {

struct Band {
  double mean = 0, low = 0, high = 0;  // 95 % of the mean
};

inline double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

inline double sd_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

inline Band band_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  const double half = 1.96 * sd_of(values) / std::sqrt(std::max(1.0, static_cast<double>(values.size())));
  return {mean, mean - half, mean + half};
}

inline double quantile_of(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at =
      std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace hirehall::simulator
