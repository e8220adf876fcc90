// Bulk work: one deed on all tasks that match, done by the broker a slice at a time. How far it is, is
// recorded in the commit of each slice, so it goes on after a restart where it was, and does nothing twice.
#pragma once

#include <cstdint>
#include <string>

#include "broker/engine/facts_frame.h"

namespace hirehall::engine {

enum class BulkVerb : std::uint8_t { cancel = 1, move = 2, retry = 3, purge = 4 };
enum class BulkState : std::uint8_t { running = 1, done = 2, stopped = 3, failed = 4 };
inline constexpr std::size_t bulk_verb_count = 5, bulk_state_count = 5;

constexpr bool known(BulkVerb verb) {
  return verb >= BulkVerb::cancel && verb <= BulkVerb::purge;
}
constexpr bool known(BulkState state) {
  return state >= BulkState::running && state <= BulkState::failed;
}

inline constexpr std::size_t bulks_running_max = 16;  // busy
inline constexpr std::size_t bulks_kept = 100;        // that have ended

// What is to be done, as it was asked for.
struct BulkOrder {
  BulkVerb verb = BulkVerb::cancel;
  std::string token;  // of who asked: the same again is the same work
  std::string where;
  std::string reason;
  std::string by;              // principal
  Millis grace_ms = 0;         // cancel: of running attempts
  std::uint32_t rate = 0;      // tasks per second; 0: as fast as it goes
  std::string queue;           // move, retry: there; empty: where it is
  std::uint32_t priority = 0;  // move, retry; 0: as it is
  bool edited = false;         // retry: with this input
  std::string payload;

  template <typename A>
  void archive(A& a) {
    a(verb, token, where, reason, by, grace_ms, rate, queue, priority, edited, payload);
  }
};

struct Bulk {
  BulkOrder order;
  Millis started = 0;
  Sequence until = 0;  // tasks submitted later are not touched
  BulkState state = BulkState::running;
  std::string cursor;        // where the next slice begins
  std::uint64_t done = 0;    // tasks that it was done to
  std::uint64_t passed = 0;  // matched, but came to be another way meanwhile, or could not be
  Millis ended = 0;
  std::string message;  // why it failed, or who stopped it

  template <typename A>
  void archive(A& a) {
    a(order, started, until, state, cursor, done, passed, ended, message);
  }
};

struct BulkOpened {
  static constexpr auto kind = FactKind::bulk_opened;
  std::uint64_t number = 0;
  BulkOrder order;
  Millis at = 0;
  Sequence until = 0;
  template <typename A>
  void archive(A& a) {
    a(number, order, at, until);
  }
};

// A slice is done; it stands in the commit of what it did.
struct BulkMoved {
  static constexpr auto kind = FactKind::bulk_moved;
  std::uint64_t number = 0;
  std::string cursor;
  std::uint64_t done = 0, passed = 0;  // so far
  template <typename A>
  void archive(A& a) {
    a(number, cursor, done, passed);
  }
};

struct BulkClosed {
  static constexpr auto kind = FactKind::bulk_closed;
  std::uint64_t number = 0;
  BulkState state = BulkState::done;
  Millis at = 0;
  std::string message;
  template <typename A>
  void archive(A& a) {
    a(number, state, at, message);
  }
};

}  // namespace hirehall::engine
