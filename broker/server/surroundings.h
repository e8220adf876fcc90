// What the broker's loop takes from outside: its socket, its clocks, chance, and whether work beside the loop
// has threads of its own. The simulation puts its own world here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/server/wakeup.h"
#include "common/task.h"

namespace hirehall::server {

class Surroundings {
 public:
  // A message, until the next call of receive().
  struct Arrived {
    std::string_view routing;
    std::string_view bytes;      // of its first frame
    const char* user = nullptr;  // who sent it, as the gate says
    bool whole = true;           // it had one frame
  };

  virtual ~Surroundings() = default;
  virtual bool receive(Arrived& message) = 0;  // false: nothing is there
  virtual bool send(const std::string& routing,
                    const std::string& frame) = 0;  // false: gone, or it does not read
  // Until a message is there, `wakeup` was signalled or the time is over; clears `wakeup`.
  virtual Status wait(Millis ms, const Wakeup& wakeup) = 0;
  virtual std::int64_t monotonic_ms() = 0;
  virtual std::int64_t wall_ms() = 0;
  // Of the message received last; empty when the transport does not say.
  virtual std::string address() { return {}; }
  virtual std::string random(std::size_t bytes) = 0;
  // False: the owner of the loop steps the committer and the reader by hand.
  virtual bool threads() const = 0;
};

// On a bound zmq ROUTER socket (void*) and the clocks of this machine.
std::unique_ptr<Surroundings> zmq_surroundings(void* router);

}  // namespace hirehall::server
