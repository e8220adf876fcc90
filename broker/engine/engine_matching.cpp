// Tasks of a turn that are matched with each other, in queues that want it (docs/scheduler.md, "Rounds").
#include <algorithm>
#include <map>
#include <utility>

#include "broker/engine/engine.h"

namespace hirehall::engine {

namespace {

constexpr std::uint32_t looks_max = 1024;  // at tasks and shelves, for one round
constexpr std::uint32_t in_vain_max = 32;  // of them in a row that found no place

// What may be put up for live bids is not awarded in this turn.
bool matches(const scheduler::QueuePolicy& policy) {
  if (policy.tariff.match_from_ms == 0) return false;
  if (policy.acting == scheduler::Policy::auction) return policy.tariff.live_bids_from_ms == 0;
  return policy.acting == scheduler::Policy::learned;
}

}  // namespace

// Of a shelf at the dispatcher: the greatest effective priority first, then the oldest.
std::uint64_t Engine::order_of(const Line& line, const Entry& entry) const {
  const auto level = std::min<std::uint32_t>(effective(line, entry.ready_at), 127);
  return (static_cast<std::uint64_t>(127 - level) << 56) | entry.sequence;
}

// winner: as it was matched in the round of this turn. nothing: it was not, and is awarded by itself.
scheduler::Chose Engine::choose_in_round(const scheduler::QueuePolicy& policy, const TaskInView& view,
                                         const Line& line, Sequence sequence, scheduler::Pick& pick) {
  using scheduler::Chose;
  auto& matched = chosen_.matched;
  if (!matches(policy) || view.task.handed_back != nullptr) return Chose::nothing;
  const auto* offered = matched.find(sequence);
  if (offered == nullptr && matched.may_be_made() && pick.candidates > 1 &&
      !(pick.alone && line.ready == 1)) {
    make_round(policy, view, pick);
    offered = matched.find(sequence);
  }
  if (offered == nullptr) return Chose::nothing;
  const auto chose = chooser_.choose_matched(dispatcher_, policy.settings(policy.acting), view.task, *offered,
                                             matched.round, pick);
  if (chose == Chose::winner) matched.as_matched = pick.worker == offered->matched;
  return chose;
}

// The tasks that are next in their turns, as long as there is a place for each of them. `front` is the first:
// when it is too short, nothing more is looked at.
void Engine::make_round(const scheduler::QueuePolicy& policy, const TaskInView& front,
                        const scheduler::Pick& at) {
  auto& matched = chosen_.matched;
  matched.begin();
  scheduler::RoundTask probe;
  probe.seed = random();
  if (!chooser_.offer(dispatcher_, policy.settings(policy.acting), front.task, at,
                      policy.tariff.match_from_ms, probe))
    return;
  std::map<std::uint32_t, Waiting> waiting;  // by shelf
  std::uint32_t looks = 0, in_vain = 0;
  dispatcher_.look_ahead([&](const scheduler::Pick& pick) {
    scheduler::Dispatcher::Glance glance;
    glance.enough = ++looks > looks_max || ++in_vain > in_vain_max || matched.round.full();
    const auto queue = ledger_.lanes[pick.lane].queue;
    if (glance.enough || queue >= policies_.size() || !matches(policies_[queue])) return glance;
    auto& shelf = *shelf_by_number_[pick.shelf];
    const auto [known, fresh] = waiting.try_emplace(pick.shelf);
    auto& here = known->second;
    auto* line = best_line(shelf);
    if (line == nullptr) return glance;
    // What is limited may be held back after the first of them.
    if (fresh)
      here.tasks =
          line->first(line->limits == nullptr ? scheduler::TaskRound::tasks_max : 1, ledger_.segments);
    if (here.next == here.tasks.size()) return glance;
    const auto& entry = *here.tasks[here.next++];
    if (!offer_in_round(policies_[queue], pick, entry)) return glance;
    in_vain = 0;
    glance.taken = true;
    glance.cost = static_cast<std::uint64_t>(cost_of(pick, dispatcher_.weight_of(pick.cls)));
    glance.more = here.next < here.tasks.size();
    if (glance.more) glance.order = order_of(*line, *here.tasks[here.next]);
    return glance;
  });
  matched.round.solve();
  const auto sum = matched.round.sum();
  if (sum.tasks < 2) return matched.round.clear();
  matched.made();
  auto& counts = counts_.matching;
  ++counts.rounds;
  counts.tasks += sum.tasks;
  counts.placed_more += sum.tasks - sum.one_by_one_tasks;
  if (sum.tasks == sum.one_by_one_tasks && sum.total > sum.one_by_one)
    counts.gained += static_cast<std::uint64_t>(sum.total - sum.one_by_one);
}

// False: it is too short, or nobody has a place for it.
bool Engine::offer_in_round(const scheduler::QueuePolicy& policy, const scheduler::Pick& pick,
                            const Entry& entry) {
  TaskInView view;
  look_at(pick, entry, view);
  // It goes to somebody of its own (scheduler/handed_back.h), and has its turn all the same.
  if (view.task.handed_back != nullptr) return true;
  scheduler::RoundTask offered;
  offered.key = entry.sequence;
  offered.seed = random();
  return chooser_.offer(dispatcher_, policy.settings(policy.acting), view.task, pick,
                        policy.tariff.match_from_ms, offered) &&
         chosen_.matched.round.admit(std::move(offered));
}

}  // namespace hirehall::engine
