// hirehall-bench scheduler: its options.
#include <cstdio>
#include <cstdlib>

#include "common/options.h"
#include "tests/bench/benches.h"
#include "tests/bench/scheduler_figures.h"

namespace hirehall::bench {

int bench_scheduler_main(const std::vector<std::string>& arguments) {
  std::string names;
  for (const auto& figure : scheduler_figures())
    names += (names.empty() ? "" : ", ") + std::string(figure.name);
  OptionTable table("hirehall-bench scheduler",
                    "What the scheduler's decisions are worth, and what they cost.");
  table.text("figure", "", "one figure only: " + names, "NAME")
      .number("seeds", 20, {1, 10'000}, "seeds of each figure that takes means")
      .number("first", 1, {0, 1'000'000'000}, "the first of them")
      .text("outcomes", "tests/data/routellm-mmlu/outcomes.csv", "recorded outcomes of two models", "FILE")
      .text("traces", "../shared/data/azure-llm-2023",
            "recorded arrivals; their figures are left out without", "DIR")
      .text("charts", "", "write charts as SVG there", "DIR");
  auto values = table.parse(
      arguments, [](const std::string& variable) -> const char* { return std::getenv(variable.c_str()); });
  if (!values) {
    std::fprintf(stderr, "hirehall-bench: %s\n", describe(values.error()).c_str());
    return 2;
  }
  if (const auto answer = values->answer()) {
    std::printf("%s", answer->c_str());
    return 0;
  }
  FigureSettings settings;
  settings.first_seed = static_cast<std::uint64_t>(values->number("first"));
  settings.seeds = static_cast<std::uint64_t>(values->number("seeds"));
  settings.outcomes = values->text("outcomes");
  settings.traces = values->text("traces");
  settings.charts = values->text("charts");
  const std::string wanted = values->text("figure");
  note("seeds %llu from %llu", static_cast<unsigned long long>(settings.seeds),
       static_cast<unsigned long long>(settings.first_seed));
  bool found = false;
  for (const auto& figure : scheduler_figures()) {
    if (!wanted.empty() && wanted != figure.name) continue;
    found = true;
    note("%s: %s", std::string(figure.name).c_str(), std::string(figure.summary).c_str());
    if (const auto done = figure.run(settings); !done) return complain(done.error());
  }
  if (found) return 0;
  std::fprintf(stderr, "hirehall-bench: there is no figure '%s'; there are %s\n", wanted.c_str(),
               names.c_str());
  return 2;
}

}  // namespace hirehall::bench
