// Tasks that are submitted again and again (docs/schedules.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hirehall/task.h"

namespace hirehall::client {

// When, and what. Empty or absent means "as it is" for an edit, and the default for a new one.
struct Schedule {
  std::string cron = {};      // five or six fields; or:
  Millis every_ms = 0;        // from one second on
  std::string zone = {};      // of cron, from the tz database; UTC
  std::string overlap = {};   // allow (default), skip, queue, cancel
  std::string catch_up = {};  // last (default), skip, all
  int catch_up_max = 0;       // 10
  std::optional<Millis> jitter_ms = {};
  std::optional<TaskOptions> task = {};
  std::optional<std::string> payload = {};
};

struct ScheduleInfo {
  std::string name = {}, cron = {}, zone = {}, overlap = {}, catch_up = {};
  Millis every_ms = 0, jitter_ms = 0;
  std::string type = {}, queue = {}, tenant = {}, payload = {};
  bool paused = false, from_file = false;
  std::string paused_reason = {}, error = {}, set_by = {};
  Millis next_at = 0, last_tick_at = 0, fired_at = 0;  // 0: none
  TaskId last_task = {};
  std::uint64_t waiting = 0, fired = 0, missed = 0, overlapped = 0, refused = 0;
  std::vector<Millis> upcoming = {};
};

}  // namespace hirehall::client
