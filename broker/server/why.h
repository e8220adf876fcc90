// Why a task that is queued or suspended does not run. Each feature that can hold a task back says so in a
// function of its own: add it to the table in why.cpp, and its word to docs/explain.md.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/engine/engine.h"
#include "broker/server/task_reading.h"
#include "common/msgpack.h"

namespace hirehall::server {

struct Why {
  std::string_view what;  // a word of the closed list in docs/explain.md
  std::string message;    // for people
  using Value = std::variant<std::int64_t, std::string, std::vector<std::string>>;
  std::vector<std::pair<std::string_view, Value>> details = {};  // the same for programs
};

// What the functions look at.
struct Held {
  const engine::Engine& engine;
  Sequence sequence;
  const StoredTask& task;
  const engine::LoadedTask& loaded;  // state, place, tries, due
  std::uint32_t queue;               // of its lane

  const engine::Ledger& ledger() const { return engine.ledger(); }
  const engine::Lane& lane() const { return ledger().lanes.at(loaded.place.lane); }
  const engine::TaskClass& task_class() const { return ledger().classes.at(loaded.place.class_); }
};

// All that hold it back, the outermost first; never empty.
std::vector<Why> why_not_running(const engine::Engine& engine, Sequence sequence, const StoredTask& task,
                                 const engine::LoadedTask& loaded);
// Of a leased one: where it runs, and what is odd about that.
std::vector<Why> how_it_runs(const engine::Engine& engine, const engine::Lease& lease);

void write_whys(msgpack::Writer& w, const std::vector<Why>& whys);  // as an array of maps

}  // namespace hirehall::server
