// One seed's world from beginning to end: set up, a storm of faults, healing, and the reckoning.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/broker_host.h"
#include "tests/simulation/client_host.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/worker_host.h"
#include "tests/simulation/workload.h"

namespace hirehall::sim {

struct Report {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::optional<Violation> violation;
  std::string story;  // around the violation
  std::uint64_t events = 0;
  std::uint64_t tasks = 0;
  Micros lasted = 0;
  Tally tally;
};

class World {
 public:
  World(std::uint64_t seed, const Weather& weather);
  Report run(bool tell = false);

 private:
  void live();
  void storm();
  void trouble(std::uint32_t per_100s, Micros until, const std::function<void()>& act);
  void heal();
  [[noreturn]] void complain_of_open();
  void end_bulks();
  void read_audit();
  void reckon();
  bool clients_idle() const;
  void ask_stats();
  void list_all(const std::string& cursor);
  void list_dead(const std::string& cursor);
  void get_all();
  void run_until(Micros until, const std::function<bool()>& done);
  WorkerHost& some_worker() { return *workers_[scene_.chance.below(workers_.size())]; }
  ClientHost& some_client() { return *clients_[scene_.chance.below(clients_.size())]; }

  const std::uint64_t seed_;
  Scene scene_;
  BrokerHost broker_;
  std::vector<std::unique_ptr<ClientHost>> clients_;
  std::vector<std::unique_ptr<WorkerHost>> workers_;
  ClientHost auditor_;
  Workload workload_;
  std::uint64_t open_ = 1;  // tasks that have not ended, as stats said last
  std::vector<std::string> listed_;
  std::set<std::string> dead_;
  bool list_done_ = false, dead_done_ = false;
  bool bulks_done_ = false;
  std::size_t got_ = 0, asked_ = 0;
  bool books_done_ = false;
};

}  // namespace hirehall::sim
