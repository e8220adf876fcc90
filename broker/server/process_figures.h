// What the kernel says about this process, for the metrics page.
#pragma once

#include <cstdint>

namespace hirehall::server {

struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // since the epoch
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t threads = 0;
};

// Figures that cannot be read stay 0.
ProcessFigures read_process_figures();

}  // namespace hirehall::server
