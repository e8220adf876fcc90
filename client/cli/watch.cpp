// A list looked at again and again: redrawn in place on a terminal, appended where it is piped.
#include <poll.h>

#include <cerrno>
#include <ostream>
#include <sstream>

#include "client/cli/command.h"
#include "client/cli/screen.h"

namespace hirehall::cli {
namespace {

void wait(std::int64_t ms) {
  ::poll(nullptr, 0, static_cast<int>(ms));  // an interrupt ends the program
}

std::string title(const Command& command, const Context& c) {
  return "hirehall " + name_of(command) + ", every " + render_duration(c.values().number("interval")) + ", " +
         render_time(wall_now_ms()) + "; Ctrl-C ends\n\n";
}

}  // namespace

void declare_watch(OptionTable& t) {
  t.flag("watch", "look again and again: redrawn in place on a terminal, appended otherwise");
  t.duration("interval", 2'000, {100, 86'400'000}, "with --watch: between two looks");
  t.number("times", 0, {0, 1'000'000'000}, "with --watch: end after so many looks; 0: when interrupted");
}

int watch(Context& c, const Command& command) {
  auto& out = c.out();
  bool in_place = is_terminal(out) && c.format() != Format::none;
  if (in_place) out << "\x1b[2J";
  auto times = c.values().number("times");
  for (std::int64_t n = 1;; ++n) {
    std::ostringstream text;
    int code = in_place ? c.captured(text, command.run) : command.run(c);
    if (in_place) {
      auto size = screen_size();
      out << page(title(command, c) + text.str(), {size.rows - 1, size.columns}) << "\r\n";
    }
    out << std::flush;
    if (!out) return ok;  // the reader has gone
    if (!in_place && code != ok)
      return code;  // a person may wait for a broker to come back, a script is told
    if (n == times) return code;
    wait(c.values().number("interval"));
    if (!in_place && c.format() == Format::text) out << "\n";
  }
}

int watch_nothing(Context& c) {
  std::string what;
  for (const auto& word : c.operands()) what += (what.empty() ? "" : " ") + word;
  std::string can;
  for (const auto& command : commands())
    if (command.watch) can += (can.empty() ? "" : ", ") + name_of(command);
  return c.complain(what.empty() ? "say what to watch: " + can
                                 : "'" + what + "' cannot be watched; these can: " + can);
}

}  // namespace hirehall::cli
