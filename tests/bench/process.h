// A program that the bench started: its life, its log, and what the kernel counts for it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"

namespace hirehall::bench {

// Owned by one thread, the one that started it: a child dies with that thread, whatever ends the bench.
// The destructor ends the child with SIGKILL.
class Child {
 public:
  struct Command {
    std::string name;                                              // in messages
    std::vector<std::string> arguments;                            // the program first
    std::vector<std::pair<std::string, std::string>> environment;  // beside our own
    std::filesystem::path log;                                     // stderr, and stdout unless it is piped
    bool pipe_stdout = false;
  };
  using Limit = std::chrono::milliseconds;

  static Result<Child> start(const Command& command);
  Child(Child&& other) noexcept { swap(other); }
  Child& operator=(Child&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Child();

  pid_t pid() const { return pid_; }
  bool running();
  Status check();                              // an error with the tail of its log once it has ended
  Result<std::string> read_line(Limit limit);  // of the piped stdout; timeout, or io when it has ended
  Status wait_for_file(const std::filesystem::path& file, Limit limit);  // there and not empty; timeout
  Result<int> wait(Limit limit);                                         // exit code; 128 + N after signal N
  Status stop(Limit limit = std::chrono::seconds(20));  // SIGTERM, and SIGKILL after the limit: then an error
  void kill_hard();                                     // SIGKILL, and gone on return

  // Processor time and memory of it and of its children.
  std::int64_t cpu_us() const;
  double rss_mb() const;
  double peak_rss_mb() const;  // of the program alone

 private:
  Child() = default;
  void swap(Child& other) noexcept;
  void reap(bool block);
  Error died(std::string_view what, Code code = Code::io) const;

  pid_t pid_ = -1;
  int stdout_ = -1;
  int exit_code_ = -1;
  std::string name_;
  std::string pending_;  // read and not yet a line
  std::filesystem::path log_;
};

std::int64_t own_cpu_us();

// A directory that is removed with all it holds at the end.
class Scratch {
 public:
  static Result<Scratch> make(const std::filesystem::path& parent, bool keep);
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})), keep_(other.keep_) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();
  const std::filesystem::path& path() const { return path_; }

 private:
  Scratch(std::filesystem::path path, bool keep) : path_(std::move(path)), keep_(keep) {}

  std::filesystem::path path_;
  bool keep_;
};

}  // namespace hirehall::bench
