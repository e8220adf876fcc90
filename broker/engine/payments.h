// What awards by auction cost, and what is given back when they come to nothing: a worker hands a task back
// that it has not begun (docs/limits.md, docs/usage.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/facts_frame.h"
#include "common/ids.h"

namespace hirehall::engine {

inline constexpr std::string_view auction_unit = "auction_paid";
inline constexpr std::string_view refund_unit = "auction_refunded";  // in the totals since ever only

// What awards of a lane by auction cost in one turn of the loop, by agent. Earlier versions wrote it: what it
// tells of is not given back, as it does not say which awards they were.
struct Settled {
  static constexpr auto kind = FactKind::settled;
  struct Payment {
    std::uint32_t lane = 0;
    std::string agent;
    std::int64_t micros = 0;
    template <typename A>
    void archive(A& a) {
      a(lane, agent, micros);
    }
  };
  std::vector<Payment> payments;
  template <typename A>
  void archive(A& a) {
    a(payments);
  }
};

// What the awards by auction of one turn of the loop cost: each of a choice as much.
struct Paid {
  static constexpr auto kind = FactKind::paid;
  struct Payment {
    std::uint32_t lane = 0;
    std::string agent;
    std::int64_t micros = 0;           // for one award
    std::vector<std::uint32_t> slots;  // of their leases
    template <typename A>
    void archive(A& a) {
      a(lane, agent, micros, slots);
    }
  };
  std::vector<Payment> payments;
  template <typename A>
  void archive(A& a) {
    a(payments);
  }
};

// Tasks that a worker hands back and has not begun, in the order of the ends that follow.
struct Unbegun {
  static constexpr auto kind = FactKind::unbegun;
  std::vector<Sequence> tasks;
  template <typename A>
  void archive(A& a) {
    a(tasks);
  }
};

// What leases were paid for, by slot, until they end.
class Payments {
 public:
  struct One {
    std::int64_t micros = 0;
    std::shared_ptr<const std::string> agent;
  };
  // Nothing for most of them.
  const One* of(std::uint32_t slot) const {
    return slot < by_slot_.size() && by_slot_[slot].micros != 0 ? &by_slot_[slot] : nullptr;
  }
  void note(std::uint32_t slot, std::int64_t micros, std::shared_ptr<const std::string> agent) {
    if (slot >= by_slot_.size()) by_slot_.resize(std::size_t{slot} + 1);
    by_slot_[slot] = {micros, std::move(agent)};
  }
  void forget(std::uint32_t slot) {
    if (slot < by_slot_.size()) by_slot_[slot] = {};
  }
  std::uint32_t slots() const { return static_cast<std::uint32_t>(by_slot_.size()); }

 private:
  std::vector<One> by_slot_;
};

}  // namespace hirehall::engine
