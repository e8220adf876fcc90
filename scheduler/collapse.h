// The first step of a matching: rows with the same offers become one class, then columns that the classes
// offer the same become one. Fleets have few kinds of workers and tasks, so rounds shrink by a lot.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/matching.h"

namespace hirehall::scheduler {

// Classes of one side and their offers to classes of the other side, as compressed rows.
struct Collapsed {
  struct Edge {
    std::uint32_t other = 0;
    std::int64_t value = 0;
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  struct Classes {
    std::vector<std::uint32_t> members, first_member{0};  // rows or columns by class, ascending
    std::vector<Edge> edges;
    std::vector<std::uint32_t> first_edge{0};
    std::uint32_t count() const { return static_cast<std::uint32_t>(first_edge.size() - 1); }
  };
  Classes rows, columns;
  std::int64_t value_max = 0;
};

// Only offers above 0 to columns with capacity are kept. Columns without offers are in no class.
Collapsed collapse(const Round& round);

}  // namespace hirehall::scheduler
