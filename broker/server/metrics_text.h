// The metrics page as text. The HTTP side of it is metrics.h.
#pragma once

#include <string>

#include "broker/server/probe.h"
#include "broker/server/process_figures.h"

namespace hirehall::server {

std::string render_page(const MetricsPage& page, const ProcessFigures& process);

}  // namespace hirehall::server
