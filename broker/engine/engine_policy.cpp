// Award policies: who gets the front task of a shelf in a queue that does not leave it to the least load.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {

namespace {

constexpr Millis unsold_ms = 100;
constexpr scheduler::Micros price_memory = 16;  // awards

std::uint8_t labels_had(const scheduler::Choice& choice) {
  if (choice.wanted_labels == 0) return Chosen::not_wanted;
  const auto has = choice.candidates[choice.award.winner].labels;
  return has == 0 ? 0 : has < choice.wanted_labels ? 1 : 2;
}

}  // namespace

void Engine::tell_policy(std::uint32_t queue) {
  const auto policy = scheduler::queue_policy(ledger_.queues[queue].settings.policy);
  unsold_again_ = 0;
  drop_rounds(queue);
  if (policies_.empty() && policy.plain()) return;
  if (policies_.size() < ledger_.queues.size()) policies_.resize(ledger_.queues.size());
  policies_[queue] = policy;
  if (std::ranges::all_of(policies_, &scheduler::QueuePolicy::plain)) {
    policies_.clear();
    chosen_ = {};
  }
}

void Engine::look_at(const scheduler::Pick& pick, const Entry& entry, TaskInView& out) const {
  const auto body = entry.chunk->body_at(entry.offset);
  out.options = body.own.empty() ? entry.chunk->templates[body.template_]
                                 : make_template(entry.chunk->options_of(body));
  const auto& options = out.options->options;
  if (!options.features.empty()) out.features = scheduler::Features::of(options.features);
  out.task = {pick.cls,
              ledger_.classes[pick.cls].type,
              options.agent,
              options.affinity_key,
              out.features.empty() ? nullptr : &out.features,
              chosen_.handed_back.of(entry.sequence, now_)};
}

bool Engine::choose(scheduler::Pick& pick) {
  const auto queue = ledger_.lanes[pick.lane].queue;
  static const scheduler::QueuePolicy usual;
  const auto& policy = queue < policies_.size() ? policies_[queue] : usual;
  chosen_.policy = policy.acting;
  chosen_.choice = false;
  chosen_.went_to = scheduler::WentTo::anew;
  chosen_.matched.as_matched.reset();
  if (policy.plain() && pick.wanted_labels == 0) return true;
  auto* line = best_line(*shelf_by_number_[pick.shelf]);
  if (line == nullptr) return true;
  const auto* front = line->front(ledger_.segments);
  TaskInView view;
  look_at(pick, *front, view);
  const auto& task = view.task;
  const auto seed = random();
  const auto before = pick;
  auto chose = scheduler::Chose::nothing;
  const auto* back = task.handed_back;
  // The bid of a runner-up that is free holds: nobody is asked again.
  const auto runner_up = back != nullptr && back->bid
                             ? dispatcher_.listed(pick, back->runner_up, back->agent_hash)
                             : std::nullopt;
  const bool passed_on = runner_up && runner_up->held < runner_up->slots;
  if (policy.acting == scheduler::Policy::auction && policy.tariff.live_bids_from_ms > 0 && !passed_on) {
    chose = choose_live(policy, view, *front, pick);
    if (chose == scheduler::Chose::unsold) return false;
  }
  if (chose == scheduler::Chose::nothing) chose = choose_in_round(policy, view, *line, front->sequence, pick);
  if (chose == scheduler::Chose::nothing)
    chose = chooser_.choose(dispatcher_, policy.settings(policy.acting), task, seed, pick);
  if (chose == scheduler::Chose::unsold) {
    leave_unsold(pick);
    return false;
  }
  if (HH_MUTANT("choice_not_acted_on")) pick.worker = before.worker, pick.agent = before.agent;
  chosen_.choice = chose == scheduler::Chose::winner;
  if (chosen_.choice) {
    const auto& choice = chooser_.choice();
    chosen_.went_to = choice.went_to;
    chosen_.labels = labels_had(choice);
    chosen_.packed.clear();
    scheduler::pack(choice, chosen_.packed);
    chosen_.paid = chooser_.choice().award.paid;
    chosen_.features = chooser_.choice().features;
    chosen_.agent = task.agent;
    ++counts_.choices[static_cast<std::size_t>(policy.acting)];
  }
  if (policy.shadow) watch(policy.settings(*policy.shadow), task, seed, before, pick);
  return true;
}

// What another policy would have done with the same task, without doing it.
void Engine::watch(const scheduler::PolicySettings& shadow, const scheduler::TaskAtHand& task,
                   std::uint64_t seed, scheduler::Pick before, const scheduler::Pick& pick) {
  const auto chose = chooser_.choose(dispatcher_, shadow, task, seed, before);
  const bool agrees =
      chose != scheduler::Chose::unsold && before.worker == pick.worker && before.agent == pick.agent;
  ++(agrees ? counts_.shadow_agreed : counts_.shadow_differed);
}

// --- auctions ---

// Bids fall when work ends and when workers come, so it is offered again soon; others of its lane go on.
void Engine::leave_unsold(const scheduler::Pick& pick) {
  const auto& choice = chooser_.choice();
  if (unsold_.empty()) unsold_again_ = now_ + unsold_ms;
  unsold_[pick.shelf] = {pick.lane,
                         pick.cls,
                         choice.over_reserve,
                         chooser_.lowest(),
                         choice.settings.reserve,
                         chooser_.lowest_agent()};
  dispatcher_.set_ready(pick.shelf, false);
}

void Engine::offer_unsold() {
  if (now_ < unsold_again_) return;
  for (const auto& [shelf, unsold] : unsold_) ledger_.touch(*shelf_by_number_[shelf]);
  unsold_.clear();
}

// What the awards of one choice cost: for the price of their class, and for who has a budget.
void Engine::settle(const scheduler::Pick& pick, std::uint32_t awards) {
  const auto paid = chosen_.paid;
  if (pick.cls >= prices_.size()) prices_.resize(ledger_.classes.size());
  for (std::uint32_t i = 0; i < awards; ++i) {
    auto& price = prices_[pick.cls];
    price.level = price.awards++ == 0 ? paid : price.level + (paid - price.level) / price_memory;
  }
  const auto total = static_cast<std::int64_t>(awards) * paid;
  if (total == 0) return;
  counts_.auction_paid += static_cast<std::uint64_t>(total);
  const auto& agent = sessions_.at(pick.worker).spec.agents[pick.agent].name;
  auto& payment = chosen_.settled.payments.emplace_back(Paid::Payment{pick.lane, agent, paid, {}});
  for (const auto& one : outputs_.choices.latest())
    payment.slots.push_back(Ledger::slot_of(ledger_.lease_of(one.sequence)->token));
  ledger_.pay(payment);  // at once: a budget that is used up holds the next award back
}

}  // namespace hirehall::engine
