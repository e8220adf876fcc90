// Makes of the dispatcher's pick what the policy of the queue wants: another worker, or another agent of it.
// Pure: what was learned and the seed come in.
//
// The work for one award is bounded: of at most 16 free workers the least loaded of each agent (in an auction
// the one that offers best), and of those at most 8. What is believed of an agent is looked up once a turn.
// Short tasks of one shelf go in runs: one choice for as many as the winner does in a second.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/best_agents.h"
#include "scheduler/dispatcher.h"
#include "scheduler/handed_back.h"
#include "scheduler/policy.h"
#include "scheduler/prediction.h"
#include "scheduler/task_round.h"

namespace hirehall::scheduler {

// What a policy needs to know of the task at hand.
struct TaskAtHand {
  ClassNo cls = none;
  std::string_view type;
  std::string_view agent;                   // that it would like; empty: any
  std::string_view affinity_key;            // empty: none
  const Features* features = nullptr;       // nothing: it has none
  const HandedBack* handed_back = nullptr;  // by the worker of the award before
};

// One of the short list of a round of live bids: it is asked, or its price function answers for it.
struct Bidder {
  WorkerNo worker = none;
  std::uint64_t agent_hash = 0;
  std::string agent;
  bool live = false;  // it is asked
  enum class Said : std::uint8_t { nothing, bid, declined, invalid, gone } said = Said::nothing;
  Micros bid = 0;
};
std::string_view name_of(Bidder::Said said);

// Who was asked and takes no part in the award, and why: late, declined, invalid, gone or busy.
struct Absent {
  WorkerNo worker = none;
  std::string agent;
  std::string why;
};

// What is believed of a candidate without the features of the task, and how long it runs with them.
struct WithoutFeatures {
  double log_odds = 0;
  std::int64_t run_ms = 0;  // median; 0: not on record
  Micros cost = 0;
  std::int64_t run_ms_with = 0;
};

// The round in which a task was matched with others (task_round.h).
struct Matched {
  WorkerNo with = none;  // none: it was not
  RoundSum round;
};

// What an award rested on, to be told later: everything that it takes to work it out again.
struct Choice {
  Award award;
  PolicySettings settings;
  std::uint64_t outcomes = 0;  // how many were learned then
  std::uint64_t affinity = 0;
  std::vector<Candidate> candidates;  // as award.terms
  std::vector<std::string> agents;    // their names
  std::vector<Quote> quotes;          // auctions: what their bids are made of
  std::uint64_t over_reserve = 0;     // auctions: bids that the reserve kept out
  std::uint64_t round = 0;            // of live bids; 0: all are proxy bids
  std::vector<Absent> absent;         // of that round
  std::string features;               // of the task, encoded as it carries them; empty: none
  std::vector<WithoutFeatures> bare;  // of a task with features: of each candidate
  std::uint32_t wanted_labels = 0;    // that the task prefers; which of them each has: candidates
  WorkerNo handed_back_by = none;     // who had it before and takes no part
  WentTo went_to = WentTo::anew;
  Matched matched;  // candidates have slot prices then
};
// As it is stored beside its task.
void pack(const Choice& choice, std::string& out);  // at its end
std::string pack(const Choice& choice);
std::optional<Choice> unpack_choice(std::string_view packed);

// What a choice came to.
enum class Chose : std::uint8_t {
  nothing,  // there was nothing to choose, and the pick stands
  winner,   // the pick is what the policy chose, and choice() says why
  unsold,   // an auction in which nobody bids below the reserve: the task waits
};

class Chooser {
 public:
  static constexpr std::size_t candidates_max = 8;
  static constexpr std::uint32_t run_max = 32;  // tasks that one choice may be for
  static constexpr std::int64_t run_ms = 1000;  // … as long as they take no longer than this together

  // `learned` stays until the next turn; nothing: nothing was learned.
  void begin_turn(const Prediction* learned) {
    learned_ = learned;
    ++turn_;
  }
  // For the pick that `dispatcher.next()` has just given.
  Chose choose(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
               std::uint64_t seed, Pick& pick);

