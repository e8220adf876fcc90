// The life of a task as one table: (state, event) → next state. What is not in the table is refused.
// The drawing is in docs/lifecycle.md; a test walks every pair.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/task.h"

namespace hirehall::engine {

enum class Event : std::uint8_t {
  due,         // its time has come
  award,       // leased to a worker
  succeed,     // the attempt succeeded
  fail_final,  // the attempt failed and no attempt is left, or failing again is pointless
  retry,       // the attempt failed; the next one has to wait
  snooze,      // the agent asked to run again later, or it was approved before its time
  give_back,   // interrupted, lost with its worker, or denied: ready again at once
  suspend,     // the agent waits for an answer
  answer,      // the answer, or the approval, came
  cancel,      // by somebody who may
  expire,      // deadline or time to live
};
inline constexpr std::size_t event_count = 11;

constexpr std::array<std::string_view, event_count> event_names{"due",    "award",  "succeed",   "fail_final",
                                                                "retry",  "snooze", "give_back", "suspend",
                                                                "answer", "cancel", "expire"};

struct Transition {
  State from;
  Event event;
  State to;
};

inline constexpr std::array transitions{
    Transition{State::scheduled, Event::due, State::ready},
    Transition{State::scheduled, Event::cancel, State::cancelled},
    Transition{State::scheduled, Event::expire, State::expired},
    Transition{State::ready, Event::award, State::leased},
    Transition{State::ready, Event::cancel, State::cancelled},
    Transition{State::ready, Event::expire, State::expired},
    Transition{State::leased, Event::succeed, State::succeeded},
    Transition{State::leased, Event::fail_final, State::failed},
    Transition{State::leased, Event::retry, State::scheduled},
    Transition{State::leased, Event::snooze, State::scheduled},
    Transition{State::leased, Event::give_back, State::ready},
    Transition{State::leased, Event::suspend, State::suspended},
    Transition{State::leased, Event::cancel, State::cancelled},
    Transition{State::leased, Event::expire, State::expired},
    Transition{State::suspended, Event::answer, State::ready},
    Transition{State::suspended, Event::snooze, State::scheduled},
    Transition{State::suspended, Event::succeed, State::succeeded},
    Transition{State::suspended, Event::fail_final, State::failed},
    Transition{State::suspended, Event::cancel, State::cancelled},
    Transition{State::suspended, Event::expire, State::expired},
};

constexpr std::optional<State> next_state(State from, Event event) {
  for (const auto& t : transitions)
    if (t.from == from && t.event == event) return t.to;
  return std::nullopt;
}

constexpr bool table_is_sound() {
  for (std::size_t i = 0; i < transitions.size(); ++i) {
    if (terminal(transitions[i].from)) return false;  // a terminal record never changes
    for (std::size_t j = 0; j < i; ++j)
      if (transitions[i].from == transitions[j].from && transitions[i].event == transitions[j].event)
        return false;
  }
  return true;
}
static_assert(table_is_sound());

}  // namespace hirehall::engine
