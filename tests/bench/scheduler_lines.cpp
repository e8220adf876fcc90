#include "tests/bench/scheduler_lines.h"

#include <fmt/format.h>

#include <cstdio>

#include "tests/bench/benches.h"

namespace hirehall::bench {

void print(std::string_view figure, std::string_view what, double value, std::string_view aim, bool met,
           const std::string& rest) {
  std::printf(
      "%s\n",
      fmt::format(R"({{"bench":"scheduler","figure":"{}","what":"{}","value":{:.5g},"aim":"{}","met":{}{}}})",
                  figure, what, value, aim, met, rest)
          .c_str());
  std::fflush(stdout);
}

std::string band(const simulator::Band& b) {
  return fmt::format(R"(,"low":{:.5g},"high":{:.5g})", b.low, b.high);
}

Status keep(const Chart& chart, const FigureSettings& settings, const char* name) {
  return settings.charts.empty() ? Status{} : write_chart(chart, settings.charts / name);
}

bool have_traces(const FigureSettings& settings) {
  if (std::filesystem::exists(settings.traces)) return true;
  note("skipped: no traces at %s (--traces DIR)", settings.traces.c_str());
  return false;
}

std::string command(const FigureSettings& settings, const char* figure) {
  return fmt::format("./dev bench scheduler --figure {} --seeds {} --first {}", figure, settings.seeds,
                     settings.first_seed);
}

}  // namespace hirehall::bench
