// What suspended tasks wait for, and how that came to its end: records and facts (docs/inbox.md).
#pragma once

#include <string>
#include <string_view>

#include "broker/engine/facts.h"
#include "common/approval.h"

namespace hirehall::engine {

// Who waits: an attempt that asked, a task that may not begin, or a result that may not leave.
enum class Stage : std::uint8_t { agent = 0, award = 1, release = 2 };
std::string_view name_of(Stage stage);

// How a question ended.
enum class Deed : std::uint8_t {
  answered = 0,
  approved = 1,
  rejected = 2,
  edited = 3,     // approved with another payload or result
  defaulted = 4,  // its time was over: the default answer, or what the policy says
  lapsed = 5,     // its time was over, and that is a failure
};
inline constexpr std::size_t deed_count = 6;
std::string_view name_of(Deed deed);

// A question that waits; one a task. It goes when it is answered, or with the task.
struct QuestionRecord {
  Stage stage = Stage::agent;
  SuspendedOn on = SuspendedOn::input;
  std::uint32_t attempt = 0;  // that asked; 0: none has begun
  std::uint32_t lane = 0;
  Millis asked = 0;
  Millis due = 0;  // 0: it waits for ever
  Lapse lapse = Lapse::fail;
  bool by_queue = false;  // the queue's policy asks: the task has no say in who answers
  std::string text;       // an encoded map, as the attempt said it; empty when it said nothing
  bool has_default = false;
  std::string default_value;
  std::string result, result_type;  // of stage release: what waits
  template <typename A>
  void archive(A& a) {
    a(stage, on, attempt, lane, asked, due, lapse, by_queue, text, has_default, default_value, result,
      result_type);
  }
};

// Kept with the task.
struct DecisionRecord {
  Stage stage = Stage::agent;
  Deed deed = Deed::answered;
  std::uint32_t attempt = 0;
  Millis at = 0;
  std::string by, reason;
  template <typename A>
  void archive(A& a) {
    a(stage, deed, attempt, at, by, reason);
  }
};

// An attempt that ended in this commit left a question.
struct Asked {
  static constexpr auto kind = FactKind::asked;
  Sequence sequence = 0;
  QuestionRecord question;
  template <typename A>
  void archive(A& a) {
    a(sequence, question);
  }
};

// A suspended task goes on, or ends: somebody has answered, approved or rejected, or the time was over.
struct Decided {
  static constexpr auto kind = FactKind::decided;
  Sequence sequence = 0;
  State to = State::ready;
  Place place;
  Tries tries;
  Stage stage = Stage::agent;
  Deed deed = Deed::answered;
  std::uint32_t attempt = 0;
  Millis asked_until = 0;  // when its time would have been over
  Millis due = 0;          // to is scheduled: when
  std::uint64_t producer = 0;
  std::string_view by, reason;
  bool answers = false;    // value is for the next attempt
  bool edits = false;      // value is the payload from now on
  std::string_view value;  // else the result of a task that succeeds
  std::string_view result_type, error_code;
  template <typename A>
  void archive(A& a) {
    a(sequence, to, place, tries, stage, deed, attempt, asked_until, due, producer, by, reason, answers,
      edits, value, result_type, error_code);
  }
};

std::string question_key(Sequence sequence);
std::string decision_key(Sequence sequence, std::uint32_t attempt);
std::string edited_key(Sequence sequence);  // value: the payload

// What a task in this queue has to be asked, its own policy and the queue's together.
struct Consent {
  Approval approval;
  bool by_queue = false;  // of the point in question
};
Consent consent_for(const QueueSettings& settings, std::string_view policies, std::uint8_t point);

}  // namespace hirehall::engine
