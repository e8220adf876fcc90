// The file of schedules (YAML; configs/schedules.yaml shows it): what they should be. Errors name file, line
// and key.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "broker/engine/schedule.h"
#include "common/error.h"

namespace hirehall::server {

using SchedulesFile = std::map<std::string, engine::ScheduleSpec>;

Result<SchedulesFile> read_schedules(std::string_view yaml, std::string_view file);
Result<SchedulesFile> load_schedules(const std::string& path);

}  // namespace hirehall::server
