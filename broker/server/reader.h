// Reads from the store beside the command thread: a job looks at a view and gives back what to do with it,
// which then runs on the command thread. Jobs run in order, one thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/server/wakeup.h"
#include "broker/store/store.h"

namespace hirehall::server {

class Reader {
 public:
  using Then = std::function<void()>;
  // `commit`: the view shows at least this commit.
  using Job = std::function<Then(const store::View& view, std::uint64_t commit)>;

  // Without a thread its owner calls step().
  Reader(const store::Store& store, const Wakeup& wakeup, std::uint64_t durable, bool threaded = true);
  ~Reader();  // drops what has not begun

  void post(Job job);
  void durable(std::uint64_t commit) { durable_.store(commit, std::memory_order_release); }
  void step();  // does what waits
  std::vector<Then> take_done();
  std::size_t waiting() const;

 private:
  void run();
  void work(const std::deque<Job>& jobs);

  const store::Store& store_;
  const Wakeup& wakeup_;
  std::atomic<std::uint64_t> durable_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job> todo_;
  std::vector<Then> done_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hirehall::server
