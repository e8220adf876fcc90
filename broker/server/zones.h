// Time zones of the system: the files of tzdata, found by name (/usr/share/zoneinfo, or $TZDIR).
#pragma once

#include <string>
#include <string_view>

#include "broker/engine/zone.h"
#include "common/error.h"

namespace hirehall::server {

// invalid: no zone has this name, or its file cannot be understood. UTC when the name is empty.
Result<engine::Zone> load_zone(std::string_view name);

}  // namespace hirehall::server
