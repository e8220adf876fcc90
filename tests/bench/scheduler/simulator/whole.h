// The broker's whole engine under recorded arrivals: ledger, lanes, dispatcher, chooser and what it has
// learned, with a clock of milliseconds that the arrivals move. What is left out is the wire and the disk.
#pragma once

#include <string_view>

#include "tests/bench/scheduler/simulator/queueing.h"

namespace hirehall::simulator {

// Workers of unequal speed have agents of other names, as an operator would give them. A turn may not end
// every task: then the error says so.
Result<Waits> run_whole(const FleetSetup& fleet, const std::vector<Arrival>& arrivals,
                        std::string_view policy, std::uint64_t seed);

}  // namespace hirehall::simulator
