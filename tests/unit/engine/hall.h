// The engine with everything around it played by hand: a store that is a few maps, workers that do what a
// test says, and a clock that a test moves.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/engine/engine.h"

namespace hirehall::engine {

// What commits leave behind, and the reads that the engine's owner makes of it.
class Kept {
 public:
  std::uint64_t commit = 0;
  std::map<Sequence, std::string> bodies;
  std::map<std::uint64_t, std::vector<std::string>> facts;
  std::map<Shelving, std::map<std::string, std::string>> shelves;

  void keep(const Draft& draft);
  std::optional<std::string> at(Shelving where, const std::string& key) const;
  Result<BodyRecord> body_record(Sequence sequence) const;
  FoundBody body(Sequence sequence) const;
  std::vector<PageEntry> page(std::uint64_t line, std::uint64_t page) const;
  LoadedTask task(Sequence sequence) const;
  bool dead(std::uint32_t queue, Sequence sequence) const;
  FoundKeys found(const std::vector<std::string>& keys) const;
  // An engine that has read this: from the last snapshot on, or all facts from the first.
  std::unique_ptr<Engine> recovered(const Engine::Settings& settings, bool from_snapshot) const;

 private:
  void replay(Engine& engine, std::uint64_t after) const;
};

struct Hand {
  std::uint32_t number = 0;
  std::string token;
  std::vector<std::string> types;
  std::string agent;  // its only one
  std::uint32_t credit = 0;
  QueueScope queues;                                        // that it may serve
  std::shared_ptr<const scheduler::Guard> guard = nullptr;  // of its agent
  std::uint32_t slots = 0;                                  // 0: as many as credit
  bool timed = false;                                       // it says how long attempts ran
  StringMap resources = {};                                 // that it offers
  std::uint64_t last_award = 0;
  std::uint64_t finishes = 0;
  std::deque<AwardOut> awards;  // arrived and not answered, in order
  std::vector<StopOut> stops;
  std::vector<std::uint64_t> lost;
};

class Hall {
 public:
  // Told of each commit before anything else knows it, with the engine that made it.
  using Committing = std::function<void(const Draft&, const Engine&)>;
  explicit Hall(Engine::Settings settings = {}, Committing committing = {});

  // Inputs. A name of a task is its payload.
  std::uint64_t producer();
  Result<SubmitAnswer> submit_batch(const std::vector<std::pair<TaskOptions, std::string>>& tasks,
                                    bool atomic = false);
  Sequence submit(const std::string& name, TaskOptions options = {});  // fails the test when it is refused
  Exception refused(const std::string& name, TaskOptions options);     // fails the test when it is not
  Hand& hire(std::vector<std::string> types, std::uint32_t credit = 1, const std::string& agent = "agent",
             std::shared_ptr<const scheduler::Guard> guard = nullptr);
  std::vector<std::uint64_t> come_back(Hand& hand, const std::vector<std::uint64_t>& holding);
  Code finish(Hand& hand, const AwardOut& award, FinishItem item = {});
  Code finish(Hand& hand, const AwardOut& award, Outcome outcome);
  Code cancel(Sequence sequence, const std::string& reason = "enough");
  Code answer(Sequence sequence, const std::string& value);
  Code decide(Sequence sequence, Deed deed, const std::string& value = {});
  void beat(Hand& hand);

  // Time goes on, in steps short enough for an owner that never stalls; workers beat when asked to.
  void pass(Millis ms, bool beating = true);
  // One turn of the owner: what was decided is committed, durable, and what was wanted is read.
  void turn();
  void restart(bool from_snapshot = true);

  // Looking.
  AwardOut award(Hand& hand);  // the next one; fails the test when there is none
  std::string name(const AwardOut& award) const { return name(award.sequence); }
  std::string name(Sequence sequence) const;
  State state(Sequence sequence) const;
  std::string saved() const;
  const EndingOut& ended(Sequence sequence) const { return endings.at(sequence).out; }
  std::string error_of(Sequence sequence) const { return endings.at(sequence).code; }

  Millis now = 1'000'000;
  Millis wall = 0;                                 // the wall clock is so far ahead of engine time
  bool full = false;                               // the disk is
  const scheduler::Prediction* learned = nullptr;  // of the agents
  struct Chosen {
    Sequence sequence = 0;
    std::uint32_t attempt = 1;
    std::string packed;
  };
  std::vector<Chosen> choices;  // of awards, in order
  std::vector<CallOut> calls;   // for bids
  Engine::Settings settings;
  Kept kept;
  std::unique_ptr<Engine> engine;
  struct Ended {
    EndingOut out;
    std::string code, result;
  };
  std::map<Sequence, Ended> endings;
  std::deque<Hand> hands;
  std::map<Sequence, std::string> payloads;  // that came with the last award
  bool slow_reads = false;                   // what was read waits in `reads` for the test
  std::deque<std::function<void()>> reads;
  // Forgets ended tasks with copies of those that stay, and stragglers that have ended.
  bool reclaim(std::size_t segments);

 private:
  void begin();
  void collect();
  void read_wanted();
  Committing committing_;
  std::uint64_t producer_ = 0;
  std::uint64_t batch_ = 0;
  std::uint64_t names_ = 0;
};

TaskOptions echo();

}  // namespace hirehall::engine
