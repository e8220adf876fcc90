// The client's books: which task's result came, that it is the right one, that it came once, and when.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "common/error.h"
#include "hirehall/client.h"
#include "tests/bench/payload.h"
#include "tests/bench/samples.h"

namespace hirehall::bench {

// Tasks are numbers from 0 up to `total`. take() may be called by any thread, the rest belongs to the thread
// that submits.
class Receipts {
 public:
  // `group` tasks share a submit time; 0: no times are kept. `stamped`: results end with the agent's start.
  Receipts(const Payloads& payloads, std::uint64_t total, std::uint64_t group, bool stamped);

  void submitted(std::uint64_t number);  // the first of its group, before it is submitted
  void take(const client::ResultBatch& batch);

  // What came since the last mark().
  struct Figures {
    std::uint64_t results = 0;
    std::int64_t last_ns = 0;         // when the last came
    std::int64_t first_start_ns = 0;  // of an agent, when results are stamped
    Histogram told;                   // submit to result
    Samples started;                  // submit to the agent's start
  };
  void mark();
  Figures figures() const;

  std::uint64_t seen() const;
  // Until that many are seen in all; false: not within the limit.
  bool wait_for(std::uint64_t count, std::chrono::milliseconds limit) const;
  // All up to `expected` came, and no wrong one. `repeats`: whether a result may come twice (a broker was
  // killed).
  Status verdict(std::uint64_t expected, bool repeats) const;

 private:
  void take_one(const client::ResultView& result, std::int64_t now);

  const Payloads& payloads_;
  const std::uint64_t total_;
  const std::uint64_t group_;
  const bool stamped_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::uint64_t awaited_ = UINT64_MAX;  // wake the waiter at this count, not at each batch
  std::vector<std::int64_t> submitted_ns_;
  std::vector<bool> came_;
  std::uint64_t seen_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t wrong_ = 0;
  std::string first_wrong_;
  Figures figures_;
};

}  // namespace hirehall::bench
