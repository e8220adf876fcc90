#include "scheduler/trend.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hirehall::scheduler {

namespace {

// Less than that nobody feels, however sure it is: short tasks take longer when many run.
constexpr double felt_ms = 50, felt_share = 0.25;

bool felt(double before, double after) {
  const double apart = std::abs(after - before);
  return apart >= felt_ms && apart >= felt_share * before;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Two shares of samples of the same size against their common one.
double share_z(double before, double after, double size) {
  const double common = (before + after) / 2;
  const double variance = common * (1 - common) * 2 / size;
  return variance <= 0 ? 0 : (after - before) / std::sqrt(variance);
}

}  // namespace

std::string_view name_of(Trend trend) {
  switch (trend) {
    case Trend::improving:
      return "improving";
    case Trend::stable:
      return "stable";
    case Trend::worsening:
      return "worsening";
    case Trend::unknown:
      break;
  }
  return "unknown";
}

void Track::add(bool success, double took_ms) {
  const End end{static_cast<float>(took_ms), success};
  if (ends_.size() < kept) {
    ends_.push_back(end);
    return;
  }
  ends_[next_] = end;
  next_ = (next_ + 1) % kept;
}

TrendTest Track::test() const {
  TrendTest out;
  const std::size_t half = ends_.size() / 2;
  out.ends = static_cast<std::uint32_t>(2 * half);
  if (ends_.size() < needed) return out;
  std::vector<double> took[2];
  double successes[2] = {0, 0};
  const std::size_t skipped = ends_.size() % 2;  // the oldest, when they cannot be halved
  for (std::size_t i = skipped; i < ends_.size(); ++i) {
    const auto& end = ends_[(next_ + i) % ends_.size()];
    const std::size_t later = i - skipped < half ? 0 : 1;
    successes[later] += end.success ? 1 : 0;
    if (end.success) took[later].push_back(end.took_ms);
  }
  const auto size = static_cast<double>(half);
  out.success_before = successes[0] / size;
  out.success_after = successes[1] / size;
  out.success_z = share_z(out.success_before, out.success_after, size);
  out.p50_before = median_of(took[0]);
  out.p50_after = median_of(took[1]);
  out.duration_z = rank_z(took[0], took[1]);
  const bool another_pace = felt(out.p50_before, out.p50_after);
  const bool worse = out.success_z < -far || (another_pace && out.duration_z > far);
  const bool better = out.success_z > far || (another_pace && out.duration_z < -far);
  out.trend = worse ? Trend::worsening : better ? Trend::improving : Trend::stable;
  return out;
}

double rank_z(const std::vector<double>& before, const std::vector<double>& after) {
  if (before.empty() || after.empty()) return 0;
  std::vector<std::pair<double, bool>> all;
  for (const double value : before) all.emplace_back(value, false);
  for (const double value : after) all.emplace_back(value, true);
  std::sort(all.begin(), all.end());
  const auto n = static_cast<double>(all.size());
  const auto n1 = static_cast<double>(before.size()), n2 = static_cast<double>(after.size());
  double rank_sum = 0, ties = 0;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first;
    while (last < all.size() && all[last].first == all[first].first) ++last;
    const auto equal = static_cast<double>(last - first);
    const double rank = (static_cast<double>(first) + 1 + static_cast<double>(last)) / 2;
    for (std::size_t i = first; i < last; ++i) rank_sum += all[i].second ? rank : 0;
    ties += equal * equal * equal - equal;
    first = last;
  }
  const double u = rank_sum - n2 * (n2 + 1) / 2;
  const double variance = n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1)));
  return variance <= 0 ? 0 : (u - n1 * n2 / 2) / std::sqrt(variance);
}

}  // namespace hirehall::scheduler
