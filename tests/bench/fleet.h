// The fleet under measurement: one broker and one worker, the programs as they were built, with the
// configuration that they are shipped with; only data, endpoint, agent and slots are said.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "tests/bench/process.h"
#include "tests/bench/settings.h"

namespace hirehall::bench {

enum class Agent : std::uint8_t { echo, stamp };  // the result is the payload; … and when the agent started
inline constexpr std::string_view task_type = "bench";

class Fleet {
 public:
  static Result<Fleet> make(const Settings& settings, Agent agent, double sync_delay_ms);

  Status start_broker();  // returns once it serves; on the same data and endpoint as before
  Status start_worker();  // returns once it has started; it may come before the broker
  Status stop_worker();
  Status wait_for_worker();  // until the broker knows it
  Status stop();             // both, politely: an error when one does not end well

  Child& broker() { return *broker_; }
  Child& worker() { return *worker_; }
  Status check();  // both still run
  const std::string& endpoint() const { return endpoint_; }
  std::filesystem::path directory() const { return scratch_.path(); }
  std::int64_t broker_started_ns() const { return broker_started_ns_; }
  std::uint64_t syncs_counted() const;  // by the preloaded library; 0 without a delay
  std::string configuration()
      const;  // digest of all that was said to the programs, places left out: the rest is as shipped

 private:
  explicit Fleet(const Settings& settings, double sync_delay_ms, Scratch scratch);
  Status prepare(Agent agent);
  Result<std::string> definition(Agent agent) const;
  std::filesystem::path place(std::string_view name) const { return scratch_.path() / name; }

  Settings settings_;
  double sync_delay_ms_;
  Scratch scratch_;  // outlives the programs
  std::string broker_program_, worker_program_;
  std::string definition_;
  std::string endpoint_;
  std::int64_t broker_started_ns_ = 0;
  std::optional<Child> broker_, worker_;
};

}  // namespace hirehall::bench
