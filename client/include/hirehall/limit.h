// Limits by name: how many tasks run at once, and how many begin in a time (docs/limits.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hirehall/task.h"

namespace hirehall::client {

struct Rate {
  std::int64_t units = 0;  // tasks that begin …
  Millis window_ms = 0;    // … in any time of this length
};

// Which tasks it counts, and what it allows them; what is not given stays as it is. A final * stands for any
// ending.
struct LimitChange {
  std::optional<std::string> queue = {}, type = {}, tenant = {}, key = {};
  std::optional<std::string> per = {};  // queue, type, tenant, key: a budget for each; empty: one for all
  std::optional<std::int64_t> concurrency = {};  // 0: none
  std::optional<std::vector<Rate>> rates = {};   // at most four
};

struct LimitInfo {
  std::string name = {}, queue = {}, type = {}, tenant = {}, key = {}, per = {};
  std::int64_t concurrency = 0;
  std::vector<Rate> rates = {};
  bool paused = false;
  Millis paused_until = 0;  // -1: until resumed
  std::string paused_reason = {}, set_by = {};
  std::uint64_t budgets = 0, running = 0, waiting = 0;  // waiting: lines of tasks that it holds back
};

}  // namespace hirehall::client
