// The metrics page as text. The HTTP side of it is metrics.h.
#pragma once

#include <string>

#include "broker/server/probe.h"
#include "broker/server/process_figures.h"
#include "common/wire.h"

namespace hirehall::server {

const char* label_of(wire::Kind kind);  // "queue_set"; nullptr: no request
std::string render_page(const MetricsPage& page, const ProcessFigures& process);

}  // namespace hirehall::server
