#include "client/cli/progress.h"

#include <algorithm>
#include <ostream>

#include "client/cli/screen.h"

namespace hirehall::cli {

namespace {

constexpr std::size_t bar_columns_max = 40;

}  // namespace

std::string render_bar(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view note,
                       std::size_t columns, bool coloured) {
  const auto part = total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto percent = std::to_string(static_cast<int>(part * 100));
  std::string tail = "  " + std::string(3 - std::min<std::size_t>(3, percent.size()), ' ') + percent + "%";
  if (!note.empty()) tail += "  " + std::string(note);
  const std::size_t taken = width_of(what) + 4 + width_of(tail);
  const std::size_t room = columns > taken + 1 ? std::min(bar_columns_max, columns - taken - 1) : 0;
  std::string out(what);
  if (room >= 4) {
    const auto full = static_cast<std::size_t>(part * static_cast<double>(room));
    out += "  [";
    if (coloured) out += colour::green;
    out += std::string(full, '#');
    if (coloured) out += colour::reset;
    out += std::string(room - full, '-') + "]";
  }
  return clipped(out + tail, columns > 1 ? columns - 1 : 1);
}

ProgressBar::ProgressBar(std::ostream& err, std::string what, bool coloured)
    : err_(err), what_(std::move(what)), shown_(is_terminal(err)), coloured_(coloured) {}

ProgressBar::~ProgressBar() {
  hide();
}

void ProgressBar::hide() {
  if (drawn_) err_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total, std::string_view note) {
  if (!shown_) return;
  err_ << "\r" << render_bar(what_, done, total, note, screen_size().columns, coloured_) << "\x1b[K"
       << std::flush;
  drawn_ = true;
}

}  // namespace hirehall::cli
