#include "tests/bench/scheduler/simulator/featured.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "common/task_features.h"
#include "scheduler/chance.h"
#include "scheduler/policy.h"
#include "scheduler/prediction.h"

namespace hirehall::simulator {

using scheduler::Features;
using scheduler::Stream;

namespace {

constexpr std::array<const char*, 2> models{"cheap", "dear"};

// The prediction and the score of the broker's awards, for two agents that are always free.
class TwoModels {
 public:
  TwoModels(double cheap, double dear) {
    settings_.policy = scheduler::Policy::learned;
    candidates_.resize(2);
    for (std::uint32_t model = 0; model < 2; ++model) {
      candidates_[model].worker = model;
      candidates_[model].cost =
          std::llround((model == 0 ? cheap : dear) * static_cast<double>(scheduler::micros_per_unit));
    }
  }
  std::uint32_t choose(const std::string& type, const Features* features, std::uint64_t seed) {
    for (std::uint32_t model = 0; model < 2; ++model) {
      const auto belief = prediction_.forecast(models[model], type, features).success;
      candidates_[model].log_odds = belief.log_odds;
      candidates_[model].log_odds_sd = belief.own_sd;
    }
    return scheduler::decide(settings_, candidates_, seed).winner;
  }
  void tell(std::uint32_t model, const std::string& type, const Features* features, bool success) {
    prediction_.learn({models[model], "1", type, success, 100, {}, {}, features});
  }

 private:
  scheduler::PolicySettings settings_;
  std::vector<scheduler::Candidate> candidates_;
  scheduler::Prediction prediction_;
};

}  // namespace

FeaturedRewards by_length(std::uint64_t seed, std::uint32_t tasks) {
  constexpr std::array<const char*, 4> languages{"de", "en", "fi", "fr"};
  constexpr double dear_chance = 0.93;
  Stream stream(seed);
  TwoModels with(cheap_call, dear_call), without(cheap_call, dear_call);
  FeaturedRewards out;
  std::array<double, 2> fixed{};
  const std::string type = "answer";
  for (std::uint32_t i = 0; i < tasks; ++i) {
    const double size = stream.normal();
    const auto tokens = std::round(std::exp(7 + 1.3 * size));
    const auto f = Features::of(write_features(
        {{"tokens", true, tokens, {}}, {"language", false, 0, languages[stream.below(languages.size())]}}));
    const std::array<double, 2> chance{scheduler::logistic(1.5 - 3 * size), dear_chance};
    const double luck = stream.uniform();
    const auto reward = [&](std::uint32_t model) {
      return (luck < chance[model] ? 1.0 : 0.0) - (model == 0 ? cheap_call : dear_call);
    };
    const auto draw = stream.next();
    const auto informed = with.choose(type, &f, draw), blind = without.choose(type, nullptr, draw);
    with.tell(informed, type, &f, luck < chance[informed]);
    without.tell(blind, type, nullptr, luck < chance[blind]);
    out.with += reward(informed) / tasks;
    out.without += reward(blind) / tasks;
    for (std::uint32_t model = 0; model < 2; ++model) fixed[model] += reward(model) / tasks;
    out.known += reward(chance[0] - cheap_call > chance[1] - dear_call ? 0 : 1) / tasks;
  }
  out.best_fixed = std::max(fixed[0], fixed[1]);
  return out;
}

double online_told(const Recorded& recorded, std::uint64_t seed, Told told) {
  Stream stream(seed);
  std::vector<std::size_t> order(recorded.questions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[stream.below(i)]);
  TwoModels models_at_hand(0, strong_call);
  double out = 0;
  for (const auto i : order) {
    const auto& question = recorded.questions[i];
    const auto& subject = recorded.subjects[question.subject];
    const std::string type = told == Told::types || told == Told::types_and_words ? subject : "question";
    Features features;
    if (told == Told::subject || told == Told::subject_and_words) features.word("subject", subject);
    if (told == Told::subject_and_words || told == Told::types_and_words)
      features.number("words", question.prompt_words);
    const auto* given = features.empty() ? nullptr : &features;
    const auto model = models_at_hand.choose(type, given, stream.next());
    models_at_hand.tell(model, type, given, question.right[model]);
    out += ((question.right[model] ? 1.0 : 0.0) - (model == 1 ? strong_call : 0.0)) /
           static_cast<double>(order.size());
  }
  return out;
}

}  // namespace hirehall::simulator
