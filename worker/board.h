// What the main thread and the slots share: queued attempts, orders to end some of them, results and reports.
// A slot takes a run of attempts of one agent from one award message and gives back one batch of results:
// locks are taken per run, not per task. Short tasks make long runs; an idle slot takes over what a busy one
// has not begun.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "worker/attempt.h"

namespace hirehall::worker {

Micros monotonic_us();

// An award message: the bytes, and the attempts that are views into them.
struct Award {
  std::shared_ptr<const void> bytes;
  std::vector<Shape> shapes;
  std::vector<Attempt> attempts;
};
using AwardPtr = std::shared_ptr<const Award>;

// Attempts [from, to) of an award, all for one agent (its index in the worker).
struct Run {
  AwardPtr award;
  std::uint32_t agent = 0;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint64_t arrival = 0;
};

// The reason of a stop with which the broker enforces a timeout (docs/protocol.md, section 7).
inline constexpr std::string_view stop_for_timeout = "timeout";

// Why an attempt is to end before it is done.
struct Revocation {
  enum class Why : std::uint8_t { none, stop, lost, interrupt };
  Why why = Why::none;
  Micros since = 0;
  Micros grace_us = 0;  // cooperative at once, SIGTERM after half of it, SIGKILL after all of it
  std::string reason;
};

class Board {
 public:
  // `instances`: per agent, how many slots may run it at the same time. `wake` is called by slots when there
  // is something to collect and by nobody else; it must be cheap and safe from any thread.
  Board(std::size_t slots, std::vector<std::uint32_t> instances, std::function<void()> wake);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  // Main thread.
  void post(const AwardPtr& award, const std::vector<std::uint32_t>& agent_of_shape);
  void stop(const StopOrder& order, Micros now);
  void lose(Token token, Micros now);
  void interrupt_all(Micros grace_us, Micros now);  // queued and running attempts are handed back
  void collect(std::vector<Results>& results, std::vector<Report>& reports);  // replaces the contents of both
  void recycle(std::vector<Results>& results);                                // buffers go back to the slots
  // When each slot has been in one attempt for so long: what no slot has begun is handed back, for others to
  // begin at once. To be asked now and then; the first time it only looks.
  void hand_back_waiting(Micros now, Micros long_us, Results& results);
  void close();  // take() returns nothing from here on
  // How long the latest attempt that cannot be killed has run beyond its timeout; 0: none has.
  Micros overdue(Micros now) const;
  std::size_t busy_slots() const { return busy_.load(std::memory_order_relaxed); }

  // Slots.
  bool take(std::size_t slot, Run& run, Results& results);  // waits; false: the worker ends
  std::optional<std::uint32_t> next(std::size_t slot);      // the next attempt of the slot's run
  void done(std::size_t slot, Results& results);            // batches may be given back more than once a run
  void report(Report report);
  void expect_by(std::size_t slot, Micros deadline) {  // 0: nothing is expected any more
    slots_[slot].expected_by.store(deadline, std::memory_order_relaxed);
  }
  bool anything_revoked() const { return revocations_.load(std::memory_order_acquire) != 0; }
  Revocation revoked(Token token) const;
  int wake_fd(std::size_t slot) const { return slots_[slot].wake_fd; }

 private:
  struct Slot {
    int wake_fd = -1;  // an eventfd: readable when revocations changed
    Run run;
    bool active = false;
    std::atomic<std::uint64_t> window{0};  // next << 32 | end of what the run has left
    std::atomic<Micros> expected_by{0};
    Micros taken_at = 0;
  };
  struct Line {
    std::deque<Run> runs;
    std::uint32_t instances = 0;  // 0: no limit
    std::uint32_t running = 0;
    double service_us = 0;  // mean of an attempt; 0: unknown
  };

  // What a slot was in when somebody looked, and since when at least.
  struct Seen {
    std::uint64_t arrival = 0, window = 0;
    Micros since = 0;
  };

  bool pick(std::size_t slot);
  bool steal(std::size_t slot);
  bool stealable() const;
  void begin(std::size_t slot, Run run);
  bool held_up(Micros now, Micros long_us);
  void forget_revoked(const Results& ended);
  void hand_back_run(Run& run, Results& results, std::deque<Run>& stay);
  void wake_slots();

  const std::function<void()> wake_;
  std::vector<Slot> slots_;
  std::atomic<std::size_t> busy_{0};
  std::atomic<std::uint32_t> revocations_{0};

  mutable std::mutex mutex_;  // all below
  std::condition_variable work_;
  std::vector<Line> lines_;
  std::size_t queued_ = 0;
  std::uint64_t arrivals_ = 0;
  std::vector<Seen> seen_;  // per slot
  bool closed_ = false;

  mutable std::mutex revoked_mutex_;  // taken after mutex_ or alone
  std::unordered_map<Token, Revocation> revoked_;
  Revocation everything_;

  mutable std::mutex outgoing_mutex_;  // taken alone
  std::vector<Results> results_;
  std::vector<Report> reports_;
  std::vector<Results> spare_;
  bool woken_ = false;  // a wake is under way: no need for another
};

}  // namespace hirehall::worker
