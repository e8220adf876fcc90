// The thread that makes batches durable, one after another, and tells the command thread through a
// descriptor.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/server/wakeup.h"
#include "broker/store/store.h"

namespace hirehall::server {

class Committer {
 public:
  // Without a thread its owner calls step().
  Committer(store::Store& store, const Wakeup& wakeup, bool threaded = true);
  ~Committer();  // after the batches handed over are done

  void hand_over(store::CommitBatch batch);

  struct Done {
    std::uint64_t number = 0;
    std::int64_t microseconds = 0;
    std::size_t bytes = 0;
    Status status;
  };
  bool step();  // commits one batch; false when none waits
  std::vector<Done> take_done();
  bool idle() const { return in_flight_ == 0; }  // command thread's view: what take_done has not given yet
  std::size_t in_flight() const { return in_flight_; }

 private:
  void run();
  void commit(const store::CommitBatch& batch);

  store::Store& store_;
  const Wakeup& wakeup_;
  const bool threaded_;
  std::size_t in_flight_ = 0;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<store::CommitBatch> todo_;
  std::vector<Done> done_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hirehall::server
