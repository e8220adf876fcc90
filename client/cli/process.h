// A child process of `hirehall dev`: started with its output in a log file, ended when we end.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "hirehall/error.h"

namespace hirehall::cli {

class Process {
 public:
  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // kills it if it still runs

  // not_found: no such program beside ours or in PATH.
  static client::Result<Process> start(const std::string& program, const std::vector<std::string>& arguments,
                                       const std::string& log_file);

  const std::string& name() const { return name_; }
  const std::string& log_file() const { return log_file_; }
  bool running();              // collects its status when it has ended
  std::string status() const;  // "exit code 3", "signal 11 (Segmentation fault)"
  void signal(int number) const;
  bool wait(std::int64_t timeout_ms);  // true: it has ended

 private:
  std::string name_;
  std::string log_file_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Where `name` lies: beside this program, else in PATH; empty when nowhere.
std::string find_program(const std::string& name);
std::string last_lines(const std::string& file, std::size_t count);

}  // namespace hirehall::cli
