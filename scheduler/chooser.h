// Makes of the dispatcher's pick what the policy of the queue wants: another worker, or another agent of it.
// Pure: what was learned and the seed come in.
//
// The work for one award is bounded: of at most 16 free workers the least loaded of each agent, and of those
// at most 8. What is believed of an agent is looked up once a turn.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/dispatcher.h"
#include "scheduler/policy.h"
#include "scheduler/prediction.h"

namespace hirehall::scheduler {

// What a policy needs to know of the task at hand.
struct TaskAtHand {
  ClassNo cls = none;
  std::string_view type;
  std::string_view agent;         // that it would like; empty: any
  std::string_view affinity_key;  // empty: none
};

// What an award rested on, to be told later: everything that it takes to work it out again.
struct Choice {
  Award award;
  PolicySettings settings;
  std::uint64_t outcomes = 0;  // how many were learned then
  std::uint64_t affinity = 0;
  std::vector<Candidate> candidates;  // as award.terms
  std::vector<std::string> agents;    // their names
};
// For this process only: no stored form.
std::string pack(const Choice& choice);
std::optional<Choice> unpack_choice(std::string_view packed);

// The settings that awards by a policy have: a success is worth 1 unit, a second until the expected finish
// costs 0.01.
PolicySettings settings_of(Policy policy);

class Chooser {
 public:
  static constexpr std::size_t candidates_max = 8;

  // `learned` stays until the next turn; nothing: nothing was learned.
  void begin_turn(const Prediction* learned) {
    learned_ = learned;
    ++turn_;
  }
  // For the pick that `dispatcher.next()` has just given. False when there was nothing to choose, and the
  // pick stands. True: the pick is what the policy chose, for one task, and choice() says why.
  bool choose(Dispatcher& dispatcher, Policy policy, const TaskAtHand& task, std::uint64_t seed, Pick& pick);
  const Choice& choice() const { return choice_; }

 private:
  struct Outlook {
    std::uint64_t agent = 0, turn = 0;
    ClassNo cls = none;
    std::int64_t log_odds_milli = 0, sd_milli = 0, p50_ms = 0;
  };
  const Outlook& outlook(const Listed& listed, const TaskAtHand& task);
  void keep_one_of_each_agent();
  void begin_anywhere(WorkerNo first, std::uint64_t seed);
  bool list_candidates(Dispatcher& dispatcher, Policy policy, const TaskAtHand& task, std::uint64_t seed,
                       Pick& pick);

  const Prediction* learned_ = nullptr;
  std::uint64_t turn_ = 0;
  std::array<Outlook, 256> outlooks_{};  // by agent and class; a newcomer takes the place of another
  std::vector<Listed> listed_;
  Choice choice_;
};

}  // namespace hirehall::scheduler
