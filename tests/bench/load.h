// The load: clients that submit numbered tasks and check what comes back. One thread drives it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "hirehall/client.h"
#include "tests/bench/payload.h"
#include "tests/bench/receipts.h"
#include "tests/bench/settings.h"

namespace hirehall::bench {

// What the broker counts.
struct Counted {
  double commits = 0;
  double syncs = 0;
};

class Load {
 public:
  struct Setup {
    std::string endpoint;
    std::uint64_t total = 0;        // tasks over its whole life
    bool times = false;             // keep submit times
    bool stamped = false;           // results end with the agent's start
    std::uint64_t keys = 0;         // tasks are sent one by one, as if each had one of so many limit keys …
    bool keyed = false;             // … and each has
    std::function<Status()> check;  // asked while it waits: is the fleet well?
  };

  static Result<std::unique_ptr<Load>> connect(const Settings& settings, Setup setup);
  ~Load();

  // The next `count` tasks. run() keeps at most the window under way and waits for all results; fill() waits
  // for the acknowledgements only; send_one() waits for
  // nothing.
  Status run(std::uint64_t count);
  Status fill(std::uint64_t count);
  void send_one();
  Status wait_for_results();  // of all that was submitted

  // `count` or a little more: so many that the groups which share a submit time stay whole.
  std::uint64_t in_groups(std::uint64_t count) const { return (count + group_ - 1) / group_ * group_; }

  Status limit_keys();  // limits over all keys that are never reached
  Status pause();
  Status resume();
  Result<Counted> counted();
  Receipts& receipts() { return receipts_; }
  Status verdict(bool repeats = false) const { return receipts_.verdict(next_, repeats); }

 private:
  Load(const Settings& settings, Setup setup);
  void submit_group(std::uint64_t count);
  void submit_spread(client::Client& client, std::uint64_t count);
  Status settle(std::uint64_t left_max);
  std::uint64_t unanswered_max() const;
  Status wait_until(std::uint64_t seen);

  const Settings settings_;
  const Setup setup_;
  const Payloads payloads_;
  const std::uint64_t group_;  // tasks per call of the library
  Receipts receipts_;
  std::vector<client::TaskOptions> lanes_;
  std::string bytes_;  // payloads of a group
  std::vector<client::Item> items_;
  std::deque<client::Submission> pending_;  // not known to be answered yet
  std::uint64_t pending_tasks_ = 0;
  std::uint64_t next_ = 0;  // number of the next task
  std::size_t turn_ = 0;    // which client submits
  std::uint64_t random_;
  std::vector<client::Client> clients_;  // last: their threads use the above
};

}  // namespace hirehall::bench
