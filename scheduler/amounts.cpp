#include "scheduler/amounts.h"

#include <algorithm>
#include <cmath>

#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double z90 = 1.2815515655446004, z99 = 2.3263478740408408;
constexpr double prior_shape = 3;    // the noise of the start weighs like six outcomes
constexpr double shape_max = 200;    // older ones fade
constexpr double open_variance = 1;  // tasks with features may be others than those without
constexpr double fades = 0.98, loss_max = 4, ratio_max = 20, ratio_window = 256;
constexpr double least_noise = 1e-6;

// What a forecast of quantiles loses by a logarithm, the median counting as much as the 90 % quantile.
double loss_of(double log_value, double log_p50, double log_p90) {
  const auto pinball = [&](double foretold, double share) {
    const double over = log_value - foretold;
    return over > 0 ? share * over : (share - 1) * over;
  };
  return pinball(log_p50, 0.5) + pinball(log_p90, 0.9);
}

// What a forecast of the mean loses: least for the mean itself, whatever the unit.
double loss_of_mean(double value, double foretold) {
  return std::min(value / foretold, 100.0) + std::log(foretold);
}

double log_of(double value) {
  return std::log(std::clamp(value, 1e-9, 1e15));
}

}  // namespace

AmountModel::AmountModel(const DurationModel::Log& start)
    : weights_(width, start.mean, start.variance + open_variance),
      shape_(prior_shape),
      rate_(prior_shape * std::max(start.noise, least_noise)) {}

DurationModel::Log AmountModel::start_of_cost(double mean) {
  return {log_of(mean), 0, 0.5};
}

Student AmountModel::student(const Features& features, double bare_log) const {
  const auto sum = weights_.sum(features);
  static const double most = std::log(factor_max);
  const double noise = rate_ / shape_;
  return {std::clamp(sum.mean, bare_log - most, bare_log + most), std::sqrt(noise + sum.variance),
          2 * shape_};
}

DurationBelief AmountModel::duration(const Features& features, const DurationBelief& bare) const {
  if (silent(features)) return bare;
  const auto t = student(features, log_of(bare.p50_ms));
  const auto at = [&](double z) { return std::exp(std::min(t.quantile(z), 50.0)); };
  auto out = bare;
  out.from_sketch = false;
  out.p50_ms = at(0);
  out.p90_ms = at(z90);
  out.p99_ms = at(z99);
  out.mean_ms = std::min(std::exp(std::min(t.mean + t.scale * t.scale / 2, 50.0)), 20 * out.p50_ms);
  return out;
}

double AmountModel::median(const Features& features, double bare_median) const {
  return silent(features) ? bare_median : std::exp(student(features, log_of(bare_median)).mean);
}

double AmountModel::mean(const Features& features, double bare_mean) const {
  if (silent(features) || bare_mean <= 0) return bare_mean;
  return std::clamp(std::exp(student(features, log_of(bare_mean)).mean) * ratio(), bare_mean / factor_max,
                    bare_mean * factor_max);
}

void AmountModel::compare(double better_by) {
  lead_ = lead_ * fades + std::clamp(better_by, -loss_max, loss_max);
}

std::uint32_t AmountModel::learn(const Features& features, double log_value) {
  const auto lesson = weights_.learn_amount(features, log_value, rate_ / shape_);
  outcomes_ += 1;
  shape_ += 0.5;
  rate_ += std::max(lesson.error * lesson.error * lesson.of_noise / 2, least_noise);
  if (shape_ > shape_max) rate_ *= shape_max / shape_, shape_ = shape_max;
  return lesson.displaced;
}

std::uint32_t AmountModel::learn_duration(const Features& features, double took_ms,
                                          const DurationBelief& bare) {
  const double took = log_of(std::isfinite(took_ms) ? std::max(took_ms, 1.0) : 1);
  if (outcomes_ > 0 && weights_.knows(features)) {
    const auto t = student(features, log_of(bare.p50_ms));
    compare(loss_of(took, log_of(bare.p50_ms), log_of(bare.p90_ms)) -
            loss_of(took, t.quantile(0), t.quantile(z90)));
  }
  return learn(features, took);
}

std::uint32_t AmountModel::learn_cost(const Features& features, double cost, double bare_mean) {
  if (outcomes_ > 0 && bare_mean > 0 && weights_.knows(features)) {
    const double said = std::exp(student(features, log_of(bare_mean)).mean);
    compare(loss_of_mean(cost, bare_mean) - loss_of_mean(cost, std::max(said * ratio(), 1e-12)));
    if (ratio_count_ >= ratio_window) ratios_ *= 1 - 1 / ratio_window, ratio_count_ -= 1;
    ratios_ += std::min(cost / said, ratio_max);
    ratio_count_ += 1;
  }
  return cost > 0 ? learn(features, log_of(cost)) : 0;
}

void AmountModel::save(Packer& out) const {
  weights_.save(out);
  for (const double value : {shape_, rate_, outcomes_, lead_, ratios_, ratio_count_}) put_number(out, value);
}

bool AmountModel::load(Unpacker& in, AmountModel& into) {
  AmountModel model;
  if (!FeatureModel::load(in, model.weights_, width)) return false;
  model.shape_ = take_number(in, 0.5);
  model.rate_ = take_number(in, 0);
  model.outcomes_ = take_number(in, 0);
  model.lead_ = take_number(in);
  model.ratios_ = take_number(in, 0);
  model.ratio_count_ = take_number(in, 1);
  if (!in.ok()) return false;
  into = std::move(model);
  return true;
}

}  // namespace hirehall::scheduler
