// A bar on a terminal for work that takes a while; nothing anywhere else.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace hirehall::cli {

// "backup  [######----]  61%  1.2GiB of 2.0GiB", at most `columns` wide. Pure.
std::string render_bar(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view note,
                       std::size_t columns, bool coloured);

class ProgressBar {
 public:
  // Writes to `err` only when that is a terminal. The line is gone when this is.
  ProgressBar(std::ostream& err, std::string what, bool coloured);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  void show(std::uint64_t done, std::uint64_t total, std::string_view note = {});
  void hide();  // before anything else is written to the terminal

 private:
  std::ostream& err_;
  const std::string what_;
  const bool shown_;
  const bool coloured_;
  bool drawn_ = false;
};

}  // namespace hirehall::cli
