// Many worlds one after another, and what came of them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/simulation/world.h"

namespace hirehall::sim {

std::string describe(const Report& report);  // a violation, so that it can be looked into

// `tell`: the report has the whole story, not only that of a violation.
Report run_seed(std::uint64_t seed, bool canary = false, bool tell = false);

}  // namespace hirehall::sim
