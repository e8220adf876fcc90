// Two models of one type of task, a cheap and a dear one: what features of the tasks gain over none, where
// they decide (made up), and on recorded outcomes.
#pragma once

#include <array>
#include <cstdint>

#include "tests/bench/scheduler/simulator/outcomes.h"

namespace hirehall::simulator {

struct FeaturedRewards {
  double with = 0, without = 0;      // learned, on the same tasks with the same luck
  double best_fixed = 0, known = 0;  // the better of both models for all; by the true chances
  double gap_share(double reward) const { return (reward - best_fixed) / (known - best_fixed); }
};

inline constexpr double cheap_call = 0.02, dear_call = 0.3;

// The cheap model fails at what is long, the dear one seldom; the language says nothing.
FeaturedRewards by_length(std::uint64_t seed, std::uint32_t tasks);

// Both succeed alike. One asks by the token, in time and in cost, the other the same for all tasks: which of
// them is cheaper depends on the length.
FeaturedRewards by_price(std::uint64_t seed, std::uint32_t tasks);

// Durations that go by the token: how many end before the forecast p90, of all and of the longest quarter,
// and how far off the median is (mean of the logarithm); with the tokens known, and without.
struct Covered {
  double all = 0, longest = 0, off = 0;
  double all_without = 0, longest_without = 0, off_without = 0;
  std::array<double, 10> tenths{}, tenths_without{};  // of tasks by their length
};
Covered covered_by_length(std::uint64_t seed, std::uint32_t tasks);

enum class Told : std::uint8_t {
  types,              // each subject is a type of its own, as in online()
  nothing,            // all are of one type
  subject,            // … with the subject as a feature
  subject_and_words,  // … and the length of the prompt
  types_and_words,    // types, and the length of the prompt as a feature
};
// One pass in a random order, told only what the chosen model answered; the mean reward.
double online_told(const Recorded& recorded, std::uint64_t seed, Told told);

}  // namespace hirehall::simulator
