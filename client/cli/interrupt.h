// What a person who ends a wait with Ctrl-C is told: that the work goes on, and how to come back to it.
#pragma once

#include <string>

namespace hirehall::cli {

// While it lives, SIGINT writes the line to stderr and then ends the process as ever. One at a time.
class InterruptNote {
 public:
  explicit InterruptNote(const std::string& line);
  ~InterruptNote();
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;

 private:
  bool installed_ = false;
};

}  // namespace hirehall::cli
