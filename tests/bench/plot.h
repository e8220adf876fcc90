// A chart of lines as SVG: enough for the figures of a report.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Chart {
  std::string title, across, up;
  std::vector<Line> lines;
  std::string note;  // below the chart: the command that made it
};

std::string svg_of(const Chart& chart);
Status write_chart(const Chart& chart, const std::filesystem::path& file);

}  // namespace hirehall::bench
