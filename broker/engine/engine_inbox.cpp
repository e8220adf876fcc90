// Questions of suspended tasks: what an answer, a consent or the end of their time means.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "broker/engine/lifecycle.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::string_view nobody_answered = "nobody answered in time";

// The event of the table that a deed is.
Event event_of(Stage stage, Deed deed, bool later) {
  switch (deed) {
    case Deed::rejected:
      return Event::cancel;
    case Deed::lapsed:
      return Event::fail_final;
    default:
      break;
  }
  if (stage == Stage::release) return Event::succeed;
  return later ? Event::snooze : Event::answer;
}

// A policy that lets its time pass has decided beforehand.
Deed deed_of(const QuestionRecord& question) {
  if (question.stage == Stage::agent) return question.has_default ? Deed::defaulted : Deed::lapsed;
  switch (question.lapse) {
    case Lapse::approve:
      return Deed::defaulted;
    case Lapse::reject:
      return Deed::rejected;
    case Lapse::fail:
      break;
  }
  return Deed::lapsed;
}

}  // namespace

bool Engine::needs_consent(const Lease& lease, std::uint8_t point) const {
  const auto& settings = ledger_.queues[ledger_.lanes[lease.lane].queue].settings;
  if ((settings.approval & point) != 0) return true;
  if (lease.options->plain) return false;
  const auto& policies = lease.options->options.policies;
  if (policies.empty()) return false;
  auto approval = read_approval(policies);
  return approval && (approval->points & point) != 0;
}

void Engine::ask(const Lease& lease, const FinishItem& item, std::vector<Asked>& asked) const {
  auto& fact = asked.emplace_back();
  fact.sequence = lease.sequence;
  auto& question = fact.question;
  question.on = item.on == SuspendedOn::none ? SuspendedOn::input : item.on;
  question.attempt = lease.tries.attempts;
  question.lane = lease.lane;
  question.asked = now_;
  question.due = item.question.timeout_ms == 0 ? 0 : now_ + item.question.timeout_ms;
  question.text = item.question.text;
  question.has_default = item.question.has_default;
  question.default_value = item.question.default_value;
}

Code Engine::decide(Sequence sequence, const Decision& decision, const LoadedTask* loaded) {
  switch (look(sequence)) {
    case Known::never:
      return Code::not_found;
    case Known::ended:
      return Code::terminal;
    case Known::leased:
      return Code::invalid;
    case Known::queued:
      break;
  }
  if (loaded == nullptr || !loaded->found || moved_since(sequence, loaded->view_commit)) return Code::busy;
  if (loaded->state != State::suspended || !loaded->question) return Code::invalid;
  const auto& question = *loaded->question;
  bool for_agent = question.stage == Stage::agent;
  if (for_agent != (decision.deed == Deed::answered) && decision.deed < Deed::defaulted) return Code::invalid;
  settle(sequence, decision, *loaded);
  return Code::ok;
}

void Engine::settle(Sequence sequence, const Decision& decision, const LoadedTask& loaded) {
  const auto& question = *loaded.question;
  bool later = question.stage == Stage::award && loaded.not_before > now_;
  auto next = next_state(State::suspended, event_of(question.stage, decision.deed, later));
  HH_CHECK(next.has_value(), "every end of a question is in the table");
  Decided fact;
  fact.sequence = sequence;
  fact.to = *next;
  fact.place = loaded.place;
  fact.tries = loaded.tries;
  fact.stage = question.stage;
  fact.deed = decision.deed;
  fact.attempt = question.attempt;
  fact.asked_until = question.due;
  fact.due = later ? loaded.not_before : 0;
  fact.producer = loaded.producer;
  fact.by = decision.by;
  fact.reason = decision.reason;
  fact.value = decision.value;
  bool edited = decision.deed == Deed::edited;
  if (question.stage == Stage::agent && !terminal(*next)) fact.answers = fact.tries.answer = true;
  if (question.stage == Stage::award) fact.edits = edited;
  if (question.stage == Stage::release && *next == State::succeeded) {
    if (!edited) fact.value = question.result;
    fact.result_type = question.result_type;
  }
  if (*next == State::failed) fact.error_code = "unanswered";
  if (!terminal(*next)) move(sequence);
  ++counts_.decisions[static_cast<std::size_t>(decision.deed)];
  record(fact);
  if (terminal(*next) && loaded.origin && settings_.tell_attempts != Settings::Tell::none)
    tell_unattempted({sequence,
                      loaded.place.lane,
                      loaded.place.class_,
                      0,
                      *next,
                      now_,
                      std::string(fact.error_code),
                      *next == State::succeeded ? "" : std::string(fact.reason),
                      {}},
                     loaded);
  unpark(sequence);
}

// The time of a question is over, if it still waits.
void Engine::lapse(Sequence sequence, const LoadedTask& loaded) {
  const auto& question = *loaded.question;
  Decision decision;
  decision.deed = deed_of(question);
  decision.by = "timeout";
  decision.reason = nobody_answered;
  if (decision.deed == Deed::defaulted) decision.value = question.default_value;
  settle(sequence, decision, loaded);
}

// True when a question timer of the task was dealt with: it is not what the other parked timers are about.
bool Engine::question_looked_up(Sequence sequence, const LoadedTask& loaded) {
  auto at = parked_by_task_.find(sequence);
  std::vector<std::string> over;
  bool due = false;
  for (const auto& key : at->second) {
    auto timer = read_timer_key(key);
    if (timer->kind != TimerKind::question) continue;
    over.push_back(key);
    due |= loaded.state == State::suspended && loaded.question && loaded.question->due == timer->due;
  }
  if (over.empty()) return false;
  for (const auto& key : over) {
    parked_.erase(key);
    at->second.erase(key);
    erase_timer(key);
  }
  if (at->second.empty()) parked_by_task_.erase(at);
  if (due && !HH_MUTANT("questions_wait_for_ever")) {
    lapse(sequence, loaded);
    return true;
  }
  return !parked_by_task_.contains(sequence);
}

}  // namespace hirehall::engine
