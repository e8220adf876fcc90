// Which of those who can do a task is awarded it. A policy is a pure function of the candidates, with all
// terms in integers: whoever adds up the printed terms again finds the same winner (I21).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "scheduler/dispatcher.h"
#include "scheduler/prices.h"

namespace hirehall::scheduler {

enum class Policy : std::uint8_t {
  least_loaded = 0,  // whoever holds the least for its slots
  sticky = 1,        // the same affinity key to the same worker, as long as that one has a free slot
  learned = 2,       // value · drawn chance − cost − λ · expected finish
  auction = 3,       // sealed bids: value · drawn chance − asked price − λ · expected finish
};
std::string_view name_of(Policy policy);
Result<Policy> policy_from(std::string_view name);

// Which of an auction's prices counts as paid.
enum class Settlement : std::uint8_t { second_price = 0, first_price = 1 };
std::string_view name_of(Settlement settlement);

struct PolicySettings {
  Policy policy = Policy::least_loaded;
  Micros value = micros_per_unit;            // what a success is worth
  Micros wait_price = 0;                     // λ: for each second until the expected finish
  Micros preference = micros_per_unit / 20;  // of each preferred label, and of the preferred agent
  std::uint32_t explore_percent = 70;        // how much of a belief's width chances are drawn from; 0: none
  Micros reserve = 0;                        // auction: who asks more takes no part; 0: all do
  Settlement settlement = Settlement::second_price;
};
// Refused by name: anything negative or so large that sums would not fit.
Status check(const PolicySettings& settings);

// All that policies know of a candidate.
struct Candidate {
  WorkerNo worker = none;
  std::uint16_t agent = 0;
  std::uint64_t load = 0;       // as in Pick
  std::uint32_t preferred = 0;  // preferred labels that it has, and 1 for the agent that is preferred
  std::uint32_t labels = 0;     // the labels of them
  std::uint64_t name_hash = 0;  // of the worker's name, for sticky
  double log_odds = 0, log_odds_sd = 0;  // belief about its success (SuccessBelief: log_odds, own_sd)
  Micros cost = 0;                       // what its work costs, as far as known
  Micros ask = 0;                        // its bid
  std::int64_t finish_ms = 0;            // expected: wait and run
  // Of a task that was matched with others of its turn (task_round.h):
  Micros slot_price = 0;       // what the others lose by its place
  std::uint64_t own_draw = 0;  // hash of its agent, whose chance is drawn apart from the list; 0: in turn
};

// The score of a candidate, term by term: value + preferred − cost − wait − slot_price. Greatest first; of
// equals the one with the lesser load, then the lesser number.
struct Terms {
  WorkerNo worker = none;
  std::uint16_t agent = 0;
  std::uint64_t load = 0;
  std::int64_t chance_ppm = 0;  // the drawn chance that the value was multiplied with
  std::int64_t value = 0, preferred = 0, cost = 0, wait = 0, slot_price = 0;
  std::int64_t score() const { return value + preferred - cost - wait - slot_price; }
};

struct Award {
  Policy policy = Policy::least_loaded;
  std::uint64_t seed = 0;
  std::vector<Terms> terms;                       // one for each candidate
  std::uint32_t winner = none, runner_up = none;  // indices into terms
  // Auctions: what the winner asked, and the most it could have asked and still won.
  Micros first_price = 0, second_price = 0;
  Micros paid = 0;  // the one of them that the settings say
};

// What it would cost to give the task to the candidate: its cost or bid, and the wait.
Micros burden(const PolicySettings& settings, const Candidate& candidate);

// Nobody wins among nobody. Same arguments, same award. `affinity` is a hash of the task's affinity key.
Award decide(const PolicySettings& settings, const std::vector<Candidate>& candidates, std::uint64_t seed,
             std::uint64_t affinity = 0);

std::uint64_t hash_of(std::string_view name);  // the same everywhere; never 0
// How much a worker draws the tasks of an affinity key (hashes of both).
std::int64_t pull_of(std::uint64_t affinity, std::uint64_t worker);

// The winner by the printed terms alone.
std::uint32_t winner_of(const std::vector<Terms>& terms);

// The chance that candidate `index` is chosen, over all seeds. least_loaded and sticky are certain.
double propensity(const PolicySettings& settings, const std::vector<Candidate>& candidates,
                  std::uint32_t index);

// One line for the award and one for each candidate, `name=value` each; what `task explain` shows.
std::string explain(const Award& award);

// What another policy would have done with the same task, without doing it.
struct Shadow {
  Award award;
  bool agrees = false;
};
Shadow shadow(const PolicySettings& settings, const std::vector<Candidate>& candidates, std::uint64_t seed,
              std::uint64_t affinity, const Award& real);

}  // namespace hirehall::scheduler
