// A child process of its own group: started with limits, killed with everything it started, always reaped.
// Owned by one slot thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/error.h"
#include "worker/definition.h"

namespace hirehall::worker {

struct ChildSpec {
  std::vector<std::string> argv;         // the program first: a path, or a name searched in PATH
  std::vector<std::string> environment;  // "NAME=value", complete
  std::string folder;                    // to run in; empty: ours
  ProcessLimits limits;
  bool socket = false;  // talk over a socket at descriptor 3 instead of stdin and stdout
};

class Child {
 public:
  // io: the program cannot be started, with the reason; not_found: there is no such program.
  static Result<Child> spawn(const ChildSpec& spec);

  Child() = default;
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  int in() const { return in_; }    // write to it; the socket when there is one
  int out() const { return out_; }  // read from it
  int err() const { return err_; }
  int exit_fd() const { return exit_fd_; }  // readable once the process has ended
  void close_in();

  void signal(int number) const;  // to the whole group
  // Ends what is left of the group, reaps, and says how the child ended: "exit code 3", "crashed: signal 11
  // (SIGSEGV)". Never waits for a process that was not killed.
  std::string end();
  int status() const { return status_; }  // of wait(2), after end()

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  int exit_fd_ = -1;
  int status_ = 0;
};

// Exit code of our own children when memory ran out (worker/child_main.cpp).
inline constexpr int exit_out_of_memory = 86;

std::string describe_exit(int status, bool killed_by_us);

// The worker's own environment plus `extra`, without variables that name secrets of the worker.
std::vector<std::string> child_environment(const StringMap& extra);

}  // namespace hirehall::worker
