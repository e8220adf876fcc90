// Reading what the store has of tasks: bodies, pages, attempts, results. Runs on the reader thread, on a
// view.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/engine/engine.h"
#include "broker/store/store.h"

namespace hirehall::server {

// A body record found once serves the neighbours that are asked for next.
class BodyFinder {
 public:
  BodyFinder(const store::View& view, engine::TemplatePool& pool) : view_(view), pool_(pool) {}
  explicit BodyFinder(const store::View& view) : BodyFinder(view, own_) {}

  struct Found {
    engine::ChunkRef chunk;
    std::uint32_t offset = 0;
    Millis submitted = 0;
  };
  // Nothing when the task is not stored (any more). With its payload as it is now, if it was edited.
  Result<std::optional<Found>> find(Sequence sequence);
  Result<std::optional<Found>> find_straggler(Sequence sequence);
  Result<engine::BodyRecord> record(Sequence sequence);  // that holds it; corrupt when there is none

 private:
  Result<std::optional<Found>> edited(Sequence sequence, Found found) const;

  const store::View& view_;
  engine::TemplatePool own_;
  engine::TemplatePool& pool_;
  std::optional<engine::BodyRecord> last_;
};

// With checkpoint and answer when the entry is to be awarded again.
// Nothing when it is not stored (any more).
Result<std::optional<engine::FoundBody>> read_body(const store::View& view, BodyFinder& finder,
                                                   Sequence sequence);
Error missing_body(Sequence sequence);
Result<std::vector<std::vector<engine::PageEntry>>> read_pages(const store::View& view,
                                                               engine::TemplatePool& pool,
                                                               const engine::PageWanted& wanted);

struct StoredAttempt {
  std::uint32_t attempt = 0;
  engine::AttemptRecord record;
};

// The end of a task as its fact tells it.
struct StoredEnd {
  State state = State::succeeded;
  Outcome outcome = Outcome::succeeded;
  bool attempted = true;  // false: dropped from a queue
  Millis at = 0;
  std::uint32_t worker = 0;
  std::uint32_t lane = 0;
  engine::Tries tries;
  std::uint64_t awarded_ago = 0;  // commits
  std::string result, result_type, error_code, error, usage, reason;
};

// How the attempt that ended a task came to its worker.
struct StoredAward {
  Millis started = 0;
  engine::Reasons reasons;
};

struct StoredTask {
  TaskOptions options;
  std::string payload;
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint8_t priority = 0;
  Millis submitted = 0;
  std::vector<StoredAttempt> attempts;
  bool scheduled = false;
  std::optional<engine::QuestionRecord> question;  // while it is suspended
  std::vector<engine::DecisionRecord> decisions;   // in order of the attempts they were about
  std::uint64_t view_commit = 0;                   // of the picture it was read from
  bool dead = false;
  std::uint64_t coalesced = 0;  // submissions that became part of it
  std::optional<StoredEnd> end;
  // Asked for with the award:
  std::optional<StoredAward> award;  // of the attempt that ended it
  std::map<std::uint32_t, std::string>
      choices;  // what awards rested on, by attempt, as scheduler::pack made it

  engine::Place place() const;
};

// `ended_in`: the commit when it is known to the caller; 0 = look in the result tables, if `ended`.
Result<std::optional<StoredTask>> read_task(const store::View& view, BodyFinder& finder, Sequence sequence,
                                            bool ended, std::uint64_t ended_in, bool with_award = false);
// Fills in body and, of a dead letter, end; false when one is not there.
Result<bool> copy_straggler(const store::View& view, BodyFinder& finder, engine::Straggler& straggler,
                            std::uint64_t ended_in);
engine::LoadedTask loaded_task(const StoredTask& task, std::uint64_t view_commit);

// Calls visit for the endings in the facts of `commit`, in order; false when it stopped early.
Status each_ending(const store::View& view, std::uint64_t commit,
                   const std::function<void(Sequence, std::uint64_t producer, const StoredEnd&)>& visit);

}  // namespace hirehall::server
