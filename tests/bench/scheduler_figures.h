// The figures of the scheduler: each prints one JSON object a line, with its aim and whether it is met.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

struct FigureSettings {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 20;
  std::filesystem::path outcomes;  // recorded outcomes of two models
  std::filesystem::path traces;    // folder of arrival traces
  std::filesystem::path charts;    // SVG goes there; empty: none
};

struct Figure {
  std::string_view name;
  std::string_view summary;
  Status (*run)(const FigureSettings& settings);
};
const std::vector<Figure>& scheduler_figures();

Status figure_award(const FigureSettings& settings);
Status figure_many_agents(const FigureSettings& settings);
Status figure_matching(const FigureSettings& settings);
Status figure_matching_gain(const FigureSettings& settings);
Status figure_matched(const FigureSettings& settings);
Status figure_regret(const FigureSettings& settings);
Status figure_duration(const FigureSettings& settings);
Status figure_outcomes(const FigureSettings& settings);
Status figure_features(const FigureSettings& settings);
Status figure_off_policy(const FigureSettings& settings);
Status figure_queue(const FigureSettings& settings);
Status figure_starvation(const FigureSettings& settings);
Status figure_traces(const FigureSettings& settings);

int bench_scheduler_main(const std::vector<std::string>& arguments);

}  // namespace hirehall::bench
