// The file of queues (YAML; configs/queues.yaml shows it): what their settings should be. Errors name file,
// line and key.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "broker/engine/queue_fields.h"
#include "common/error.h"

namespace hirehall::server {

using QueuesFile = std::map<std::string, engine::QueueValues>;

Result<QueuesFile> read_queues(std::string_view yaml, std::string_view file);
Result<QueuesFile> load_queues(const std::string& path);

}  // namespace hirehall::server
