// What a task's own features add to its chance of success: Bayesian logistic regression with a full normal
// belief about the weights, one model for each agent. The prediction of (agent, type) is the starting point,
// so without features, or before anything is learned from them, nothing changes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pack.h"

namespace hirehall::scheduler {

inline constexpr std::size_t feature_width = 16;

// Names are hashed into a fixed width, with a sign: two names that meet in one place rather cancel than add.
class Features {
 public:
  // Not a number and infinite values are left out; others are cut to -8 … 8, so scale them to about one.
  void number(std::string_view name, double value);
  void word(std::string_view name, std::string_view value);
  bool empty() const { return !any_; }
  const std::array<double, feature_width>& values() const { return values_; }

 private:
  void add(std::uint64_t hash, double value);
  std::array<double, feature_width> values_{};
  bool any_ = false;
};

class FeatureModel {
 public:
  explicit FeatureModel(double weight_sd = 0.7);

  struct Shift {
    double log_odds = 0, variance = 0;
  };
  Shift shift(const Features& features) const;
  // `log_odds` and `variance` are what is believed without the features.
  void learn(const Features& features, double log_odds, double variance, bool success);
  double outcomes() const { return outcomes_; }

  void save(Packer& out) const;
  static bool load(Unpacker& in, FeatureModel& into);

 private:
  using Row = std::array<double, feature_width>;
  Row reach(const Features& features) const;  // covariance · features
  Row mean_{};
  std::array<Row, feature_width> covariance_{};
  double outcomes_ = 0;
};

}  // namespace hirehall::scheduler
