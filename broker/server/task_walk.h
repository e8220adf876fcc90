// A walk over tasks or dead letters, for lists, counts, groups and bulk work: which, then what about them.
// Bounded per call, with a cursor that stays good whatever comes and goes meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/server/principals.h"
#include "broker/server/task_reading.h"
#include "common/where.h"

namespace hirehall::server {

inline constexpr std::uint64_t walk_looked_at_max = 20000;
inline constexpr std::size_t walk_rows_max = 2000;  // whose details are read in one call

struct TaskWalk {
  // What is asked.
  std::shared_ptr<const Principal> principal;  // whose tenants count
  bool dead = false;                           // dead letters
  bool newest_first = false;
  bool open = false;  // only what has not ended
  bool payloads = false;
  bool fingerprints = false;
  std::optional<std::uint32_t> queue;
  std::optional<State> state;
  std::string tenant, type, batch;
  Where where;
  bool selective = false;  // there is a where: many rows may have to be looked at for one that fits
  std::string cursor;      // the first one to look at; empty: from the beginning
  std::size_t rows_max = walk_rows_max;
  std::uint64_t looked_at_max = walk_looked_at_max;
  Sequence from = 0;           // only those from this one on
  Sequence until = 0;          // only those before; 0: all
  std::function<void()> then;  // on the command thread, when this part is walked

  // What was found.
  struct Row {
    Sequence sequence = 0;
    std::uint32_t lane = 0, class_ = 0;
    std::string key;  // a cursor that begins with it
    bool ended = false, leased = false;
    std::uint64_t ended_in = 0;
    engine::Tries tries;
    std::string queue, tenant, type, worker;  // names
    std::string fingerprint;
    State state = State::ready;
    std::unique_ptr<StoredTask> task;  // most rows never have it
  };
  std::vector<Row> rows;  // those that fit, in order
  std::string next;       // cursor of the next part …
  bool more = false;      // … if there is one
  std::uint64_t scanned = 0;
  std::uint64_t view_commit = 0;  // of the details
  Millis now = 0;
  std::optional<Error> error;

  bool fits(const Row& row) const;
};

// The error of the last attempt: code and text; empty when it has none.
std::pair<std::string, std::string> error_of(const StoredTask& task);

}  // namespace hirehall::server
