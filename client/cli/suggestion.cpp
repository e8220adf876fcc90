// What somebody may have meant who named a command that is not there.
#include "client/cli/suggestion.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "client/cli/command.h"
#include "common/near.h"

namespace hirehall::cli {
namespace {

// Words of other tools for what a verb here says.
constexpr std::array<std::string_view, 10> alike{
    "get show info describe status inspect view",
    "list ls all",
    "edit update change modify",
    "set create add new update edit change make put",
    "submit enqueue push send post publish apply create add new put",
    "pause stop hold suspend drain disable",
    "resume start continue unpause enable",
    "cancel kill revoke abort stop delete remove rm drop",
    "delete forget remove rm drop",
    "purge clear empty",
};

struct Elsewhere {
  std::string_view noun, verb, command;
};
constexpr std::array<Elsewhere, 12> elsewhere{{
    {"task", "retry", "dead retry"},
    {"task", "requeue", "dead retry"},
    {"task", "purge", "queue purge"},
    {"task", "pause", "queue pause"},
    {"task", "approve", "inbox approve"},
    {"task", "reject", "inbox reject"},
    {"limit", "pause", "limit pause-until"},
    {"limit", "stop", "limit pause-until"},
    {"breaker", "close", "breaker reset"},
    {"worker", "pause", "worker drain"},
    {"worker", "resume", "worker drain --undo"},
    {"version", "", "--version"},
}};

bool has_word(std::string_view words, std::string_view word) {
  std::istringstream in{std::string(words)};
  for (std::string one; in >> one;)
    if (one == word) return true;
  return false;
}

const Command* by_meaning(std::string_view noun, std::string_view verb) {
  for (auto words : alike)
    if (has_word(words, verb))
      for (const auto& c : commands())
        if (c.noun == noun && has_word(words, c.verb)) return &c;
  return nullptr;
}

// `submit`, without the noun: the first that has this verb, which is that of tasks where there is one.
const Command* by_verb(std::string_view word) {
  for (const auto& c : commands())
    if (c.verb == word) return &c;
  return by_meaning("task", word);
}

const Command* by_letters(std::string_view noun, std::string_view verb) {
  const Command* best = nullptr;
  auto least = std::min<std::size_t>(4, (noun.size() + verb.size()) / 3 + 1);
  for (const auto& c : commands()) {
    auto d = edits_between(noun, c.noun) + (verb.empty() || c.verb.empty() ? 0 : edits_between(verb, c.verb));
    if (d < least) least = d, best = &c;
  }
  return best;
}

}  // namespace

std::string suggested(std::string_view noun, std::string_view verb) {
  for (const auto& e : elsewhere)
    if (e.noun == noun && (e.verb == verb || e.verb.empty())) return std::string(e.command);
  const bool noun_is_one = std::ranges::any_of(commands(), [&](const auto& c) { return c.noun == noun; });
  const Command* meant = noun_is_one ? by_meaning(noun, verb) : by_verb(noun);
  if (meant == nullptr) meant = by_letters(noun, verb);
  return meant == nullptr ? std::string() : name_of(*meant);
}

}  // namespace hirehall::cli
