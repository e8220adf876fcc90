// What attempts have used, and budgets over it (docs/usage.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hirehall/task.h"

namespace hirehall::client {

// What the sums are of, and which attempts count; what is empty or 0 counts all.
struct UsageQuery {
  std::vector<std::string> by = {"tenant", "queue"};  // day, tenant, queue, agent; empty: one sum
  std::string tenant = {}, queue = {}, agent = {};
  Millis since = 0, until = 0;  // from and up to the days of these times
};

struct UsageRow {
  std::string day = {}, tenant = {}, queue = {}, agent = {};  // those that it was asked by
  std::uint64_t attempts = 0;
  std::map<std::string, double> usage = {};  // by unit
};

struct UsageReport {
  std::vector<UsageRow> rows = {};
  bool more = false;  // there are more rows than one answer holds: ask for fewer days, or group by less
};

// What it counts and what it allows; what is not given stays as it is. A final * stands for any ending.
struct BudgetChange {
  std::optional<std::string> tenant = {}, queue = {};
  std::optional<std::string> unit = {};        // as attempts report it: cost_usd, tokens_in
  std::optional<std::string> period = {};      // day, month, total
  std::optional<double> hard = {}, soft = {};  // 0: none
};

struct BudgetInfo {
  std::string name = {}, tenant = {}, queue = {}, unit = {}, period = {};
  double hard = 0, soft = 0, used = 0;
  std::string state = {};     // open, warning, used_up
  std::uint64_t waiting = 0;  // lines of tasks that it holds back
  Millis until = 0;           // when its period ends; 0: never
};

}  // namespace hirehall::client
