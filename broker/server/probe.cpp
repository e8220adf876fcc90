#include "broker/server/probe.h"

#include <algorithm>
#include <numeric>

namespace hirehall::server {

void DurationHistogram::add_us(std::int64_t microseconds, std::uint64_t times) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(0, microseconds));
  const auto bucket = std::ranges::lower_bound(bounds_us, value) - bounds_us.begin();
  counts[static_cast<std::size_t>(bucket)] += times;
  sum_us += value * times;
}

std::uint64_t DurationHistogram::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace hirehall::server
