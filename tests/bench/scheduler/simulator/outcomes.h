// Recorded outcomes of two models on the same questions, and routing between them: learning where the gain by
// type is known to be small.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/error.h"

namespace hirehall::simulator {

struct Question {
  std::uint32_t subject = 0;
  double prompt_words = 0;
  bool right[2] = {false, false};  // weak, strong
};

struct Recorded {
  std::vector<Question> questions;
  std::vector<std::string> subjects;
};

Result<Recorded> read_outcomes(const std::filesystem::path& csv);

struct Rewards {
  double learned = 0;
  double best_fixed = 0, best_per_subject = 0;  // on the same questions, with hindsight
  double gap_share() const { return (learned - best_fixed) / (best_per_subject - best_fixed); }
};

inline constexpr double strong_call = 0.1;  // what asking the strong model costs

// One pass in a random order, told only what the chosen model answered.
Rewards online(const Recorded& recorded, std::uint64_t seed);
// Both models' answers are known on a random half; routed by belief on the other half.
Rewards trained(const Recorded& recorded, std::uint64_t seed);

}  // namespace hirehall::simulator
