// The breakers of agents and of the outside services that agents share: one of each name for the whole fleet,
// fed by how attempts end. In memory only: after a restart all are closed.
//
// While some breaker is not closed, agents are offered to the dispatcher otherwise than they registered
// (fits): who is not admitted does nothing, and the first fallback that is there and admitted does his types.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/records.h"
#include "scheduler/dispatcher.h"
#include "scheduler/guard.h"

namespace hirehall::engine {

enum class BreakerOf : std::uint8_t { agent = 0, service = 1 };
std::string_view name_of(BreakerOf of);
tl::unexpected<Error> no_breaker(BreakerOf of, const std::string& name);

struct BreakerRow {
  scheduler::Breaker breaker;
  std::uint32_t round = 0;       // rises when it opens or closes: probes from before say nothing then
  std::uint64_t opened = 0;      // how often
  Millis since = 0;              // opened or closed last; 0: it never was anything but closed
  std::vector<Sequence> failed;  // tasks that failed since the last success
  std::string error;             // of the failure that counted last, or why it was opened by hand

  scheduler::BreakerState state(Millis now) const { return breaker.state(now); }
};
using BreakerRows = std::map<std::string, BreakerRow, std::less<>>;  // by name

struct GuardedAgent {
  BreakerRow* own = nullptr;
  std::vector<std::pair<std::string, BreakerRow*>> services;
  std::vector<std::string> fallbacks;

  template <typename Visit>
  void each_row(Visit&& visit) const {
    if (own != nullptr) visit(*own);
    for (const auto& service : services) visit(*service.second);
  }
};

// How the end of an attempt looks to a breaker.
struct AttemptEnd {
  std::uint64_t token = 0;
  Sequence sequence = 0;
  std::string_view agent;
  Outcome outcome = Outcome::succeeded;
  bool stopped = false;  // it was told to end: how it failed says nothing
  std::string_view service, error_code, error;
  Millis delay_ms = 0;
};

// Who is there: agents of connected workers, with the types they list.
struct AgentOffer {
  bool takes_work = false;  // of a worker that does not drain
  std::set<std::string> types;
};
using AgentOffers = std::map<std::string, AgentOffer, std::less<>>;

struct AgentFit {
  bool out = false;             // it gets nothing
  std::set<std::string> types;  // that it does besides, as somebody's fallback
  bool operator==(const AgentFit&) const = default;
};
using AgentFits = std::map<std::string, AgentFit, std::less<>>;  // agents that are offered as they are: none

// Why an agent that could do a task is offered none.
struct KeptOut {
  std::string agent, service;  // the latter: whose breaker it is, when not its own
  std::string state;           // open, half_open, paused
  std::string error;
  Millis until = 0;
  std::vector<std::string> fallbacks;
};

class Breakers {
 public:
  bool empty() const { return guarded_.empty(); }
  bool disturbed() const { return disturbed_; }  // some breaker does not admit all
  bool due(Millis now) const { return stale_ || now >= look_at_; }
  Millis look_at() const { return stale_ ? 0 : look_at_; }

  void guard(const std::string& agent, const scheduler::Guard& guard);
  void forget(const std::string& agent);
  const GuardedAgent* guarded(std::string_view agent) const;
  const std::map<std::string, GuardedAgent, std::less<>>& all_guarded() const { return guarded_; }
  const BreakerRows& rows(BreakerOf of) const { return of == BreakerOf::agent ? agents_ : services_; }

  // So many more attempts may begin.
  std::uint32_t room(std::string_view agent, Millis now) const;
  // The first of its fallbacks that is there and admitted; null: none is.
  const std::string* stand_in(const GuardedAgent& guarded, const AgentOffers& offers, Millis now) const;
  void began(std::string_view agent, std::uint64_t token, Millis now);
  void ended(const AttemptEnd& end, Millis now);
  bool reset(BreakerOf of, const std::string& name, Millis now);  // false: there is none
  bool trip(BreakerOf of, const std::string& name, Millis for_ms, std::string_view reason, Millis now);

  void fleet_changed() { stale_ = stale_ || disturbed_; }
  // Looks at the clock and at who is there; the agents whose fit is another one now.
  std::set<std::string> fit(const AgentOffers& offers, Millis now);
  bool altered() const { return !fits_.empty(); }
  bool is_out(std::string_view agent) const {
    auto at = fits_.find(agent);
    return at != fits_.end() && at->second.out;
  }
  KeptOut why_out(std::string_view agent, Millis now) const;
  // What the dispatcher is told of a worker; `types`: those it may do.
  scheduler::WorkerSpec fitted(const scheduler::WorkerSpec& spec,
                               const std::optional<std::vector<std::string>>& types) const;

 private:
  struct Probe {
    BreakerRow* row = nullptr;
    std::uint32_t round = 0;
  };
  void feed(BreakerRow& row, const AttemptEnd& end, bool probe, bool speaks, Millis now);
  void count_failure(BreakerRow& row, const AttemptEnd& end, Millis now);
  void changed(BreakerRow& row, Millis now);
  void forget_row(BreakerRows& rows, const std::string& name);
  void drop_idle_services();

  std::map<std::string, GuardedAgent, std::less<>> guarded_;
  BreakerRows agents_, services_;
  std::map<std::uint64_t, std::vector<Probe>> probes_;  // by token
  AgentFits fits_;
  bool disturbed_ = false, stale_ = false;
  Millis look_at_ = never;
  static constexpr Millis never = INT64_MAX;
};

}  // namespace hirehall::engine
