// What a task's own features say of an amount: how long an agent takes for it, what it costs there. Bayesian
// linear regression of the amount's logarithm, one model for each (agent, type) and amount, with the places
// and steps of features.h and a belief about the noise (inverse gamma).
//
// It begins at what is believed without features and keeps account of which of the two has foretold better:
// only then is it believed, and never by more than a factor of a thousand.
#pragma once

#include <cstdint>
#include <vector>

#include "common/pack.h"
#include "scheduler/duration.h"
#include "scheduler/features.h"
#include "scheduler/student.h"

namespace hirehall::scheduler {

class AmountModel {
 public:
  static constexpr std::size_t width = 32;  // weights
  static constexpr double factor_max = 1000;

  AmountModel() : AmountModel(DurationModel::Log{}) {}
  explicit AmountModel(const DurationModel::Log& start);
  static DurationModel::Log start_of_cost(double mean);

  // Nothing of the task is known, or it is not to be believed.
  bool silent(const Features& features) const { return lead_ <= 0 || !weights_.knows(features); }
  // In place of `bare`, what is believed without the features. Quantiles and mean of a duration; …
  DurationBelief duration(const Features& features, const DurationBelief& bare) const;
  double median(const Features& features, double bare_median) const;
  // … the mean of a cost.
  double mean(const Features& features, double bare_mean) const;

  // How many weights made room for others. What `bare` was is what was believed before this lesson.
  std::uint32_t learn_duration(const Features& features, double took_ms, const DurationBelief& bare);
  std::uint32_t learn_cost(const Features& features, double cost, double bare_mean);

  std::vector<FeatureWeight> weights() const { return weights_.weights(); }  // of the logarithm
  std::size_t size() const { return weights_.size(); }
  bool believed() const { return lead_ > 0; }

  void save(Packer& out) const;
  static bool load(Unpacker& in, AmountModel& into);

 private:
  Student student(const Features& features, double bare_log) const;
  double ratio() const { return ratios_ / ratio_count_; }
  std::uint32_t learn(const Features& features, double log_value);
  void compare(double better_by);

  FeatureModel weights_;
  double shape_ = 0, rate_ = 0;
  double outcomes_ = 0;
  double lead_ = 0;                      // how much better it foretold than what is believed without, fading
  double ratios_ = 2, ratio_count_ = 2;  // of costs to what the weights say of them: a mean is no median
};

}  // namespace hirehall::scheduler
