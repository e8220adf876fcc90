// The kinds of facts, and the facts of the frame in which tasks live: time, queues, lanes, classes, pauses,
// agents. Numbers are never reused; a field is added at the end of a fact by giving it a new fact number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/engine/archive.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/task.h"

namespace hirehall::engine {

enum class FactKind : std::uint8_t {
  time = 1,
  queue_set = 2,
  lane_defined = 3,
  class_defined = 4,
  producer_opened = 5,
  producer_closed = 6,
  submitted = 7,
  awarded = 8,
  ended = 9,
  worker_opened = 10,
  worker_closed = 11,
  became_due = 12,
  dropped = 13,
  stop_asked = 14,
  paused = 15,
  spilled = 16,
  paged = 17,
  checkpointed = 19,
  replayed = 20,
  reclaimed = 21,
  kept_longer = 22,
  agent_defined = 23,
  agent_forgotten = 24,
  queue_filed = 25,
  dead_purged = 26,
  decided = 27,
  asked = 28,
  batch_defined = 29,
  batch_closed = 30,
  batch_completed = 31,
  batch_forgotten = 32,
  schedule_set = 40,
  schedule_deleted = 41,
  schedule_ticked = 42,
  schedule_held = 43,
  schedule_filed = 44,
  schedule_triggered = 45,
  limit_defined = 47,
  limit_deleted = 48,
  limit_held = 49,
  pause_set = 50,
  bulk_opened = 51,
  bulk_moved = 52,
  bulk_closed = 53,
  incarnated = 60,
  audited = 61,
  superseded = 62,
  coalesced = 63,
  budget_set = 64,
  budget_deleted = 65,
  settled = 78,
  paid = 79,
  unbegun = 80,
};
// Of a part, one record of the family facts. 2: ends tell how long ago their award was,
// 3: what is reclaimed names the stragglers that go, 4: queues say what has to be approved.
inline constexpr std::uint8_t facts_part_version = 4;

// Numbers are given out in ranges, so there are holes between them.
constexpr bool known_fact(std::uint8_t kind) {
  return (kind >= 1 && kind <= 32) || (kind >= 40 && kind <= 45) || (kind >= 47 && kind <= 53) ||
         (kind >= 60 && kind <= 65) || (kind >= 78 && kind <= 80);
}

struct TimeFact {
  static constexpr auto kind = FactKind::time;
  Millis now = 0;
  template <typename A>
  void archive(A& a) {
    a(now);
  }
};

struct QueueSettings {
  std::uint32_t weight = 1;
  std::uint64_t cap = 0;
  std::string policy = "least_loaded";
  Millis retention_ms = 24ll * 3600 * 1000;
  std::uint64_t retention_bytes = 16ull << 30;
  Millis timeout_ms = 0;
  Millis aging_ms = 60000;
  std::uint8_t approval = 0;  // points at which tasks have to be approved, see common/approval.h
  Millis approval_timeout_ms = 0;
  std::uint8_t approval_on_timeout = 0;
  std::map<std::string, std::uint32_t, std::less<>> tenants;  // weights
  std::map<std::string, std::uint32_t, std::less<>> limits;   // of limit keys

  template <typename A>
  void archive(A& a) {
    a(weight, cap, policy, retention_ms, retention_bytes, timeout_ms, aging_ms, approval, approval_timeout_ms,
      approval_on_timeout, tenants, limits);
  }
  friend bool operator==(const QueueSettings&, const QueueSettings&) = default;
};

struct QueueSet {
  static constexpr auto kind = FactKind::queue_set;
  std::uint32_t queue = 0;
  std::string name;
  QueueSettings settings;
  template <typename A>
  void archive(A& a) {
    a(queue, name, settings);
  }
};

// What the file of queues says of one: what differs from it was set by hand.
struct QueueFiled {
  static constexpr auto kind = FactKind::queue_filed;
  std::uint32_t queue = 0;
  std::map<std::string, std::int64_t, std::less<>> values;
  template <typename A>
  void archive(A& a) {
    a(queue, values);
  }
};

struct LaneDefined {
  static constexpr auto kind = FactKind::lane_defined;
  std::uint32_t lane = 0;
  std::uint32_t queue = 0;
  std::string tenant;
  template <typename A>
  void archive(A& a) {
    a(lane, queue, tenant);
  }
};

struct ClassDefined {
  static constexpr auto kind = FactKind::class_defined;
  std::uint32_t class_ = 0;
  std::string type;
  std::string requirements;  // as encoded options
  template <typename A>
  void archive(A& a) {
    a(class_, type, requirements);
  }
};

struct Paused {
  static constexpr auto kind = FactKind::paused;
  bool on = true;
  std::string queue;  // empty: any
  std::string type;
  std::string tenant;
  std::string reason;
  template <typename A>
  void archive(A& a) {
    a(on, queue, type, tenant, reason);
  }
};

// As Paused, and who did it.
struct PauseSet {
  static constexpr auto kind = FactKind::pause_set;
  bool on = true;
  std::string queue;  // empty: any
  std::string type;
  std::string tenant;
  std::string reason;
  std::string by;  // principal
  Millis at = 0;
  template <typename A>
  void archive(A& a) {
    a(on, queue, type, tenant, reason, by, at);
  }
};

// A definition that a worker brought first: name and version stand for this digest from here on.
struct AgentDefined {
  static constexpr auto kind = FactKind::agent_defined;
  std::string name, version, digest;
  std::vector<std::string> types;
  std::string by;  // principal
  Millis at = 0;
  template <typename A>
  void archive(A& a) {
    a(name, version, digest, types, by, at);
  }
};

struct AgentForgotten {
  static constexpr auto kind = FactKind::agent_forgotten;
  std::string name, version;
  template <typename A>
  void archive(A& a) {
    a(name, version);
  }
};

// The store came out of a backup, or lost commits that it had acknowledged. Ids, tokens, workers and sessions
// of that future are known outside: none of them is given again.
struct Incarnated {
  static constexpr auto kind = FactKind::incarnated;
  std::uint16_t incarnation = 1;
  Sequence first = 1;         // sequences from here on belong to it
  std::uint64_t counter = 1;  // of tokens, from here on
  template <typename A>
  void archive(A& a) {
    a(incarnation, first, counter);
  }
};

}  // namespace hirehall::engine
