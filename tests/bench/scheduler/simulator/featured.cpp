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

namespace {

// The same with what each costs and how long it takes.
class PricedModels {
 public:
  explicit PricedModels(double a_second) {
    settings_.policy = scheduler::Policy::learned;
    settings_.wait_price = std::llround(a_second * static_cast<double>(scheduler::micros_per_unit));
    candidates_.resize(2);
    for (std::uint32_t model = 0; model < 2; ++model) candidates_[model].worker = model;
  }
  std::uint32_t choose(const Features* features, std::uint64_t seed) {
    for (std::uint32_t model = 0; model < 2; ++model) {
      const auto told = prediction_.forecast(models[model], "answer", features);
      auto& candidate = candidates_[model];
      candidate.log_odds = told.success.log_odds;
      candidate.log_odds_sd = told.success.own_sd;
      candidate.cost = std::llround(told.cost * static_cast<double>(scheduler::micros_per_unit));
      candidate.finish_ms = std::llround(told.duration.p50_ms);
    }
    return scheduler::decide(settings_, candidates_, seed).winner;
  }
  void tell(std::uint32_t model, const Features* features, bool success, double took_ms, double cost) {
    prediction_.learn({models[model], "1", "answer", success, took_ms, cost, {}, features});
  }

 private:
  scheduler::PolicySettings settings_;
  std::vector<scheduler::Candidate> candidates_;
  scheduler::Prediction prediction_;
};

constexpr double spread_sd = 0.3;

double tokens_of(double size) {
  return std::round(std::exp(7 + 1.3 * size));
}

struct Spent {
  double ms = 0, cost = 0;
};

// Of the one that goes by the token, and of the flat one.
Spent spent_by(std::uint32_t model, double tokens, double spread) {
  return model == 0 ? Spent{3 * tokens * spread, 2e-5 * tokens * spread}
                    : Spent{2000 * spread, 0.08 * spread};
}

}  // namespace

FeaturedRewards by_price(std::uint64_t seed, std::uint32_t tasks) {
  constexpr double a_second = 0.01, chance = 0.95;
  Stream stream(seed);
  PricedModels with(a_second), without(a_second);
  FeaturedRewards out;
  std::array<double, 2> fixed{};
  for (std::uint32_t i = 0; i < tasks; ++i) {
    const auto tokens = tokens_of(stream.normal());
    const auto f = Features::of(write_features({{"tokens", true, tokens, {}}}));
    const double luck = stream.uniform();
    const std::array<double, 2> spread{std::exp(spread_sd * stream.normal()),
                                       std::exp(spread_sd * stream.normal())};
    const auto reward = [&](std::uint32_t model, double by) {
      const auto [ms, cost] = spent_by(model, tokens, by);
      return (luck < chance ? 1.0 : 0.0) - cost - a_second * ms / 1000;
    };
    const auto tell = [&](PricedModels& hall, std::uint32_t model, const Features* given) {
      const auto [ms, cost] = spent_by(model, tokens, spread[model]);
      hall.tell(model, given, luck < chance, ms, cost);
    };
    const auto draw = stream.next();
    const auto informed = with.choose(&f, draw), blind = without.choose(nullptr, draw);
    tell(with, informed, &f);
    tell(without, blind, nullptr);
    out.with += reward(informed, spread[informed]) / tasks;
    out.without += reward(blind, spread[blind]) / tasks;
    for (std::uint32_t model = 0; model < 2; ++model) fixed[model] += reward(model, spread[model]) / tasks;
    const std::uint32_t best = reward(0, 1) > reward(1, 1) ? 0 : 1;
    out.known += reward(best, spread[best]) / tasks;
  }
  out.best_fixed = std::max(fixed[0], fixed[1]);
  return out;
}

Covered covered_by_length(std::uint64_t seed, std::uint32_t tasks) {
  constexpr std::uint32_t learned_from = 100;
  constexpr double longest_quarter = 0.6744897501960817;
  Stream stream(seed);
  scheduler::Prediction prediction;
  Covered out;
  double measured = 0, longest = 0;
  std::array<double, 10> in_tenth{};
  for (std::uint32_t i = 0; i < tasks; ++i) {
    const double size = stream.normal();
    const auto tenth = std::min<std::size_t>(9, static_cast<std::size_t>(10 * scheduler::normal_share(size)));
    const auto tokens = tokens_of(size);
    const auto f = Features::of(write_features({{"tokens", true, tokens, {}}}));
    const auto ms = spent_by(0, tokens, std::exp(spread_sd * stream.normal())).ms;
    if (i >= learned_from) {
      const auto told = prediction.forecast("one", "answer", &f).duration;
      const auto bare = prediction.forecast("one", "answer").duration;
      const double is_long = size > longest_quarter ? 1 : 0;
      const double below = ms <= told.p90_ms ? 1 : 0, bare_below = ms <= bare.p90_ms ? 1 : 0;
      measured += 1, longest += is_long;
      out.all += below, out.longest += below * is_long;
      out.all_without += bare_below, out.longest_without += bare_below * is_long;
      in_tenth[tenth] += 1, out.tenths[tenth] += below, out.tenths_without[tenth] += bare_below;
      out.off += std::abs(std::log(ms / told.p50_ms));
      out.off_without += std::abs(std::log(ms / bare.p50_ms));
    }
    prediction.learn({"one", "1", "answer", true, ms, {}, {}, &f});
  }
  for (auto* share : {&out.all, &out.all_without, &out.off, &out.off_without}) *share /= measured;
  for (auto* share : {&out.longest, &out.longest_without}) *share /= longest;
  for (std::size_t t = 0; t < in_tenth.size(); ++t)
    out.tenths[t] /= std::max(1.0, in_tenth[t]), out.tenths_without[t] /= std::max(1.0, in_tenth[t]);
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
