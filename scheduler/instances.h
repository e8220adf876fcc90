// How many attempts of an agent a worker holds, where the agent allows only so many at a time. Of others
// nothing is counted.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

class Instances {
 public:
  bool empty() const { return capped_ == 0; }  // no connected worker has such an agent
  bool caps(WorkerNo worker) const { return worker < rows_.size() && !rows_[worker].empty(); }

  void connect(WorkerNo worker, const WorkerSpec& spec);  // counts begin at nothing
  void disconnect(WorkerNo worker);
  void take(WorkerNo worker, std::uint16_t agent, std::uint32_t tasks);
  void give_back(WorkerNo worker, std::uint16_t agent);

  // So many more awards go to that agent of a worker with this credit. Credit beyond the slots keeps them
  // busy: an agent with a part of the slots has as large a part of it.
  std::uint32_t left(WorkerNo worker, std::uint16_t agent, std::uint32_t slots, std::uint32_t credit) const;

 private:
  struct Count {
    std::uint32_t max = 0, held = 0;  // max 0: it allows any number
  };
  std::vector<std::vector<Count>> rows_;  // by worker and agent; empty where no agent caps
  std::size_t capped_ = 0;
};

}  // namespace hirehall::scheduler
