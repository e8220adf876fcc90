// Batches: tasks that were submitted under one name, counted together (docs/batches.md).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/engine/facts.h"

namespace hirehall::engine {

// The first task of this name of this tenant comes.
struct BatchDefined {
  static constexpr auto kind = FactKind::batch_defined;
  std::uint32_t batch = 0;
  std::string tenant, name;
  template <typename A>
  void archive(A& a) {
    a(batch, tenant, name);
  }
};

// No further tasks; once all have ended this one is submitted, if there is one.
struct BatchClosed {
  static constexpr auto kind = FactKind::batch_closed;
  std::uint32_t batch = 0;
  bool completes = false;
  std::string options;  // encoded, of the completion task
  bool with_payload = false;
  std::string payload;  // else it tells the counts
  template <typename A>
  void archive(A& a) {
    a(batch, completes, options, with_payload, payload);
  }
};

// All tasks of a closed batch have ended. The completion task, if any, is submitted in the same commit.
struct BatchCompleted {
  static constexpr auto kind = FactKind::batch_completed;
  std::uint32_t batch = 0;
  Sequence task = 0;
  template <typename A>
  void archive(A& a) {
    a(batch, task);
  }
};

struct BatchForgotten {
  static constexpr auto kind = FactKind::batch_forgotten;
  std::uint32_t batch = 0;
  template <typename A>
  void archive(A& a) {
    a(batch);
  }
};

struct Batch {
  std::string tenant, name;
  std::uint64_t total = 0;  // ever submitted, retries of failed ones included
  std::uint64_t open = 0;
  std::array<std::uint64_t, state_count> ended{};  // by terminal state
  Sequence first = 0, last = 0;                    // its tasks lie between these
  Millis created = 0;
  Millis at_rest = 0;  // since when it has no open task; 0: it has some
  bool closed = false;
  bool completed = false;
  BatchClosed completion;
  Sequence completion_task = 0;  // 0: none (yet)
  bool over() const { return open == 0 && closed == completed; }
  template <typename A>
  void archive(A& a) {
    a(tenant, name, total, open, first, last, created, at_rest, closed, completed, completion,
      completion_task);
    for (auto& n : ended) a(n);
  }
};
using BatchName = std::pair<std::string, std::string>;  // tenant and name
struct BatchNameLess {
  using is_transparent = void;
  using View = std::pair<std::string_view, std::string_view>;
  static View view(const BatchName& name) { return {name.first, name.second}; }
  static View view(const View& name) { return name; }
  bool operator()(const auto& a, const auto& b) const { return view(a) < view(b); }
};

}  // namespace hirehall::engine