  // Rounds of live bids (chooser_rounds.cpp). The short list for the pick at hand; false: nobody of it can
  // be asked, or half of them finish such a task in less than `from_ms`.
  bool invite(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
              std::uint64_t seed, const Pick& pick, std::int64_t from_ms, std::vector<Bidder>& out);
  // The award among those who bid and are free now. nothing: nobody is left who takes part; unsold: all who
  // could said no, or ask more than the reserve.
  Chose settle(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
               std::uint64_t seed, std::uint64_t round, const std::vector<Bidder>& bidders, Pick& pick);

  // Rounds of tasks (chooser_matching.cpp). Who could take the task of the pick at hand, to be matched with
  // others; false: nobody bids what it is worth, or half of them finish it in less than `from_ms`.
  bool offer(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task, const Pick& pick,
             std::int64_t from_ms, RoundTask& out);
  // The award of one of them: by its own scores and the prices of the round. nothing: nobody who was offered
  // is free.
  Chose choose_matched(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                       const RoundTask& offered, const TaskRound& round, Pick& pick);

  const Choice& choice() const { return choice_; }
  // After `unsold`: the lowest bid, and of whose agent.
  Micros lowest() const { return lowest_; }
  const std::string& lowest_agent() const { return lowest_agent_; }

 private:
  struct Outlook {
    std::uint64_t agent = 0, turn = 0;
    ClassNo cls = none;
    std::int64_t log_odds_milli = 0, sd_milli = 0, p50_ms = 0;
    Micros cost = 0;         // as its attempts have told
    std::uint8_t noted = 0;  // bits of policies whose best agents know of it in this turn
  };
  Outlook& outlook(const Listed& listed, const TaskAtHand& task);
  void note_worth(Outlook& seen, const PolicySettings& settings, Candidate candidate);
  bool has_choice(const TaskAtHand& task) const;
  void pass_on(Dispatcher& dispatcher, const TaskAtHand& task, const Pick& pick);
  bool leave_out(WorkerNo worker);
  Chose choose_among_more(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                          std::uint64_t seed, Pick& pick);
  void list_two(Dispatcher& dispatcher, const Pick& pick);
  void keep_one_of_each_agent();
  void keep_best_offer_of_each_agent();
  bool half_take(std::int64_t from_ms, const TaskAtHand& task);
  void short_list(Dispatcher& dispatcher, Policy policy, const TaskAtHand& task, std::uint64_t seed,
                  const Pick& pick);
  void begin_anywhere(WorkerNo first, std::uint64_t seed);
  bool list_candidates(Dispatcher& dispatcher, const PolicySettings& settings, const TaskAtHand& task,
                       std::uint64_t seed, Pick& pick);
  void weigh(const PolicySettings& settings, const TaskAtHand& task);
  // Gives back how long it runs (chooser_features.cpp).
  std::int64_t add_features(const Listed& listed, const PolicySettings& settings, const TaskAtHand& task,
                            const Outlook& seen, Candidate& candidate);
  std::int64_t run_of_candidate(std::size_t index, const TaskAtHand& task);
  bool take_bids(const PolicySettings& settings, const TaskAtHand& task);
  Chose conclude(const PolicySettings& settings, const TaskAtHand& task, std::uint64_t seed, Pick& pick);
  std::uint32_t run_of(std::size_t winner, const TaskAtHand& task);

  const Prediction* learned_ = nullptr;
  std::uint64_t turn_ = 0;
  std::array<BestAgents, 4> best_;        // by policy: one that only watches changes nothing
  std::vector<std::uint64_t> best_here_;  // of the class at hand
  std::array<Outlook, 256> outlooks_{};   // by agent and class; a newcomer takes the place of another
  std::vector<Listed> listed_;
  Bidder second_;                    // whose bid of the award before holds, when its winner handed it back
  std::vector<const Bidder*> live_;  // beside listed_: whose own bid holds; empty: all are proxy bids
  std::vector<std::pair<std::uint64_t, ByFeatures>> by_features_;  // of the task at hand, by agent
  Choice choice_;
  Micros lowest_ = 0;
  std::string lowest_agent_;
};

}  // namespace hirehall::scheduler
