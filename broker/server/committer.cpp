#include "broker/server/committer.h"

#include <pthread.h>

#include <chrono>

namespace hirehall::server {

Committer::Committer(store::Store& store, const Wakeup& wakeup, bool threaded)
    : store_(store), wakeup_(wakeup), threaded_(threaded) {
  if (threaded) thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
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
  ::pthread_setname_np(::pthread_self(), "committer");
  for (;;) {
    store::CommitBatch batch;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return stop_ || !todo_.empty(); });
      if (todo_.empty()) return;
      batch = std::move(todo_.front());
      todo_.pop_front();
    }
    commit(batch);
  }
}

bool Committer::step() {
  store::CommitBatch batch;
  {
    std::lock_guard lock(mutex_);
    if (todo_.empty()) return false;
    batch = std::move(todo_.front());
    todo_.pop_front();
  }
  commit(batch);
  return true;
}

void Committer::commit(const store::CommitBatch& batch) {
  using Clock = std::chrono::steady_clock;
  auto from = threaded_ ? Clock::now() : Clock::time_point{};
  Done done;
  done.number = batch.number;
  done.bytes = batch.bytes();
  done.status = store_.commit(batch);
  if (threaded_)
    done.microseconds = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count();
  {
    std::lock_guard lock(mutex_);
    done_.push_back(std::move(done));
  }
  wakeup_.signal();
}

}  // namespace hirehall::server
