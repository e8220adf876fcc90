// Many worlds one after another, and what came of them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/simulation/world.h"

namespace hirehall::sim {

std::string describe(const Report& report);  // a violation, so that it can be looked into

Report run_seed(std::uint64_t seed, bool canary = false);

}  // namespace hirehall::sim
