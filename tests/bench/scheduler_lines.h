// What the figures of the scheduler print and keep.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"
#include "tests/bench/plot.h"
#include "tests/bench/scheduler/simulator/statistics.h"
#include "tests/bench/scheduler_figures.h"

namespace hirehall::bench {

// One line; `rest` is more of the object, rendered.
void print(std::string_view figure, std::string_view what, double value, std::string_view aim, bool met,
           const std::string& rest = {});
std::string band(const simulator::Band& b);
Status keep(const Chart& chart, const FigureSettings& settings, const char* name);
// The traces lie beside the repository and may be absent: then their figures are left out, and said so.
bool have_traces(const FigureSettings& settings);
std::string command(const FigureSettings& settings, const char* figure);

}  // namespace hirehall::bench
