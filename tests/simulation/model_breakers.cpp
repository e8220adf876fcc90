// What an open breaker promises: its agent gets nothing while it is open, and then no more than its probes.
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/worker_host.h"

namespace hirehall::sim {

using wire::Kind;

void Model::read_breaker_frame(const std::string& routing, std::uint64_t request, Asked& asked,
                               std::string_view body) {
  asked.scope = read_text(body, "name");
  asked.number = read_number_or(body, "for_ms", 0);
  last_change_["breaker " + asked.scope] = {routing, request};
  tripped_.erase(asked.scope);
}

void Model::sent_breaker(const std::string& routing, std::uint64_t request, const Asked& asked,
                         std::string_view body) {
  if (asked.kind == Kind::breaker_list) {
    for (const auto& breaker : read_breakers(body)) {
      tally_.saw_if(breaker.opened > 0, Situation::breaker_opened);
      tally_.saw_if(breaker.state == "half_open", Situation::breaker_was_half_open);
    }
    return;
  }
  tally_.saw(Situation::breaker_tripped_by_hand);
  if (last_change_["breaker " + asked.scope] == std::pair{routing, request})
    tripped_[asked.scope] = {time_.now(), static_cast<Millis>(asked.number)};
}

// A probe that has succeeded may have closed it.
void Model::note_success(const std::string& routing) {
  if (tripped_.empty()) return;
  if (auto worker = workers_.find(routing); worker != workers_.end())
    tripped_.erase("agent-" + worker_names_[worker->second]);
}

// The awards of one message are of one turn, and no probe ends within it.
void Model::check_tripped(const std::string& routing, std::size_t awards) {
  if (tripped_.empty()) return;
  const auto worker = workers_.find(routing);
  if (worker == workers_.end()) return;
  const auto name = worker_names_.at(worker->second);
  const auto at = tripped_.find("agent-" + name);
  if (at == tripped_.end()) return;
  const auto& [since, for_ms] = at->second;
  if (timing && time_.now() > since && time_.now() < since + at_least(for_ms))
    violated("I12", "the agent of " + name + " was given an award although its breaker is open");
  if (awards > guarded_probes)
    violated("I12", "the agent of " + name + " was given " + std::to_string(awards) +
                        " awards at once although its breaker is not closed");
}

}  // namespace hirehall::sim
