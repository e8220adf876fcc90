// What will happen when: the only clock of a world. Events of one instant happen in the order they were set.
#pragma once

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "tests/simulation/chance.h"

namespace hirehall::sim {

class Timeline {
 public:
  using Act = std::function<void()>;

  Micros now() const { return now_; }
  void at(Micros when, Act act) { events_.push({when < now_ ? now_ : when, order_++, std::move(act)}); }
  void in(Micros delay, Act act) { at(now_ + delay, std::move(act)); }
  std::uint64_t happened() const { return happened_; }

  // False when nothing is left before `until`; time is `until` then.
  bool step(Micros until) {
    if (events_.empty() || events_.top().when > until) {
      now_ = until > now_ ? until : now_;
      return false;
    }
    auto act = std::move(const_cast<Event&>(events_.top()).act);  // it leaves the queue at once
    now_ = events_.top().when;
    events_.pop();
    ++happened_;
    act();
    return true;
  }

 private:
  struct Event {
    Micros when = 0;
    std::uint64_t order = 0;
    Act act;
    friend bool operator<(const Event& a, const Event& b) {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };
  std::priority_queue<Event> events_;
  Micros now_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t happened_ = 0;
};

}  // namespace hirehall::sim
