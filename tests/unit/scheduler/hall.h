// A small hall for tests of the dispatcher: words instead of numbers, and a seeded source of chance.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

// SplitMix64: the same numbers everywhere.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(next() % limit); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// The seed of a random test: printed, and taken from HIREHALL_SEED when that is set.
inline std::uint64_t seed_of_run(std::uint64_t usual) {
  const char* given = std::getenv("HIREHALL_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 0) : usual;
  std::cout << "HIREHALL_SEED=" << seed << '\n';
  return seed;
}

inline WorkerSpec worker_doing(std::vector<std::string> types, std::uint32_t slots = 1) {
  WorkerSpec spec;
  spec.agents.push_back({.name = "agent",
                         .version = "1",
                         .digest = {},
                         .types = std::move(types),
                         .capabilities = {},
                         .tools = {},
                         .labels = {},
                         .tier = 0});
  spec.slots = slots;
  return spec;
}

class Hall : public ::testing::Test {
 protected:
  static constexpr std::uint32_t plenty = 16384;

  // One queue, one class "echo", and as many lanes as there are weights, all with work.
  void open_lanes(std::vector<std::uint32_t> weights) {
    hall.define_queue(0, 1);
    hall.define_class(0, "echo", {});
    for (LaneNo lane = 0; lane < weights.size(); ++lane) {
      hall.define_lane(lane, 0, weights[lane]);
      hall.set_ready(hall.shelf(lane, 0), true);
    }
  }
  // Awards one task of the given cost; it is finished at once.
  Pick serve(std::uint64_t cost = 1) {
    const auto pick = hall.next();
    EXPECT_TRUE(pick.has_value()) << "nothing to award";
    if (!pick) return {};
    hall.take(*pick, 1, cost);
    hall.release(pick->worker, 1);
    return *pick;
  }
  std::map<LaneNo, int> serve_many(int count, std::uint64_t cost = 1) {
    std::map<LaneNo, int> served;
    for (int i = 0; i < count; ++i) ++served[serve(cost).lane];
    return served;
  }

  Dispatcher hall;
};

}  // namespace hirehall::scheduler
