// Is the hall well? Verdicts from what the broker says, and the forms monitoring reads. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/document.h"

namespace hirehall::cli {

// The numbers are the exit codes, as plug-ins of Nagios have them.
enum class Verdict : std::uint8_t { fine = 0, warning = 1, critical = 2, unknown = 3 };
std::string_view name_of(Verdict verdict);

// A value beyond a limit is a warning or critical; 0: no limit.
struct HealthLimits {
  std::int64_t oldest_warning_ms = 0, oldest_critical_ms = 0;
  std::int64_t dead_warning = 0, dead_critical = 0;
  std::int64_t workers_min = 0;
  std::int64_t backup_warning_ms = 0, backup_critical_ms = 0;
};

struct Finding {
  std::string check;  // broker, store, oldest_ready, workers, dead, breakers, backup
  Verdict verdict = Verdict::fine;
  std::string message;
  std::int64_t value = 0;
  std::string_view unit;  // of the value: ms, or none
};

Finding found_unreachable(const std::string& why);
std::vector<Finding> findings(const Document& stats, const std::vector<Document>& queues,
                              const std::vector<Document>& workers, std::int64_t answered_ms,
                              const HealthLimits& limits, const std::vector<Document>& breakers = {});
Verdict worst_of(const std::vector<Finding>& all);

Document health_document(const std::vector<Finding>& all);
std::string health_nagios(const std::vector<Finding>& all);
std::string health_prometheus(const std::vector<Finding>& all);  // for the textfile collector

}  // namespace hirehall::cli
