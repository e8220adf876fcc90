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

// What operators do (workload_operators.cpp).
void drain_worker(Workload& w, ClientHost& client);
void steer_breaker(Workload& w, ClientHost& client);
void purge_dead(Workload& w, ClientHost& client);
void forget_agent(Workload& w, ClientHost& client);
void look_around(Workload& w, ClientHost& client);
void steer_schedule(Workload& w, ClientHost& client);
void hold_limit(Workload& w, ClientHost& client);
void stop_bulk(Workload& w, ClientHost& client);
void follow_logs(Scene& scene, ClientHost& client, const std::string& id, std::uint64_t after, int rounds);

}  // namespace hirehall::sim
