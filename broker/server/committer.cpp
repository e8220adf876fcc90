#include "broker/server/committer.h"

#include <chrono>

namespace hirehall::server {

Committer::Committer(store::Store& store, const Wakeup& wakeup)
    : store_(store), wakeup_(wakeup), thread_([this] { run(); }) {}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void Committer::hand_over(store::CommitBatch batch) {
  ++in_flight_;
  {
    std::lock_guard lock(mutex_);
    todo_.push_back(std::move(batch));
  }
  work_.notify_one();
}

std::vector<Committer::Done> Committer::take_done() {
  std::vector<Done> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  in_flight_ -= done.size();
  return done;
}

void Committer::run() {
  using Clock = std::chrono::steady_clock;
  for (;;) {
    store::CommitBatch batch;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stop_ || !todo_.empty(); });
      if (todo_.empty()) return;
      batch = std::move(todo_.front());
      todo_.pop_front();
    }
    auto from = Clock::now();
    Done done;
    done.number = batch.number;
    done.bytes = batch.bytes();
    done.status = store_.commit(batch);
    done.microseconds = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count();
    {
      std::lock_guard lock(mutex_);
      done_.push_back(std::move(done));
    }
    wakeup_.signal();
  }
}

}  // namespace hirehall::server
