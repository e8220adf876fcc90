// What happened in a world: a hash over all of it (I18), and enough of it to show around a violation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/chance.h"

namespace hirehall::sim {

class Trace {
 public:
  // `task`: the number of the task it is about, 0 = none. `what` is a literal; a and b say more.
  void note(Micros now, std::string_view what, std::uint64_t task = 0, std::int64_t a = 0,
            std::int64_t b = 0) {
    mix(static_cast<std::uint64_t>(now));
    mix(what.size() << 32 | static_cast<std::uint8_t>(what[0]));
    mix(task), mix(static_cast<std::uint64_t>(a)), mix(static_cast<std::uint64_t>(b));
    events_.push_back({now, what, task, a, b});
  }
  void bytes(std::string_view frame);  // into the hash only

  std::uint64_t hash() const { return hash_; }
  std::size_t size() const { return events_.size(); }
  // The events of a task, and the last ones of all.
  std::string around(std::uint64_t task, std::size_t last) const;

 private:
  void mix(std::uint64_t x) {
    hash_ = (hash_ ^ x) * 0x9fb21c651e98df25ull;
    hash_ ^= hash_ >> 29;
  }
  struct Event {
    Micros at;
    std::string_view what;
    std::uint64_t task;
    std::int64_t a, b;
  };
  std::uint64_t hash_ = 0x68697265ull;
  std::vector<Event> events_;
};

}  // namespace hirehall::sim
