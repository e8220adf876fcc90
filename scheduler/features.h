// What a task's own features add to an agent's chance of success at its type: Bayesian logistic regression
// with a full normal belief about the weights, one model for each (agent, type). The prediction of (agent,
// type) is the starting point, so without features, or before anything is learned from them, nothing changes.
//
// Each number and each word of a name has a weight of its own, up to a fixed width; then a newcomer takes the
// place of the one that was seen least. Dropping a weight is exact (its row of a normal belief), so what is
// common stays known however many rare words go by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/pack.h"

namespace hirehall::scheduler {

// The features of one task, ready to be looked up.
class Features {
 public:
  struct One {
    std::uint64_t hash = 0;
    std::string name;  // of a word with its value: language=de
    bool numeric = false;
    double value = 0;
  };

  // From the form in which tasks carry them; what is none is left out.
  static Features of(std::string_view encoded);
  // By magnitude: numbers spread over decades as often as not. What is not finite is left out.
  void number(std::string_view name, double value);
  void word(std::string_view name, std::string_view value);
  bool empty() const { return all_.empty(); }
  const std::vector<One>& all() const { return all_; }
  const std::string& encoded() const { return encoded_; }

 private:
  std::vector<One> all_;
  std::string encoded_;
};

// One weight, for people. Of a word: what its presence adds to the log-odds; of a number: what one step of
// its spread adds, `low` and `high` being one step below and above the middle.
struct FeatureWeight {
  std::string name;
  bool numeric = false;
  double weight = 0, sd = 0, seen = 0;
  double low = 0, high = 0;
};

class FeatureModel {
 public:
  static constexpr std::size_t width = 64;  // weights, and a base of its own

  FeatureModel();
  // Of `places` weights, about a base that is not nothing.
  FeatureModel(std::size_t places, double base, double base_variance);

  struct Shift {
    double log_odds = 0, variance = 0;
  };
  Shift shift(const Features& features) const;
  // The same of an amount (amounts.h): base and weights.
  struct Sum {
    double mean = 0, variance = 0;
  };
  Sum sum(const Features& features) const { return sum_of(terms_of(features)); }
  bool knows(const Features& features) const;  // one of them at least
  // `log_odds` and `variance` are what is believed without the features.
  // How many weights made room for others.
  std::uint32_t learn(const Features& features, double log_odds, double variance, bool success);
  struct Lesson {
    std::uint32_t displaced = 0;
    double error = 0,
           of_noise = 1;  // how far off the sum was, and the share of that that is put down to noise
  };
  // `noise` is the variance about the sum.
  Lesson learn_amount(const Features& features, double value, double noise);
  std::vector<FeatureWeight> weights() const;  // of those that were seen, the surest first
  std::size_t size() const { return places_.size() - 1; }
  double outcomes() const { return outcomes_; }

  void save(Packer& out) const;
  static bool load(Unpacker& in, FeatureModel& into, std::size_t places = width);
  static void skip_first_format(Unpacker& in);  // of a hall that learned from no feature yet

 private:
  struct Place {
    std::uint64_t hash = 0;
    std::string name;
    bool numeric = false;
    double seen = 0, mean = 0;
    double centre = 0, squares = 0;  // of a number: over what was seen
    double middle = 0, spread = 1;   // in use
  };
  struct Term {
    std::size_t place = 0;
    double value = 0;
  };
  double covariance(std::size_t i, std::size_t j) const {
    return i >= j ? triangle_[i * (i + 1) / 2 + j] : triangle_[j * (j + 1) / 2 + i];
  }
  double& covariance(std::size_t i, std::size_t j) {
    return i >= j ? triangle_[i * (i + 1) / 2 + j] : triangle_[j * (j + 1) / 2 + i];
  }
  std::size_t find(const Features::One& one) const;  // 0: it has no place
  std::size_t make_place(const Features::One& one, const std::vector<Term>& taken, std::uint32_t& displaced);
  std::uint32_t make_room(const Features& features);
  void reset(std::size_t place);
  void watch(Place& place, std::size_t index, double value);
  void rescale(std::size_t index);
  double base_open() const;
  std::vector<Term> terms_of(const Features& features) const;
  Sum sum_of(const std::vector<Term>& terms) const;
  void move(const std::vector<Term>& terms, double gain, double shrink);
  void drift(const std::vector<Term>& terms);

  std::size_t width_ = width;
  std::vector<Place> places_;     // the first is the base
  std::vector<double> triangle_;  // covariances, row by row, up to the diagonal
  double outcomes_ = 0;
};

}  // namespace hirehall::scheduler
