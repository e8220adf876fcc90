// Award policies: who gets the front task of a shelf in a queue that does not leave it to the least load.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Engine::tell_policy(std::uint32_t queue) {
  const auto policy = scheduler::queue_policy(ledger_.queues[queue].settings.policy);
  if (policies_.empty() && policy.plain()) return;
  if (policies_.size() < ledger_.queues.size()) policies_.resize(ledger_.queues.size());
  policies_[queue] = policy;
  if (std::ranges::all_of(policies_, &scheduler::QueuePolicy::plain)) {
    policies_.clear();
    chosen_ = {};
  }
}

void Engine::choose(scheduler::Pick& pick) {
  const auto queue = ledger_.lanes[pick.lane].queue;
  const auto policy = queue < policies_.size() ? policies_[queue] : scheduler::QueuePolicy{};
  chosen_.policy = policy.acting;
  chosen_.choice = false;
  if (policy.plain()) return;
  auto* line = best_line(*shelf_by_number_[pick.shelf]);
  if (line == nullptr) return;
  const auto* front = line->front(ledger_.segments);
  const auto body = front->chunk->body_at(front->offset);
  const auto options = body.own.empty() ? front->chunk->templates[body.template_]
                                        : make_template(front->chunk->options_of(body));
  const scheduler::TaskAtHand task{pick.cls, ledger_.classes[pick.cls].type, options->options.agent,
                                   options->options.affinity_key};
  const auto seed = random();
  const auto before = pick;
  chosen_.choice = chooser_.choose(dispatcher_, policy.acting, task, seed, pick);
  if (HH_MUTANT("choice_not_acted_on")) pick.worker = before.worker, pick.agent = before.agent;
  if (chosen_.choice) {
    chosen_.packed = scheduler::pack(chooser_.choice());
    ++counts_.choices[static_cast<std::size_t>(policy.acting)];
  }
  if (policy.shadow) watch(*policy.shadow, task, seed, before, pick);
}

// What another policy would have done with the same task, without doing it.
void Engine::watch(scheduler::Policy shadow, const scheduler::TaskAtHand& task, std::uint64_t seed,
                   scheduler::Pick before, const scheduler::Pick& pick) {
  chooser_.choose(dispatcher_, shadow, task, seed, before);
  const bool agrees = before.worker == pick.worker && before.agent == pick.agent;
  ++(agrees ? counts_.shadow_agreed : counts_.shadow_differed);
}

}  // namespace hirehall::engine
