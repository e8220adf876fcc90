// Features of a task: what its submitter says of it in numbers and words, for the hall to learn who does such
// tasks well (docs/features.md). They travel as one encoded msgpack map, and are kept as they came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall {

namespace limits {

inline constexpr std::size_t features_max = 16;            // invalid
inline constexpr std::size_t feature_name_bytes_max = 32;  // invalid
inline constexpr std::size_t feature_word_bytes_max = 64;  // invalid
inline constexpr double feature_number_max = 1e15;         // invalid: beyond it, either side of 0

}  // namespace limits

// Views into the bytes that it was read from.
struct TaskFeature {
  std::string_view name;
  bool numeric = false;
  double number = 0;
  std::string_view word;
};

// In the order they came; `invalid` names the feature, what it is and what is accepted.
Result<std::vector<TaskFeature>> read_features(std::string_view encoded);
// Nothing when they are as they have to be.
Status check_features(std::string_view encoded);

// NAME=VALUE as people write it: what is a number is one, all else is a word.
Result<TaskFeature> parse_feature(std::string_view text);
std::string write_features(const std::vector<TaskFeature>& features);

// The features among encoded options in their stored form, or nothing: `own` of a packed task.
std::string_view features_among(std::string_view options);

}  // namespace hirehall
