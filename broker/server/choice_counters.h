// What policies chose, for the metrics page: counters with one label each, or none.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/server/probe.h"

namespace hirehall::server {

struct LabelledCounter {
  const char* name;
  const char* help;
  const char* label;  // null: the only value is the whole
  std::vector<std::pair<std::string_view, double>> values;
};
std::vector<LabelledCounter> choice_counters(const MetricsPage& page);

}  // namespace hirehall::server
