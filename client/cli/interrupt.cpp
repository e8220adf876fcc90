#include "client/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace hirehall::cli {
namespace {

// A handler may read no more than what stands still.
std::array<char, 256> note{};
std::size_t note_size = 0;

extern "C" void tell_and_end(int number) {
  static_cast<void>(!::write(STDERR_FILENO, note.data(), note_size));
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

InterruptNote::InterruptNote(const std::string& line) {
  const auto text = "\n" + line + "\n";
  note_size = std::min(text.size(), note.size());
  std::copy_n(text.begin(), note_size, note.begin());
  struct sigaction before {};
  ::sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler != SIG_DFL) return;  // ignored: a job in the background, say
  struct sigaction action {};
  action.sa_handler = tell_and_end;
  ::sigaction(SIGINT, &action, nullptr);
  installed_ = true;
}

InterruptNote::~InterruptNote() {
  if (installed_) ::signal(SIGINT, SIG_DFL);
}

}  // namespace hirehall::cli
