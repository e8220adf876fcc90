// What features of tasks gain: chances, durations and costs that hang on them.
#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/bench/scheduler/simulator/featured.h"
#include "tests/bench/scheduler/simulator/outcomes.h"
#include "tests/bench/scheduler_lines.h"

namespace hirehall::bench {

using namespace simulator;

namespace {

// What policies earn between the better of two fixed ones and who knows all.
struct Gap {
  std::vector<double> with, without, fixed, known;

  template <typename Rewards>
  void add(const Rewards& result) {
    with.push_back(result.with);
    without.push_back(result.without);
    fixed.push_back(result.best_fixed);
    known.push_back(result.known);
  }
  double share(const std::vector<double>& reward) const {
    return (mean_of(reward) - mean_of(fixed)) / (mean_of(known) - mean_of(fixed));
  }
  void tell(std::string_view what) const {
    print("features", what, share(with), ">= 0.8", share(with) >= 0.8,
          band(band_of(with)) +
              fmt::format(R"(,"without":{:.4g},"without_reward":{:.5g},"best_fixed":{:.5g},"known":{:.5g})",
                          share(without), mean_of(without), mean_of(fixed), mean_of(known)));
  }
};

// Durations and costs that go by the length.
Status figure_prices(const FigureSettings& settings) {
  Gap gap;
  std::vector<Covered> covered;
  for (std::uint64_t s = 0; s < 50; ++s) {
    gap.add(by_price(settings.first_seed + s, 3000));
    covered.push_back(covered_by_length(settings.first_seed + s, 3000));
  }
  gap.tell("one agent asks by the token, one the same for all, 3,000 tasks: share of the gap");
  const auto each = [&](double Covered::*what) {
    std::vector<double> values;
    for (const auto& one : covered) values.push_back(one.*what);
    return values;
  };
  const auto below = band_of(each(&Covered::longest));
  print(
      "features", "durations by the token: share of the longest quarter below the forecast p90", below.mean,
      "0.87 to 0.93", below.mean >= 0.87 && below.mean <= 0.93,
      band(below) +
          fmt::format(
              R"(,"without":{:.4g},"all":{:.4g},"all_without":{:.4g},"median_off_by":{:.4g},"median_off_by_without":{:.4g})",
              mean_of(each(&Covered::longest_without)), mean_of(each(&Covered::all)),
              mean_of(each(&Covered::all_without)), mean_of(each(&Covered::off)),
              mean_of(each(&Covered::off_without))));
  Chart chart{"Durations that go by the token: share below the forecast p90",
              "length (tenths of the tasks, shortest first)",
              "share below",
              {{"with the length as a feature", {}}, {"without", {}}},
              command(settings, "features")};
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    double with_length = 0, blind = 0;
    for (const auto& one : covered) with_length += one.tenths[tenth], blind += one.tenths_without[tenth];
    const auto seeds = static_cast<double>(covered.size()), at = static_cast<double>(tenth + 1);
    chart.lines[0].points.emplace_back(at, with_length / seeds);
    chart.lines[1].points.emplace_back(at, blind / seeds);
  }
  return keep(chart, settings, "scheduler-features.svg");
}

}  // namespace

Status figure_features(const FigureSettings& settings) {
  if (auto done = figure_prices(settings); !done) return done;
  Gap gap;
  for (std::uint64_t s = 0; s < 50; ++s) {
    gap.add(by_length(settings.first_seed + s, 3000));
  }
  gap.tell("a cheap and a dear model, 3,000 tasks told with their length: share of the gap");
  const auto recorded = read_outcomes(settings.outcomes);
  if (!recorded) return tl::unexpected(recorded.error());
  const auto mean_told = [&](Told told) {
    std::vector<double> rewards;
    for (std::uint64_t s = 0; s < 50; ++s)
      rewards.push_back(online_told(*recorded, settings.first_seed + s, told));
    return mean_of(rewards);
  };
  const double types = mean_told(Told::types), nothing = mean_told(Told::nothing);
  const double subject = mean_told(Told::subject);
  print("features", "MMLU online, the subject as a feature: reward", subject,
        ">= with subjects as types - 0.002", subject >= types - 0.002,
        fmt::format(R"(,"types":{:.5g},"nothing":{:.5g},"subject_and_words":{:.5g},"types_and_words":{:.5g})",
                    types, nothing, mean_told(Told::subject_and_words), mean_told(Told::types_and_words)));
  return {};
}

}  // namespace hirehall::bench
