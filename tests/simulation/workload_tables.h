#pragma once

#include <span>

#include "tests/simulation/workload.h"

namespace hirehall::sim {

struct Tables {
  struct Feature {
    const char* name;
    std::uint32_t permille;  // of the tasks of a world that has it
    void (*apply)(Workload& w, Workload::Draft& draft);
  };
  struct Action {
    const char* name;
    std::uint32_t weight;
    void (*act)(Workload& w, ClientHost& client);
  };
  static std::span<const Feature> features();
  static std::span<const Action> actions();
};

}  // namespace hirehall::sim
