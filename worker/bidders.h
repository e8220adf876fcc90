// Asks agents what they want for a task. Each agent that bids has a child of its own for that, beside those
// that run its attempts: a bid never waits for an attempt, and an agent that hangs in its bid holds up
// nothing but its own bids.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker/bid.h"
#include "worker/board.h"
#include "worker/definition.h"

namespace hirehall::worker {

class Bidders {
 public:
  struct Place {
    std::string worker_program;  // as in ExecutorPlace
    std::vector<std::string> plugin_folders;
    std::function<void()> wake;  // called by any thread when there is something to collect
  };
  Bidders(const std::vector<Definition>& definitions, Place place);
  ~Bidders();  // within moments, whatever the agents do
  Bidders(const Bidders&) = delete;
  Bidders& operator=(const Bidders&) = delete;

  // Calls that cannot be answered in time are forgotten.
  void call(const BidCall& call, Micros now);
  std::vector<BidAnswer> collect();

 private:
  class Desk;
  struct Tray;
  const Place place_;
  std::shared_ptr<Tray> tray_;
  std::vector<std::unique_ptr<Desk>> desks_;
};

}  // namespace hirehall::worker
