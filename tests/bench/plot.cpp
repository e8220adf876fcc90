#include "tests/bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace hirehall::bench {

namespace {

constexpr double width = 720, height = 420, left = 64, right = 150, top = 40, bottom = 64;
constexpr std::array<const char*, 6> colours{"#1b6ca8", "#c8553d", "#4c8c4a",
                                             "#8a5fa8", "#b08900", "#555555"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

struct Range {
  double x = 0, y = 0;  // both begin at 0
};

Range range_of(const Chart& chart) {
  Range out;
  for (const auto& line : chart.lines)
    for (const auto& [x, y] : line.points) out.x = std::max(out.x, x), out.y = std::max(out.y, y);
  return {out.x > 0 ? out.x : 1, out.y > 0 ? out.y * 1.05 : 1};
}

std::string text(double x, double y, const std::string& what, const char* anchor, int size = 12) {
  return fmt::format(R"(<text x="{:.0f}" y="{:.0f}" text-anchor="{}" font-size="{}">{}</text>)", x, y, anchor,
                     size, escaped(what)) +
         "\n";
}

}  // namespace

std::string svg_of(const Chart& chart) {
  const auto range = range_of(chart);
  const auto at_x = [&](double x) { return left + x / range.x * (width - left - right); };
  const auto at_y = [&](double y) { return height - bottom - y / range.y * (height - top - bottom); };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\">\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"white\"/>\n",
      width, height);
  out += text(left, 24, chart.title, "start", 15);
  for (int i = 0; i <= 5; ++i) {
    const double x = range.x * i / 5, y = range.y * i / 5;
    out += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#dddddd\"/>\n",
                       left, at_y(y), width - right, at_y(y));
    out += text(left - 8, at_y(y) + 4, fmt::format("{:.3g}", y), "end", 11);
    out += text(at_x(x), height - bottom + 18, fmt::format("{:.4g}", x), "middle", 11);
  }
  out += text((left + width - right) / 2, height - bottom + 36, chart.across, "middle");
  out += text(left, top - 4, chart.up, "start", 11);
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    const auto* colour = colours[i % colours.size()];
    out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"", colour);
    for (const auto& [x, y] : chart.lines[i].points) out += fmt::format("{:.1f},{:.1f} ", at_x(x), at_y(y));
    out += "\"/>\n";
    const double y = top + 16 + 18 * static_cast<double>(i);
    out += fmt::format("<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"14\" height=\"4\" fill=\"{}\"/>\n",
                       width - right + 10, y - 6, colour);
    out += text(width - right + 30, y, chart.lines[i].name, "start");
  }
  out += text(left, height - 10, chart.note, "start", 10);
  return out + "</svg>\n";
}

Status write_chart(const Chart& chart, const std::filesystem::path& file) {
  std::ofstream out(file);
  out << svg_of(chart);
  out.close();
  if (out) return {};
  return fail(Code::io, "the chart cannot be written", file.string());
}

}  // namespace hirehall::bench
