// What an attempt asks, and whether an answer is what it asks for. Pure; docs/inbox.md has the form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/task.h"

namespace hirehall::server {

enum class FieldType : std::uint8_t { text, integer, number, boolean, choice };

struct FormField {
  std::string name;
  FieldType type = FieldType::text;
  bool required = true;
  std::vector<std::string> options;  // of a choice
  std::optional<double> low, high;   // of a number, or of the length of a text
};

struct Question {
  std::string text;
  std::vector<std::string> options;  // the answer is one of them
  std::vector<FormField> form;       // the answer is an object of these
  Millis timeout_ms = 0;
  std::optional<std::string> default_answer;  // when the time is over; else the task fails
  std::vector<std::string> who;               // principals and role:NAME; empty: whoever may answer at all
};

// Out of the encoded map of a finish; invalid: names what is wrong with it.
Result<Question> read_question(std::string_view encoded);
// bad_answer: says what the question takes.
Status fits(const Question& question, std::string_view answer);

}  // namespace hirehall::server
