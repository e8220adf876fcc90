// What an award must be, given what was promised before.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/worker_host.h"

namespace hirehall::sim {
namespace {

// Shard, incarnation and sequence: ids rise with the order of submission.
std::string order_of(const std::string& id) {
  return id.substr(0, 11);
}

}  // namespace

Number Model::payload_known(std::string_view payload) const {
  auto number = number_of(payload);
  if (number == 0 || number > intents_.size()) violated("I2", "a payload that nobody submitted");
  const auto& i = intents_[number - 1];
  if (payload != i.payload && !i.edits.contains(std::string(payload)))
    violated("I2", "a payload came back changed", number);
  return number;
}

void Model::sent_award(const std::string& routing, std::string_view body) {
  check_drained(routing);
  auto award = read_award(body);
  check_tripped(routing, award.items.size());
  tally_.saw_if(award.items.size() > 1, Situation::award_of_many);
  for (const auto& item : award.items) {
    auto number = payload_known(item.payload);
    auto& l = known(item.id, number);
    trace_.note(time_.now(), "award leaves", number, item.attempt, static_cast<std::int64_t>(item.token));
    check_award(l, item);
    tally_.saw(item.attempt == 1 ? Situation::award_first : Situation::award_again);
    tally_.saw_if(restarted, Situation::award_after_restart);
    awarded_[awards_++ % awarded_.size()] = l.id;
    auto& t = l.tries[item.attempt];
    const auto given_back = t.sent == 0 ? 0 : t.given_back + time_.now() - t.sent + slowest_sync_ms * ms;
    t = {};
    t.given_back = given_back;
    t.token = item.token;
    t.routing = routing;
    t.sent = time_.now();
    t.lane = item.queue + "|" + item.tenant;
    if (!tokens_.emplace(item.token, std::pair{&l, item.attempt}).second)
      violated("I4", "a token was given twice", number);
  }
}

void Model::check_award(Life& l, const ReadAward::Item& item) {
  const auto& o = intent(l.number).options;
  auto expect = [&](bool sound, const char* invariant, const char* what) {
    if (!sound) violated(invariant, what, l.number);
  };
  expect(item.type == o.type, "I2", "a task was awarded as another type");
  expect(item.queue == (o.queue.empty() ? "default" : o.queue), "I2",
         "a task was awarded from another queue");
  expect(!l.ended, "I5", "a task was awarded after its end was told");
  if (!l.tries.empty()) {
    const auto& [attempt, last] = *l.tries.rbegin();
    expect(item.attempt > attempt, "I7", "the number of an attempt did not rise");
    expect(item.token > last.token, "I4", "the token of a task did not rise");
    expect(last.recorded != Outcome::succeeded, "I5", "a task was awarded after its success was recorded");
    expect(o.delivery == Delivery::at_least_once, "I7", "at most once was awarded again");
  }
  expect(o.delivery == Delivery::at_least_once || item.attempt == 1, "I7",
         "at most once is at its second attempt");
  expect(l.failures < o.retry.max_attempts, "I7", "a task was awarded beyond its attempts");
  check_consent(l, item);
  check_unique(l, item);
  check_budget(o);
  check_due(l);
  check_paused(item, l.number);
  check_order(l, item);
  check_extras(l, item);
}

void Model::check_consent(const Life& l, const ReadAward::Item& item) const {
  const auto& i = intents_[l.number - 1];
  if (i.approval.before_award() && !l.consent && !i.consents_by_time())
    violated("I5", "a task was awarded that nobody approved", l.number);
  if (!l.edited.empty() && item.payload != l.edited)
    violated("I6", "an edited payload did not come with the award", l.number);
}

void Model::check_due(const Life& l) const {
  if (timing && time_.now() < l.due) violated("I8", "a task was awarded before its time", l.number);
}

void Model::check_paused(const ReadAward::Item& item, Number number) const {
  if (const auto* scope = pause_over(item.queue, item.type, item.tenant))
    violated("I9", "a paused task was awarded: " + *scope, number);
}

// The scope of a pause that surely holds such tasks.
const std::string* Model::pause_over(std::string_view queue, std::string_view type,
                                     std::string_view tenant) const {
  for (const auto& scope : paused_) {
    auto first = scope.find('|');
    auto second_bar = scope.find('|', first + 1);
    auto fits = [](std::string_view wanted, std::string_view is) { return wanted.empty() || wanted == is; };
    std::string_view s = scope;
    if (fits(s.substr(0, first), queue) && fits(s.substr(first + 1, second_bar - first - 1), type) &&
        fits(s.substr(second_bar + 1), tenant))
      return &scope;
  }
  return nullptr;
}

// A pause that was answered before and not undone since is among the reasons of what it holds.
void Model::sent_explanation(const Asked& asked, std::string_view body) {
  auto explanation = read_explanation(body);
  const auto* l = life(asked.task);
  for (const auto& award : explanation.awards) check_terms(award, l == nullptr ? 0 : l->number);
  if (explanation.words.empty())
    violated("I21", "a task was explained without a reason", l == nullptr ? 0 : l->number);
  if (l == nullptr || l->number == 0 || explanation.state == "leased" || explanation.words.contains("ended"))
    return;
  const auto& o = intent(l->number).options;
  const auto* scope = pause_over(o.queue, o.type, o.tenant);
  if (scope == nullptr) return;
  tally_.saw(Situation::explained_by_a_pause);
  if (!explanation.words.contains("paused"))
    violated("I21", "a paused task was explained without the pause: " + *scope, l->number);
}

// The winner can be worked out again from the terms alone: greatest score, then the lesser load and numbers.
void Model::check_terms(const ReadReasons& award, Number number) {
  // A world makes fewer choices than a hall keeps, whatever becomes of it.
  if (award.expired) violated("I21", "the terms of an award are gone", number);
  if (award.terms.empty()) return;
  tally_.saw(Situation::explained_by_terms);
  using Term = ReadReasons::Term;
  auto rank = [](const Term& t) { return std::tuple(-t.score, t.load, t.number, t.agent); };
  auto best = std::min_element(award.terms.begin(), award.terms.end(),
                               [&](const Term& a, const Term& b) { return rank(a) < rank(b); });
  for (const auto& t : award.terms)
    if (t.score != t.value + t.preferred - t.cost - t.wait - t.slot_price)
      violated("I21", "the terms of an award do not add up to its score", number);
  if (number != 0 && award.policy != "sticky") {
    if (award.policy != "least_loaded") check_features(award, number);
    check_labels(award, number);
  }
  check_passed_on(award, number);
  check_matched(award, *best, number);
  if (award.policy == "auction") check_bids(award, *best, number);
  if (best->worker != award.worker)
    violated("I21", "an award went to " + award.worker + " and by its terms to " + best->worker, number);
}

// A choice is made for the features of the task at hand, and says so.
void Model::check_features(const ReadReasons& award, Number number) {
  if (award.features != intent(number).options.features)
    violated("I21", "an award was chosen for other features than the task's", number);
  if (award.features.empty()) return;
  tally_.saw(Situation::explained_with_features);
  for (const auto& t : award.terms) {
    tally_.saw_if(t.run_ms != t.without_features_ms, Situation::explained_with_another_run);
    // With a free slot it begins at once: it ends when it has run.
    if (t.run_ms > 0 && t.load < 1 && t.expected_ms != t.run_ms)
      violated("I21", "a task is expected to end after another time than its features tell", number);
  }
}

// Each candidate is credited with the preferred labels that its worker has, and with nothing else but the
// name of the agent.
void Model::check_labels(const ReadReasons& award, Number number) {
  constexpr std::int64_t quarter_of_the_slots = (1 << 16) / 4;
  const auto& o = intent(number).options;
  for (const auto& t : award.terms) {
    std::int64_t has = 0;
    for (const auto& [key, value] : o.preferred_labels) has += key == "zone" && value == zone_of(t.worker);
    if (t.labels != has)
      violated("I21", "a candidate is told to have other labels than its worker, " + t.worker, number);
    const bool plain = award.policy == "least_loaded";
    const auto liked = has + (!plain && o.agent == "agent-" + t.worker ? 1 : 0);
    if (t.preferred != liked * (plain ? quarter_of_the_slots : award.preference))
      violated("I21", "what is preferred does not count as it should for " + t.worker, number);
    if (has != 0) tally_.saw(Situation::explained_with_labels);
  }
}

// Whoever handed a task back has it again only when nobody else could take it. By number: a worker that came
// back as somebody new has its name, and the one before may still be waited for.
void Model::check_passed_on(const ReadReasons& award, Number number) {
  if (award.went_to.empty()) return;
  tally_.saw(award.went_to == "runner_up" ? Situation::passed_on_to_the_runner_up : Situation::passed_on);
  const auto by = award.handed_back_by_number;
  const bool again = std::ranges::any_of(award.terms, [&](const auto& term) { return term.number == by; });
  if (again != (award.went_to == "same"))
    violated("I21", "a task that " + award.handed_back_by + " handed back was offered to it again", number);
}

// Prices of a round lead a task to the place that it was matched with, as long as that one is free. Bids rise
// with the load of a turn, so that an auction may end otherwise.
void Model::check_matched(const ReadReasons& award, const ReadReasons::Term& winner, Number number) {
  if (award.matched_with < 0) return;
  tally_.saw(Situation::matched_in_a_round);
  if (award.matched_tasks < 2 || award.matched_tasks > award.matched_places)
    violated("I21", "a round has fewer places than tasks, or one task", number);
  if (award.policy != "learned" || winner.number == award.matched_with) return;
  const auto place = std::ranges::find(award.terms, award.matched_with, &ReadReasons::Term::number);
  const bool all_begin = std::ranges::all_of(award.terms, [](const auto& t) { return t.load < 1; });
  if (place != award.terms.end() && all_begin)
    violated("I21", "a task was matched with " + place->worker + ", which is free, and went elsewhere",
             number);
}

// Each bid is what its worker has registered, at its load; none is above the reserve; and the price paid lies
// between what the winner asked and what it could have asked.
void Model::check_bids(const ReadReasons& award, const ReadReasons::Term& winner, Number number) {
  tally_.saw(Situation::explained_by_bids);
  constexpr double unit = 1e6;
  for (const auto& t : award.terms) {
    if (t.live) {
      check_live_bid(award, t, number);
      continue;
    }
    const auto price = price_of(t.worker);
    if (static_cast<double>(t.price_base) != std::round(price.base * unit) ||
        static_cast<double>(t.price_slope) != std::round(price.load_slope * unit))
      violated("I21", "the price of " + t.worker + " is not the one that it has registered", number);
    const auto asked = t.price_base + static_cast<std::int64_t>(static_cast<double>(t.price_slope) * t.load);
    if (t.cost != std::min(asked * t.price_multiplier / 1000, t.price_cap))
      violated("I21", "the bid of " + t.worker + " is not what its price function gives", number);
    if (award.reserve > 0 && t.cost > award.reserve)
      violated("I21", "a bid above the reserve took part, of " + t.worker, number);
  }
  if (award.first_price != winner.cost || award.paid < winner.cost || award.paid > award.second_price)
    violated("I21", "what was paid is none of the prices of the auction", number);
}

void Model::said_bid(const std::string& worker, std::uint64_t round, double price) {
  live_bids_[{worker, round}].insert(std::llround(price * 1e6));
}

void Model::sent_call(std::string_view body) {
  auto call = read_call(body);
  tally_.saw_if(!call.features.empty(), Situation::called_with_features);
  called_[call.round] = std::move(call.features);
}

// Who takes part with a live bid was asked in that round, and said so much.
void Model::check_live_bid(const ReadReasons& award, const ReadReasons::Term& term, Number number) {
  tally_.saw(Situation::explained_by_live_bids);
  const auto said = live_bids_.find({term.worker, award.round});
  if (said == live_bids_.end() || !said->second.contains(term.cost))
    violated("I21", "the live bid of " + term.worker + " is not what it has said", number);
  if (award.reserve > 0 && term.cost > award.reserve)
    violated("I21", "a live bid above the reserve took part, of " + term.worker, number);
  const auto told = called_.find(award.round);
  if (told == called_.end() || number == 0) return;
  if (told->second != intent(number).options.features)
    violated("I21", "who was asked for a bid was told other features than the task's", number);
}

// In one line first come is first awarded. Frames of one instant go to several workers at once.
void Model::check_order(const Life& l, const ReadAward::Item& item) {
  const auto& i = intent(l.number);
  if (!i.plain || item.attempt != 1 || i.replays != 0) return;
  auto& front =
      fronts_[item.queue + "|" + item.tenant + "|" + item.type + "|" + std::to_string(i.options.priority)];
  if (front.at != time_.now()) front.before = std::max(front.before, front.latest), front.at = time_.now();
  auto order = order_of(l.id);
  if (order <= front.before) violated("I13", "a task was overtaken by a later one of its line", l.number);
  front.latest = std::max(front.latest, order);
}

// Each attempt is a trace of its own, and says where its task came from.
void Model::check_trace(const Life& l, const ReadAward::Item& item) {
  if (item.origin != intent(l.number).options.trace)
    violated("I2", "a task came with another origin", l.number);
  if (item.tracestate != intent(l.number).options.tracestate ||
      item.baggage != intent(l.number).options.baggage)
    violated("I2", "a task came without what goes beside its trace", l.number);
  if (item.features != intent(l.number).options.features)
    violated("I2", "a task came with other features", l.number);
  if (item.origin.empty() != item.trace.empty()) violated("I2", "an attempt has no trace", l.number);
  if (item.trace.empty()) return;
  tally_.saw(Situation::award_with_trace);
  const std::pair attempt{l.number, item.attempt};
  if (traces_.try_emplace(item.trace, attempt).first->second != attempt)
    violated("I4", "two attempts have one trace", l.number);
}

void Model::check_extras(Life& l, const ReadAward::Item& item) {
  check_trace(l, item);
  if (!item.checkpoint.empty()) {
    tally_.saw(Situation::award_with_checkpoint);
    if (!l.checkpoints.contains(item.checkpoint)) violated("I2", "a checkpoint that nobody saved", l.number);
  } else if (l.checkpoint) {
    violated("I6", "a saved checkpoint did not come back", l.number);
  }
  if (item.answer.empty()) {
    if (l.answered) violated("I6", "a recorded answer did not come with the award", l.number);
    return;
  }
  tally_.saw(Situation::award_with_answer);
  if (!l.answers.contains(item.answer)) violated("I2", "an answer that nobody gave", l.number);
}

}  // namespace hirehall::sim
