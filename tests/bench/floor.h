// The floor under a task's latency: what one sync and one message cost on this machine at the same light
// load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/error.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {

// Appends 4 KiB and syncs, `rate` times a second.
Result<Samples> measure_syncs(const std::filesystem::path& directory, std::uint64_t count,
                              std::uint64_t rate);

// Half of a round trip between two processes over ZeroMQ, `rate` times a second; over ipc below `directory`,
// or tcp.
Result<Samples> measure_hops(const std::filesystem::path& directory, bool tcp, std::uint64_t count,
                             std::uint64_t rate);
int hop_echo_main(
    const std::vector<std::string>& arguments);  // ENDPOINT: the other end, a process of its own

// Calls at fixed times, whatever the last call took.
class Pace {
 public:
  explicit Pace(std::uint64_t rate) : next_(Clock::now()), every_(1'000'000'000 / rate) {}
  void wait();

 private:
  Clock::time_point next_;
  std::chrono::nanoseconds every_;
};

}  // namespace hirehall::bench
