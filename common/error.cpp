#include "common/error.h"

#include <array>

namespace hirehall {
namespace {

struct Row {
  std::string_view name;
  Action action;
};

constexpr std::array<Row, 27> rows{{
    {"ok", Action::none},
    {"bad_message", Action::fix},
    {"unsupported", Action::fix},
    {"version_mismatch", Action::fix},
    {"unknown_session", Action::retry},
    {"session_expired", Action::give_up},
    {"denied", Action::fix},
    {"not_found", Action::give_up},
    {"conflict", Action::fix},
    {"invalid", Action::fix},
    {"too_large", Action::fix},
    {"queue_full", Action::retry},
    {"dead_letters_full", Action::retry},
    {"disk_full", Action::retry},
    {"busy", Action::retry},
    {"out_of_order", Action::retry},
    {"timeout", Action::retry},
    {"stale", Action::give_up},
    {"terminal", Action::give_up},
    {"expired", Action::give_up},
    {"unavailable", Action::retry},
    {"not_leader", Action::retry},
    {"moved", Action::retry},
    {"unreachable", Action::retry},
    {"corrupt", Action::give_up},
    {"io", Action::give_up},
    {"internal", Action::give_up},
}};

constexpr std::array<std::string_view, 4> action_names{"none", "retry", "fix", "give_up"};

}  // namespace

std::string_view name_of(Code code) {
  return rows.at(static_cast<std::size_t>(code)).name;
}
std::string_view name_of(Action action) {
  return action_names.at(static_cast<std::size_t>(action));
}
Action action_of(Code code) {
  return rows.at(static_cast<std::size_t>(code)).action;
}

Code code_from_name(std::string_view name) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].name == name) return static_cast<Code>(i);
  return Code::internal;
}

std::string describe(const Error& error) {
  std::string text{name_of(error.code)};
  text += ": ";
  text += error.message;
  if (!error.context.empty()) text += " (" + error.context + ")";
  return text;
}

}  // namespace hirehall
