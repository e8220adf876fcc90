// What an open breaker promises: its agent gets nothing while it is open, and then no more than its probes.
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/worker_host.h"

namespace hirehall::sim {

using wire::Kind;

namespace {

constexpr Millis wall_of_worlds = 1'700'000'000'000;  // the wall clock when a world begins

}  // namespace

void Model::read_breaker_frame(const std::string& routing, std::uint64_t request, Asked& asked,
                               std::string_view body) {
  asked.scope = read_text(body, "name");
  asked.number = read_number_or(body, "for_ms", 0);
  trace_.note(time_.now(), asked.kind == Kind::breaker_trip ? "a trip is read" : "a reset is read", 0,
              static_cast<std::int64_t>(asked.number));
  last_change_["breaker " + asked.scope] = {routing, request};
  tripped_.erase(asked.scope);
  settled_[asked.scope] = time_.now();
}

void Model::sent_breaker(const std::string& routing, std::uint64_t request, const Asked& asked,
                         std::string_view body) {
  if (asked.kind == Kind::breaker_list) {
    for (const auto& breaker : read_breakers(body)) {
      tally_.saw_if(breaker.opened > 0, Situation::breaker_opened);
      tally_.saw_if(breaker.state == "half_open", Situation::breaker_was_half_open);
      if (breaker.state == "closed" || breaker.state == "paused") continue;
      if (auto at = settled_.find(breaker.name); at != settled_.end() && at->second >= asked.at) continue;
      const auto left = breaker.until - (wall_of_worlds + time_.now() / ms);
      tripped_.try_emplace(breaker.name, Tripped{time_.now(), time_.now() + at_least(left)});
    }
    return;
  }
  tally_.saw(Situation::breaker_tripped_by_hand);
  trace_.note(time_.now(), "a trip is told", 0, static_cast<std::int64_t>(asked.number));
  const bool holds = last_change_["breaker " + asked.scope] == std::pair{routing, request};
  if (holds && settled_[asked.scope] <= asked.at)  // else a probe may have closed it already
    tripped_[asked.scope] = {time_.now(), asked.at + at_least(static_cast<Millis>(asked.number))};
}

// A probe that has succeeded may have closed it.
void Model::note_success(const std::string& routing) {
  const auto worker = workers_.find(routing);
  if (worker == workers_.end()) return;
  const auto agent = "agent-" + worker_names_[worker->second];
  settled_[agent] = time_.now();
  tripped_.erase(agent);
}

// The awards of one message are of one turn, and no probe ends within it.
void Model::check_tripped(const std::string& routing, std::size_t awards) {
  if (tripped_.empty()) return;
  const auto worker = workers_.find(routing);
  if (worker == workers_.end()) return;
  const auto name = worker_names_.at(worker->second);
  const auto at = tripped_.find("agent-" + name);
  if (at == tripped_.end()) return;
  const auto& [since, until] = at->second;
  if (timing && time_.now() > since && time_.now() < until)
    violated("I12", "the agent of " + name + " was given an award although its breaker is open");
  if (awards > guarded_probes)
    violated("I12", "the agent of " + name + " was given " + std::to_string(awards) +
                        " awards at once although its breaker is not closed");
}

}  // namespace hirehall::sim
