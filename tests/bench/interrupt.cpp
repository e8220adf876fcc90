#include "tests/bench/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <thread>

namespace hirehall::bench {
namespace {

struct Listed {
  std::mutex mutex;
  std::set<pid_t> children;
  std::set<std::filesystem::path> directories;
};

Listed& listed() {
  static Listed one;
  return one;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

[[noreturn]] void clean_up_and_end(int signal) {
  auto& all = listed();
  std::lock_guard lock(all.mutex);  // kept: nothing is started any more
  for (auto child : all.children) kill(child, SIGKILL);
  for (const auto& directory : all.directories) {
    std::error_code none;
    std::filesystem::remove_all(directory, none);
  }
  _exit(128 + signal);
}

}  // namespace

void clean_up_on_signals() {
  auto set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set] {
    int signal = 0;
    while (sigwait(&set, &signal) != 0) {
    }
    clean_up_and_end(signal);
  }).detach();
}

void at_signal_kill(pid_t child) {
  std::lock_guard lock(listed().mutex);
  listed().children.insert(child);
}

void at_signal_forget(pid_t child) {
  std::lock_guard lock(listed().mutex);
  listed().children.erase(child);
}

void at_signal_remove(const std::filesystem::path& directory) {
  std::lock_guard lock(listed().mutex);
  listed().directories.insert(directory);
}

void at_signal_forget(const std::filesystem::path& directory) {
  std::lock_guard lock(listed().mutex);
  listed().directories.erase(directory);
}

void unblock_signals() {
  auto set = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace hirehall::bench
