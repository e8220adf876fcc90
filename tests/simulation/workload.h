// What users do: two tables. A new feature of tasks is a line in `features`, a new request a line in
// `actions` (workload_tables.cpp); what may be demanded of it goes into the model.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/simulation/client_host.h"

namespace hirehall::sim {

// What each worker has of the resource that some tasks ask for, one or all of it.
inline constexpr std::uint32_t gpus_of_a_worker = 2;
inline constexpr std::uint32_t credit_per_slot_max = 4;
// Of the budget for the tenant "spender".
inline constexpr std::uint64_t budget_units = 3;
// Of the limit "paced".
inline constexpr std::size_t paced_units = 3;
inline constexpr Millis paced_window_ms = 2000;

class Workload {
 public:
  struct Draft {
    TaskOptions options;
    std::size_t bytes = 20;
    bool plain = true;
    Number same_key_as = 0;
  };

  Workload(Scene& scene, std::vector<std::unique_ptr<ClientHost>>& clients);

  void set_up(ClientHost& by);  // queues and limits
  bool ready() const { return settings_left_ == 0; }
  void begin();              // tasks and requests until the storm is over
  void end(ClientHost& by);  // nothing stays paused, nobody waits for an answer; again and again
  std::vector<std::string> types() const;       // that workers can do during the storm
  static std::vector<std::string> all_types();  // and later
  Scene& scene() { return scene_; }

 private:
  friend struct Tables;
  Number draw();
  void submit_next();
  void act_next();
  void set(ClientHost& by, wire::Kind kind, const std::string& body);
  void set_schedules(ClientHost& by);
  void coalesce(ClientHost& by, Number number);
  void resume(ClientHost& by, const std::string& body);
  void answer(ClientHost& by, const std::string& id);
  void answer_all(ClientHost& by, const std::string& cursor);
  ClientHost& some_client() { return *clients_[scene_.chance.below(clients_.size())]; }

  Scene& scene_;
  std::vector<std::unique_ptr<ClientHost>>& clients_;
  std::uint32_t submitted_ = 0;
  std::uint32_t settings_left_ = 0;
  Micros pace_ = 100 * ms;
  Micros until_ = 0;
  std::vector<Number> keyed_;  // may be submitted again
  std::vector<Number> coalescing_;
  std::uint64_t versions_ = 0;
  std::set<std::string> paused_;  // bodies of pauses: one may be sent again after its resume
  std::uint64_t answers_ = 0;
};

}  // namespace hirehall::sim
