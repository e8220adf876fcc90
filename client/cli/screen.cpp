#include "client/cli/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>

namespace hirehall::cli {
namespace {

volatile std::sig_atomic_t ended_by_signal = 0;
volatile std::sig_atomic_t resized_by_signal = 0;

void note_signal(int number) {
  (number == SIGWINCH ? resized_by_signal : ended_by_signal) = 1;
}

// The length of the escape sequence that begins here.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2 || text[1] != '[') return 1;
  std::size_t i = 2;
  while (i < text.size() && (text[i] < 0x40 || text[i] > 0x7e)) ++i;
  return std::min(i + 1, text.size());
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

int key_of_escape(std::string_view rest) {
  if (rest.size() < 2 || (rest[0] != '[' && rest[0] != 'O')) return rest.empty() ? 27 : 0;
  switch (rest[1]) {
    case 'A':
      return FullScreen::up;
    case 'B':
      return FullScreen::down;
    case 'C':
      return FullScreen::right;
    case 'D':
    case 'Z':  // shift and tab
      return FullScreen::left;
    default:
      return 0;
  }
}

}  // namespace

ScreenSize screen_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

bool is_terminal(const std::ostream& stream) {
  if (&stream == &std::cout) return ::isatty(STDOUT_FILENO) != 0;
  return &stream == &std::cerr && ::isatty(STDERR_FILENO) != 0;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '\x1b') {
      i += escape_length(text.substr(i));
      continue;
    }
    width += !continues_character(text[i]);
    ++i;
  }
  return width;
}

std::string clipped(std::string_view line, std::size_t columns) {
  std::string out;
  std::size_t width = 0;
  bool coloured = false;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '\x1b') {
      auto length = escape_length(line.substr(i));
      out += line.substr(i, length);
      coloured = line.substr(i, length) != colour::reset;
      i += length;
      continue;
    }
    if (!continues_character(line[i]) && ++width > columns) break;
    out += line[i++];
  }
  return coloured ? out + std::string(colour::reset) : out;
}

std::string page(std::string_view text, ScreenSize size) {
  std::string out = "\x1b[H";
  for (std::size_t row = 0; row < size.rows && !text.empty(); ++row) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = clipped(text.substr(0, end), size.columns);
    out += (row > 0 ? "\r\n" : "") + line;
    if (width_of(line) < size.columns)
      out += "\x1b[K";  // at the right edge it would erase the last character
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\x1b[J";
}

FullScreen::FullScreen(std::ostream& out) : out_(out) {
  ::tcgetattr(STDIN_FILENO, &before_);
  auto raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  struct sigaction action {};
  action.sa_handler = note_signal;
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaction(number, &action, nullptr);
  out_ << "\x1b[?1049h\x1b[?25l\x1b[2J" << std::flush;
}

FullScreen::~FullScreen() {
  out_ << "\x1b[?25h\x1b[?1049l" << std::flush;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

int FullScreen::key(std::int64_t timeout_ms) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  int ready = ended_by_signal != 0 ? 0 : ::poll(&input, 1, static_cast<int>(timeout_ms));
  if (ended_by_signal != 0) return ended;
  if (resized_by_signal != 0) {
    resized_by_signal = 0;
    return resized;
  }
  if (ready <= 0) return none;
  char first = 0;
  if (::read(STDIN_FILENO, &first, 1) != 1) return ended;  // the terminal is gone
  if (first != '\x1b') return static_cast<unsigned char>(first);
  char rest[8];
  auto got = ::read(STDIN_FILENO, rest, sizeof rest);
  return key_of_escape(std::string_view(rest, got > 0 ? static_cast<std::size_t>(got) : 0));
}

}  // namespace hirehall::cli
