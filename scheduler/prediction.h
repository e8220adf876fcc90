// What the hall has learned of its agents, by name: for (agent, type) a chance of success and a duration, and
// where agents report them, cost and quality. Pure; outcomes come in, beliefs go out, and the whole can be
// kept as bytes and taken up again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "scheduler/amounts.h"
#include "scheduler/duration.h"
#include "scheduler/features.h"
#include "scheduler/success.h"

namespace hirehall::scheduler {

// What an attempt came to. Interrupted and lost attempts say nothing about the agent and are not told.
struct Experience {
  std::string_view agent, version, type;
  bool success = false;
  double took_ms = 0;  // learned from successes only: a failure may be quick or a timeout
  std::optional<double> cost = std::nullopt, quality = std::nullopt;
  const Features* features = nullptr;
};

struct Forecast {
  SuccessBelief success;
  DurationBelief duration;
  double cost = 0, quality = 0;  // means of what was reported
  double costs_told = 0, qualities_told = 0;
};

// What the features of a task make of a forecast, as far as an award needs it.
struct ByFeatures {
  FeatureModel::Shift success;
  double p50_ms = 0, cost = 0;  // as they were given, where the features say nothing
};

// One row of `agent stats`.
struct AgentStatus {
  std::string agent, version, type;
  Forecast forecast;
  // Until something is learned; nothing: it has seen none.
  const FeatureModel* features = nullptr;
  const AmountModel *duration_features = nullptr, *cost_features = nullptr;
};

class Prediction {
 public:
  // More than these are not learned, and counted: what is learned stays below some 45 MB.
  static constexpr std::size_t names_max = 4096;          // agents, and types
  static constexpr std::size_t cells_max = 16384;         // pairs of them
  static constexpr std::size_t feature_models_max = 512;  // pairs that learn from features, of some 30 KB
  static constexpr std::uint8_t format = 3;               // 1 and 2 are read as well

  Forecast forecast(std::string_view agent, std::string_view type, const Features* features = nullptr) const;
  // What they make of a median duration and a cost that are known without them.
  ByFeatures by_features(std::string_view agent, std::string_view type, const Features& features,
                         double bare_p50_ms, double bare_cost) const;
  // What the features of a task add to its chance; nothing was learned: nothing.
  FeatureModel::Shift shift(std::string_view agent, std::string_view type, const Features& features) const;
  // A version of the agent that is not the last one seen is a new agent: what was learned is forgotten.
  // False when there are too many names.
  bool learn(const Experience& experience);
  bool reset(std::string_view agent);  // false when it is not known
  std::vector<AgentStatus> status() const;
  std::uint64_t alarms() const { return success_.alarms(); }
  std::uint64_t refused() const { return refused_; }
  struct FeatureCounts {
    std::uint64_t weights = 0;                  // kept now
    std::uint64_t displaced = 0, left_out = 0;  // weights that made room; tasks of pairs without a model
  };
  FeatureCounts feature_counts() const;
  std::uint64_t outcomes() const { return outcomes_; }  // how many were learned: names a state of beliefs

  std::string save() const;
  static Result<Prediction> load(std::string_view bytes);

 private:
  struct Reported {
    double sum = 0, count = 0;
    static bool takes(double value);
    void add(double value);
    double mean() const { return count > 0 ? sum / count : 0; }
  };
  struct FeatureModels {
    FeatureModel success;
    std::optional<AmountModel> duration, cost;  // from their first lesson on
    std::size_t size() const;                   // weights
  };
  struct Agent {
    std::string version;
    AgentNo number = 0;
    std::map<TypeNo, std::pair<Reported, Reported>> reported;  // cost, quality
    std::map<TypeNo, FeatureModels> features;
  };
  std::optional<TypeNo> number_of(std::string_view type);
  Agent* agent_of(std::string_view name);
  void forget(Agent& agent);
  void forget_features(Agent& agent, std::optional<TypeNo> type = std::nullopt);
  FeatureModels* features_of(Agent& agent, TypeNo type);
  AgentStatus status_of(const std::string& name, const Agent& agent, TypeNo type) const;
  void learn_amounts(const Agent& agent, TypeNo type, FeatureModels& models, const Experience& experience);
  static void load_models(Unpacker& in, std::uint8_t version, FeatureModels& models);
  const FeatureModels* find_features(std::string_view agent, std::string_view type) const;
  static void load_agent(Unpacker& in, std::uint8_t version, Prediction& out);

  std::map<std::string, Agent, std::less<>> agents_;
  std::map<std::string, TypeNo, std::less<>> types_;
  SuccessModel success_;
  DurationModel duration_;
  std::vector<std::string> type_names_;  // by number
  std::size_t cells_ = 0, feature_models_ = 0;
  std::uint64_t outcomes_ = 0, refused_ = 0, features_displaced_ = 0, features_left_out_ = 0;
};

}  // namespace hirehall::scheduler
