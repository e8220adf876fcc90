// Plain terminal control: size, raw keys, colours as ECMA-48 has them.
#pragma once

#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace hirehall::cli {

struct ScreenSize {
  std::size_t rows = 24;
  std::size_t columns = 80;
};
ScreenSize screen_size();  // of the terminal at stdout

bool is_terminal(const std::ostream& stream);  // std::cout or std::cerr, at a terminal

namespace colour {
inline constexpr std::string_view reset = "\x1b[0m", bold = "\x1b[1m", dim = "\x1b[2m", reversed = "\x1b[7m",
                                  red = "\x1b[31m", green = "\x1b[32m", yellow = "\x1b[33m",
                                  cyan = "\x1b[36m";
}

// How many columns it takes: one per code point, none for escape sequences.
std::size_t width_of(std::string_view text);
// At most `columns` wide; colours that were open are closed.
std::string clipped(std::string_view line, std::size_t columns);
// The first `rows` lines, clipped, each cleared behind its end: what a redraw in place writes.
std::string page(std::string_view text, ScreenSize size);

// Takes the terminal over and gives it back as it was, also when the program ends by SIGTERM or SIGHUP.
class FullScreen {
 public:
  explicit FullScreen(std::ostream& out);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // A key, or one of those below; 0: none within that time.
  enum Key : int { none = 0, left = 1000, right, up, down, resized, ended };
  int key(std::int64_t timeout_ms);

 private:
  std::ostream& out_;
  termios before_{};
};

}  // namespace hirehall::cli
