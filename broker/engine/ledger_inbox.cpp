// Questions and their ends, and what attempts leave for the next one, as facts fold.
#include "broker/engine/facts_inbox.h"
#include "broker/engine/ledger.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::engine {

std::string_view name_of(Stage stage) {
  static constexpr std::array<std::string_view, 3> names{"agent", "award", "release"};
  return names.at(static_cast<std::size_t>(stage));
}

std::string_view name_of(Deed deed) {
  static constexpr std::array<std::string_view, deed_count> names{"answered", "approved",  "rejected",
                                                                  "edited",   "defaulted", "lapsed"};
  return names.at(static_cast<std::size_t>(deed));
}

std::string question_key(Sequence s) {
  return record_key('q', s);
}

std::string decision_key(Sequence s, std::uint32_t attempt) {
  auto key = record_key('h', s);
  for (int i = 3; i >= 0; --i) key.push_back(static_cast<char>(attempt >> (8 * i)));
  return key;
}

std::string edited_key(Sequence s) {
  return record_key('p', s);
}

Consent consent_for(const QueueSettings& settings, std::string_view policies, std::uint8_t point) {
  Consent consent;
  auto own = read_approval(policies);
  if (own) consent.approval = std::move(*own);
  consent.by_queue = (settings.approval & point) != 0;
  consent.approval.points |= settings.approval;
  if (!consent.by_queue) return consent;
  consent.approval.timeout_ms = settings.approval_timeout_ms;
  consent.approval.lapse = static_cast<Lapse>(settings.approval_on_timeout);
  return consent;
}

// A question of a policy: the answers it takes are approve, reject and edit.
void Ledger::ask_consent(Sequence sequence, std::uint32_t lane, std::string_view policies, Stage stage,
                         std::uint32_t attempt, std::string_view result, std::string_view result_type) {
  if (index == nullptr) return;
  auto consent = consent_for(queues[lanes[lane].queue].settings, policies,
                             stage == Stage::award ? approve_award : approve_release);
  QuestionRecord question;
  question.stage = stage;
  question.on = SuspendedOn::approval;
  question.attempt = attempt;
  question.lane = lane;
  question.asked = now;
  question.due = consent.approval.timeout_ms == 0 ? 0 : now + consent.approval.timeout_ms;
  question.lapse = consent.approval.lapse;
  question.by_queue = consent.by_queue;
  question.result = result;
  question.result_type = result_type;
  write_question(sequence, question);
}

void Ledger::write_question(Sequence sequence, QuestionRecord& question) {
  if (index == nullptr) return;
  index->push_back({Shelving::records, false, question_key(sequence), encode_record(question)});
  if (question.due != 0)
    index->push_back({Shelving::timers, false, timer_key(question.due, TimerKind::question, sequence), {}});
}

void Ledger::apply(Checkpointed& fact) {
  auto* lease = lease_of(fact.sequence);
  HH_CHECK(lease != nullptr, "a leased task is checkpointed");
  lease->tries.checkpoint = true;
  if (index != nullptr)
    index->push_back({Shelving::records, false, checkpoint_key(fact.sequence), std::string(fact.value)});
}

void Ledger::apply(Asked& fact) {
  write_question(fact.sequence, fact.question);
}

void Ledger::apply(Decided& fact) {
  if (index != nullptr) {
    index->push_back({Shelving::records, true, question_key(fact.sequence), {}});
    if (fact.asked_until != 0)
      index->push_back(
          {Shelving::timers, true, timer_key(fact.asked_until, TimerKind::question, fact.sequence), {}});
    DecisionRecord decision{
        fact.stage, fact.deed, fact.attempt, now, std::string(fact.by), std::string(fact.reason)};
    if (!HH_MUTANT("decisions_not_kept"))
      index->push_back(
          {Shelving::records, false, decision_key(fact.sequence, fact.attempt), encode_record(decision)});
    if (fact.answers) {
      std::string stored;
      Packer p(stored);
      p.uint(fact.attempt);
      if (!HH_MUTANT("answer_dropped")) p.raw(fact.value);
      index->push_back({Shelving::records, false, answer_key(fact.sequence), std::move(stored)});
    }
    if (fact.edits && !HH_MUTANT("edits_lost"))
      index->push_back({Shelving::records, false, edited_key(fact.sequence), std::string(fact.value)});
  }
  if (!terminal(fact.to)) {
    count(fact.place.lane, State::suspended, fact.to);
    if (!uniques.empty()) uniques.moved(fact.sequence, fact.to);
    if (fact.to == State::scheduled) return write_due(fact.sequence, fact.due, fact.place, fact.tries);
    return join(line_for(fact.place), Entry{fact.sequence, now, {}, 0, false}, fact.tries,
                fact.place.deadline, true);
  }
  if (index != nullptr && segments.stragglers().contains(fact.sequence))
    index->push_back({Shelving::records, false, straggler_end_key(fact.sequence), straggler_end(now, fact)});
  finish_task(fact.sequence, fact.place.lane, State::suspended, fact.to);
  if (index != nullptr && fact.tries.checkpoint)
    index->push_back({Shelving::records, true, checkpoint_key(fact.sequence), {}});
  bool succeeded = fact.to == State::succeeded;
  if (endings != nullptr)
    endings->push_back({fact.sequence, fact.to, fact.producer, fact.place.lane,
                        succeeded ? fact.value : std::string_view{}, fact.result_type, fact.error_code,
                        succeeded ? std::string_view{} : fact.reason});
}

}  // namespace hirehall::engine
