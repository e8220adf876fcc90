// Whether an agent gets better or worse at a type of task, with a test for it: the later half of its last
// ends against the earlier half.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hirehall::scheduler {

enum class Trend : std::uint8_t { unknown = 0, improving = 1, stable = 2, worsening = 3 };
std::string_view name_of(Trend trend);

// The evidence: shares and medians of both halves, and how far they lie apart in standard deviations of
// chance.
struct TrendTest {
  Trend trend = Trend::unknown;
  std::uint32_t ends = 0;  // looked at, both halves together
  double success_before = 0, success_after = 0, success_z = 0;
  double p50_before = 0, p50_after = 0, duration_z = 0;  // of successes; positive: slower
};

// The last ends of one agent at one type.
class Track {
 public:
  static constexpr std::uint32_t kept = 128;
  static constexpr std::uint32_t needed = 40;  // fewer say nothing
  static constexpr double far = 2.58;          // 1 % of chance, on both sides together

  void add(bool success, double took_ms);
  TrendTest test() const;
  std::uint32_t ends() const { return static_cast<std::uint32_t>(ends_.size()); }

 private:
  struct End {
    float took_ms = 0;
    bool success = false;
  };
  std::vector<End> ends_;  // a ring once it is full
  std::uint32_t next_ = 0;
};

// Of two samples: the normal score of Mann and Whitney's rank sum, positive when `after` is greater. 0 when
// either is empty or all are equal.
double rank_z(const std::vector<double>& before, const std::vector<double>& after);

}  // namespace hirehall::scheduler
