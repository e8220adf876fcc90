// Limits with a name: how many tasks run at once, and how many begin in a time, over queues or for each of
// something (docs/limits.md).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/facts_frame.h"
#include "common/ids.h"
#include "common/task.h"

namespace hirehall::engine {

struct Line;

inline constexpr std::size_t limits_max = 1000;  // busy: each is looked at for each new set of keys
inline constexpr std::size_t rates_max = 4;      // invalid: of one limit
inline constexpr Millis rate_window_ms_min = 100;
inline constexpr Millis rate_window_ms_max = 31ll * 24 * 3600 * 1000;
inline constexpr Millis until_resumed = INT64_MAX;

struct Rate {
  std::uint32_t units = 0;  // awards
  Millis window_ms = 0;
  template <typename A>
  void archive(A& a) {
    a(units, window_ms);
  }
  friend bool operator==(const Rate&, const Rate&) = default;
};

// Which tasks it counts (empty: any; a final * stands for any ending), and what it allows them.
struct LimitRule {
  std::string queue, type, tenant, key;
  std::string per;  // queue, type, tenant or key: each has a budget of its own; empty: one for all
  std::uint32_t concurrency = 0;  // 0: none
  std::vector<Rate> rates;

  template <typename A>
  void archive(A& a) {
    a(queue, type, tenant, key, per, concurrency, rates);
  }
  bool same_tasks(const LimitRule& o) const {
    return queue == o.queue && type == o.type && tenant == o.tenant && key == o.key && per == o.per;
  }
  friend bool operator==(const LimitRule&, const LimitRule&) = default;
};

struct Limit {
  LimitRule rule;
  std::string by;
  Millis created = 0, changed = 0;
  Millis paused_until = 0;  // until_resumed: for good
  std::string pause_reason;
  template <typename A>
  void archive(A& a) {
    a(rule, by, created, changed, paused_until, pause_reason);
  }
};
using Limits = std::map<std::string, Limit, std::less<>>;

// What was used of a rate: a count for each sixteenth of its window. One is given back when all of it lies a
// whole window behind, so that no stretch of that length, wherever it begins, ever sees more than the rate.
class Window {
 public:
  explicit Window(const Rate& rate) : rate_(rate), piece_ms_((rate.window_ms + pieces - 1) / pieces) {}

  void count(Millis now);
  // What was counted at `at` was for nothing: its unit is given back, unless time has done so, and never more
  // of them within a window than the rate is. So whatever is said to be for nothing, no stretch of that
  // length sees more than twice the rate.
  bool give_back(Millis at, Millis now);
  std::uint32_t used(Millis now) const;
  bool full(Millis now) const { return sum_ >= rate_.units && used(now) >= rate_.units; }
  // So many more are allowed at any later time, if no other is counted before.
  std::uint32_t spare() const { return rate_.units - std::min(rate_.units, sum_); }
  Millis opens_at(Millis now) const;  // when there is room again; now: there is
  const Rate& rate() const { return rate_; }
  void set_units(std::uint32_t units) { rate_.units = units; }

  // What is not yet given back, oldest first: piece and count.
  struct Piece {
    std::int64_t number = 0;
    std::uint32_t count = 0;
    template <typename A>
    void archive(A& a) {
      a(number, count);
    }
  };
  std::vector<Piece> pieces_at(Millis now) const;
  std::vector<Piece> given_at(Millis now) const;  // by the time of giving back
  void restore(const std::vector<Piece>& pieces, std::vector<Piece> given);
  bool blank(Millis now) const { return used(now) == 0 && given_at(now).empty(); }

 private:
  static constexpr std::int64_t pieces = 16;
  std::uint32_t& at(std::int64_t piece) { return counts_[static_cast<std::size_t>(piece % (pieces + 1))]; }
  void advance(std::int64_t piece);

  Rate rate_;
  Millis piece_ms_;
  std::int64_t newest_ = 0;
  std::uint32_t sum_ = 0;  // beside what each award reads; a cell of the counts is far enough
  std::array<std::uint32_t, pieces + 1> counts_{};
  std::vector<Piece> given_;  // oldest first; those a whole window ago do not count
};

// Lines by (max - priority, front).
using LineOrder = std::map<std::pair<std::uint32_t, Sequence>, Line*>;

// One budget: of a limit, or of a queue's limit key. Lines that it holds back wait here. What every task that
// passes looks at comes first: of 10,000 gates each is out of the cache when its turn comes.
struct alignas(64) Gate {
  std::uint32_t max = 0, running = 0;
  Millis paused_until = 0;
  std::uint32_t spare =
      UINT32_MAX;          // so many more pass all windows whatever the time is; at 0 they are asked
  std::uint32_t held = 0;  // lines in `waiting`; not durable
  bool opening = false;    // among the ledger's `opened`; not durable
  std::vector<Window> windows;

  std::string key;          // under which it is found
  std::string limit;        // name of the limit, or the queue's key
  std::string value;        // of what the limit is per
  std::uint32_t users = 0;  // sets

  // How the owner sees it; not durable. By (lane, class): in each its lines in order.
  std::map<std::pair<std::uint32_t, std::uint32_t>, LineOrder> waiting;
  std::pair<std::uint32_t, std::uint32_t> cursor{};
  Millis look_at = 0;  // the owner looks again at this time

  bool crowded() const { return max != 0 && running >= max; }
  bool full(Millis now) const { return crowded() || paused_until > now || (spare == 0 && used_up(now)); }
  bool used_up(Millis now) const;         // a rate is
  void count(Millis now);                 // an award
  bool give_back(Millis at, Millis now);  // of an award then; whether some window has
  void find_spare();                      // after a change of the windows
  std::uint32_t room(Millis now) const;
  Millis opens_at(Millis now) const;  // now: it is open, or only the end of a task opens it
  bool idle(Millis now) const;        // nothing of it has to be remembered
};

std::string queue_gate_key(std::uint32_t queue, std::string_view name);
std::string limit_gate_key(std::string_view limit, std::string_view value);
inline constexpr char limit_gate_tag = 'n';

// The pattern of a rule.
inline bool covers(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return true;
  if (pattern.back() == '*') return text.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == text;
}

// --- facts ---

struct LimitDefined {
  static constexpr auto kind = FactKind::limit_defined;
  std::string name;
  LimitRule rule;
  std::string by;
  template <typename A>
  void archive(A& a) {
    a(name, rule, by);
  }
};

struct LimitDeleted {
  static constexpr auto kind = FactKind::limit_deleted;
  std::string name;
  template <typename A>
  void archive(A& a) {
    a(name);
  }
};

// No award of what it counts before `until`; 0 ends that.
struct LimitHeld {
  static constexpr auto kind = FactKind::limit_held;
  std::string name;
  Millis until = 0;
  std::string reason;
  template <typename A>
  void archive(A& a) {
    a(name, until, reason);
  }
};

}  // namespace hirehall::engine
