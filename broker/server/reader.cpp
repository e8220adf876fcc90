#include "broker/server/reader.h"

#include <pthread.h>

namespace hirehall::server {

Reader::Reader(const store::Store& store, const Wakeup& wakeup, std::uint64_t durable, bool threaded)
    : store_(store), wakeup_(wakeup), durable_(durable) {
  if (threaded) thread_ = std::thread([this] { run(); });
}

Reader::~Reader() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    todo_.clear();
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Reader::post(Job job) {
  {
    std::lock_guard lock(mutex_);
    todo_.push_back(std::move(job));
  }
  work_.notify_one();
}

std::vector<Reader::Then> Reader::take_done() {
  std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

std::size_t Reader::waiting() const {
  std::lock_guard lock(mutex_);
  return todo_.size();
}

void Reader::run() {
  ::pthread_setname_np(::pthread_self(), "reader");
  for (;;) {
    std::deque<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stop_ || !todo_.empty(); });
      if (stop_) return;
      jobs.swap(todo_);
    }
    work(jobs);
  }
}

void Reader::step() {
  std::deque<Job> jobs;
  {
    std::lock_guard lock(mutex_);
    jobs.swap(todo_);
  }
  if (!jobs.empty()) work(jobs);
}

// One picture serves all that waited.
void Reader::work(const std::deque<Job>& jobs) {
  auto commit = durable_.load(std::memory_order_acquire);
  auto view = store_.view();
  for (auto& job : jobs) {
    auto then = job(*view, commit);
    std::lock_guard lock(mutex_);
    if (then) done_.push_back(std::move(then));
  }
  wakeup_.signal();
}

}  // namespace hirehall::server
