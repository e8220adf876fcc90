// What a world is like: drawn from its seed. Each kind of trouble is absent in about half of the worlds, so
// that one that hides another does not do so always.
#pragma once

#include <string>

#include "tests/simulation/chance.h"

namespace hirehall::sim {

struct Weather {
  // Size.
  std::uint32_t tasks = 200;
  std::uint32_t clients = 2;
  std::uint32_t workers = 3;
  std::uint32_t queues = 1;
  std::uint32_t tenants = 1;
  std::uint32_t types = 1;
  bool retention = false;      // ended tasks go after seconds, and there are enough of them
  Micros storm = 30 * second;  // how long faults happen; then all heals

  // Network.
  Micros latency = 2 * ms;        // most, per frame and direction
  std::uint32_t breaks = 0;       // expected per peer and 100 s
  std::uint32_t half_open = 300;  // permille of breaks that one side does not notice
  std::uint32_t partitions = 0;   // per 100 s
  // A network that TCP would not be: single frames on a living link are …
  std::uint32_t lost = 0, twice = 0, reordered = 0;  // permille

  // Processes, expected per 100 s.
  std::uint32_t broker_crashes = 0;
  std::uint32_t broker_stalls = 0;
  std::uint32_t worker_crashes = 0;
  std::uint32_t worker_pauses = 0;
  std::uint32_t client_crashes = 0;
  std::uint32_t client_pauses = 0;
  std::uint32_t drains = 0;

  // Disk.
  Micros sync = 2 * ms;              // most, per commit
  std::uint32_t slow_syncs = 0;      // permille that take up to 100 times as long
  std::uint32_t failed_commits = 0;  // permille: the broker ends
  std::uint32_t full_disks = 0;      // per 100 s
  Micros read = 1 * ms;              // most, per batch of reads
  std::uint64_t snapshot_bytes = 64u << 20;
  std::uint64_t window_bytes = 64u << 20;
  std::uint32_t producers_max = 0;  // records of clients that are kept; 0: all

  // Clocks.
  std::uint32_t wall_jumps = 0;  // per 100 s
  std::int64_t drift = 0;        // most, in millionths

  // Work.
  std::uint32_t features = ~0u;  // bits of the workload's table
  Micros longest_attempt = 2 * second;
  std::uint32_t misbehaved = 100;  // permille of attempts that do not simply succeed

  static Weather of(std::uint64_t seed);
  static Weather fair();  // no faults: what must work then is less work to understand
  std::uint32_t allocation_failures =
      0;                // one of so many allocations of the broker, drawn anew each time; 0: none
  bool canary = false;  // an award leaves the broker twice: who does not complain is dead

  std::string text() const;

 private:
  void lose_and_keep_links(std::uint32_t permille);
};

}  // namespace hirehall::sim
