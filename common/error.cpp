#include "common/error.h"

#include <algorithm>
#include <array>

namespace hirehall {
namespace {

struct Row {
  Code code;
  std::string_view name;
  Action action;
};

constexpr Row rows[] = {
    {Code::ok, "ok", Action::none},
    {Code::bad_message, "bad_message", Action::fix},
    {Code::unsupported, "unsupported", Action::fix},
    {Code::version_mismatch, "version_mismatch", Action::fix},
    {Code::unknown_session, "unknown_session", Action::retry},
    {Code::session_expired, "session_expired", Action::give_up},
    {Code::denied, "denied", Action::fix},
    {Code::not_found, "not_found", Action::give_up},
    {Code::conflict, "conflict", Action::fix},
    {Code::invalid, "invalid", Action::fix},
    {Code::too_large, "too_large", Action::fix},
    {Code::queue_full, "queue_full", Action::retry},
    {Code::dead_letters_full, "dead_letters_full", Action::retry},
    {Code::disk_full, "disk_full", Action::retry},
    {Code::busy, "busy", Action::retry},
    {Code::out_of_order, "out_of_order", Action::retry},
    {Code::timeout, "timeout", Action::retry},
    {Code::stale, "stale", Action::give_up},
    {Code::terminal, "terminal", Action::give_up},
    {Code::expired, "expired", Action::give_up},
    {Code::unavailable, "unavailable", Action::retry},
    {Code::not_leader, "not_leader", Action::retry},
    {Code::moved, "moved", Action::retry},
    {Code::unreachable, "unreachable", Action::retry},
    {Code::corrupt, "corrupt", Action::give_up},
    {Code::io, "io", Action::give_up},
    {Code::internal, "internal", Action::give_up},
    {Code::bad_answer, "bad_answer", Action::fix},
    {Code::not_unique, "not_unique", Action::give_up},
    {Code::already_started, "already_started", Action::give_up},
};

const Row& row_of(Code code) {
  const auto* row = std::ranges::find(rows, code, &Row::code);
  return row == std::end(rows) ? *std::ranges::find(rows, Code::internal, &Row::code) : *row;
}

constexpr std::array<std::string_view, 4> action_names{"none", "retry", "fix", "give_up"};

}  // namespace

bool is_code(std::uint64_t number) {
  return number < code_numbers &&
         std::ranges::find(rows, static_cast<Code>(number), &Row::code) != std::end(rows);
}

std::string_view name_of(Code code) {
  return row_of(code).name;
}
std::string_view name_of(Action action) {
  return action_names.at(static_cast<std::size_t>(action));
}
Action action_of(Code code) {
  return row_of(code).action;
}

Code code_from_name(std::string_view name) {
  const auto* row = std::ranges::find(rows, name, &Row::name);
  return row == std::end(rows) ? Code::internal : row->code;
}

std::string describe(const Error& error) {
  std::string text{name_of(error.code)};
  text += ": ";
  text += error.message;
  if (!error.context.empty()) text += " (" + error.context + ")";
  return text;
}

}  // namespace hirehall
