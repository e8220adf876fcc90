#include "scheduler/features.h"

#include <algorithm>
#include <cmath>

#include "scheduler/chance.h"
#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double pi_by_8 = 0.39269908169872414;

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t sum = 0xcbf29ce484222325 ^ seed;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Stream(sum).next();
}

}  // namespace

void Features::add(std::uint64_t hash, double value) {
  values_[hash % feature_width] += (hash >> 63) != 0 ? -value : value;
  any_ = true;
}

void Features::number(std::string_view name, double value) {
  if (std::isfinite(value)) add(hash_of(name, 1), std::clamp(value, -8.0, 8.0));
}

void Features::word(std::string_view name, std::string_view value) {
  add(hash_of(value, hash_of(name, 2)), 1);
}

FeatureModel::FeatureModel(double weight_sd) {
  for (std::size_t i = 0; i < feature_width; ++i) covariance_[i][i] = weight_sd * weight_sd;
}

FeatureModel::Row FeatureModel::reach(const Features& features) const {
  Row out{};
  for (std::size_t i = 0; i < feature_width; ++i)
    for (std::size_t j = 0; j < feature_width; ++j) out[i] += covariance_[i][j] * features.values()[j];
  return out;
}

FeatureModel::Shift FeatureModel::shift(const Features& features) const {
  Shift out;
  if (features.empty() || outcomes_ == 0) return out;
  const auto far = reach(features);
  for (std::size_t i = 0; i < feature_width; ++i) {
    out.log_odds += mean_[i] * features.values()[i];
    out.variance += far[i] * features.values()[i];
  }
  return out;
}

void FeatureModel::learn(const Features& features, double log_odds, double variance, bool success) {
  if (features.empty()) return;
  const auto far = reach(features);
  double mean = log_odds, own = 0;
  for (std::size_t i = 0; i < feature_width; ++i) {
    mean += mean_[i] * features.values()[i];
    own += far[i] * features.values()[i];
  }
  const double p = logistic(mean / std::sqrt(1 + pi_by_8 * (variance + own)));
  const double curvature = p * (1 - p);
  const double share = 1 / (1 + (variance + own) * curvature);
  const double error = (success ? 1.0 : 0.0) - p;
  for (std::size_t i = 0; i < feature_width; ++i) {
    mean_[i] += far[i] * error * share;
    for (std::size_t j = 0; j < feature_width; ++j) covariance_[i][j] -= far[i] * far[j] * curvature * share;
  }
  outcomes_ += 1;
}

void FeatureModel::save(Packer& out) const {
  put_number(out, outcomes_);
  for (const double value : mean_) put_number(out, value);
  for (std::size_t i = 0; i < feature_width; ++i)
    for (std::size_t j = 0; j <= i; ++j) put_number(out, covariance_[i][j]);
}

bool FeatureModel::load(Unpacker& in, FeatureModel& into) {
  FeatureModel model;
  model.outcomes_ = take_number(in, 0);
  for (auto& value : model.mean_) value = take_number(in);
  for (std::size_t i = 0; i < feature_width; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const double value = take_number(in, i == j ? 0 : -1e12);
      model.covariance_[i][j] = model.covariance_[j][i] = value;
    }
  if (!in.ok()) return false;
  into = model;
  return true;
}

}  // namespace hirehall::scheduler
