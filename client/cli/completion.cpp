// Candidates for the last word of a command line. Pure.
#include "client/cli/completion.h"

#include <algorithm>
#include <array>
#include <optional>

#include "client/cli/command.h"
#include "common/where.h"

namespace hirehall::cli {
namespace {

constexpr std::array states{"scheduled", "ready",  "leased",    "suspended",
                            "succeeded", "failed", "cancelled", "expired"};

const OptionDeclaration* option_of(const OptionTable& table, std::string_view word) {
  for (const auto& d : table.declarations())
    if (word == "--" + d.name || (d.letter != 0 && word == std::string("-") + d.letter)) return &d;
  return nullptr;
}

// "TYPE [PAYLOAD]", 1 → "PAYLOAD"; "ID..." is the answer for all that follow.
std::string operand_kind(std::string_view form, std::size_t index) {
  std::string kind;
  bool repeats = false;
  for (std::size_t i = 0; !form.empty() && i <= index; ++i) {
    auto end = std::min(form.find(' '), form.size());
    kind.clear();
    for (char c : form.substr(0, end))
      if (c != '[' && c != ']' && c != '.') kind += c;
    repeats = form.substr(0, end).find("...") != std::string_view::npos;
    form.remove_prefix(std::min(end + 1, form.size()));
    if (i == index) return kind;
  }
  return repeats ? kind : std::string();
}

class Completing {
 public:
  Completing(std::span<const std::string> words, const Names& names)
      : before_(words.first(words.size() - 1)), last_(words.back()), names_(names) {}

  Completion answer() {
    auto noun = noun_at(before_);
    auto rest = before_.subspan(noun);
    auto global = global_table();
    if (rest.empty()) {
      if (auto value = awaits_value(global, before_)) return value_of(*value, {}), done();
      return last_.starts_with('-') ? options(global, {}) : nouns(), done();
    }
    auto [command, count] = find_command(rest);
    if (command == nullptr) return rest.size() == 1 ? verbs(rest[0]) : void(), done();
    auto table = table_of(*command);
    auto given = rest.subspan(count);
    if (auto value = awaits_value(table, given)) return value_of(*value, command->noun), done();
    if (auto at = last_.find('='); last_.starts_with("--") && at != std::string::npos) {
      if (const auto* d = option_of(table, last_.substr(0, at)))
        prefix_ = last_.substr(0, at + 1), value_of(*d, command->noun);
      return done();
    }
    if (last_.starts_with('-'))
      options(table, given);
    else
      operand(*command, operands_in(table, given));
    return done();
  }

 private:
  void add(std::string_view word, std::string_view note) {
    auto whole = prefix_ + std::string(word);
    if (whole.starts_with(last_)) out_.candidates.push_back({whole, std::string(note)});
  }

  Completion done() { return std::move(out_); }

  static const OptionDeclaration* awaits_value(const OptionTable& table, std::span<const std::string> given) {
    const OptionDeclaration* open = nullptr;
    for (const auto& word : given) {
      bool was_open = open != nullptr;
      open = was_open ? nullptr : option_of(table, word);
      if (open != nullptr && open->shape == OptionShape::flag) open = nullptr;
    }
    return open;
  }

  static std::size_t operands_in(const OptionTable& table, std::span<const std::string> given) {
    std::size_t count = 0;
    bool open = false;
    for (const auto& word : given) {
      const auto* d = open ? nullptr : option_of(table, word);
      if (!open && !word.starts_with('-')) ++count;
      open = d != nullptr && d->shape != OptionShape::flag;
    }
    return count;
  }

  void nouns() {
    std::string_view noun;
    for (const auto& c : commands()) {
      if (c.noun == noun) continue;
      noun = c.noun;
      std::string verbs;
      for (const auto& other : commands())
        if (other.noun == noun && !other.verb.empty())
          verbs += (verbs.empty() ? "" : ", ") + std::string(other.verb);
      add(noun, verbs.empty() ? c.summary : std::string_view(verbs));
    }
  }

  void verbs(std::string_view noun) {
    for (const auto& c : commands())
      if (c.noun == noun && !c.verb.empty()) add(c.verb, c.summary);
  }

  void options(const OptionTable& table, std::span<const std::string> given) {
    for (const auto& d : table.declarations()) {
      bool again =
          d.shape == OptionShape::texts ||
          std::none_of(given.begin(), given.end(), [&](const auto& w) { return w == "--" + d.name; });
      if (again) add("--" + d.name, d.help);
    }
  }

  void value_of(const OptionDeclaration& d, std::string_view noun) {
    for (const auto& c : d.choices) add(c, {});
    if (d.choices.empty() && (d.shape == OptionShape::text || d.shape == OptionShape::texts))
      of_kind(d.placeholder, noun);
  }

  void operand(const Command& c, std::size_t index) {
    if (index >= c.operands_max) return;
    auto kind = operand_kind(c.operands, index);
    if (kind == "NOUN") return nouns();
    if (kind == "VERB") return verbs(before_.back());
    of_kind(kind, c.noun);
  }

  void of_kind(std::string_view kind, std::string_view noun) {
    if (kind == "FILE") out_.files = Completion::Files::files;
    if (kind == "DIR") out_.files = Completion::Files::folders;
    if (kind == "STATE")
      for (const auto* state : states) add(state, {});
    if (kind == "WHERE") where(noun);
    if (kind == "SHELL")
      for (const auto* shell : {"bash", "zsh", "fish"}) add(shell, {});
    for (std::string_view asked :
         {"QUEUE", "WORKER", "AGENT", "BREAKER", "SCHEDULE", "LIMIT", "BATCH", "ID", "TYPE", "CONTEXT"})
      if (kind == asked)
        for (const auto& name : names_(kind, noun)) add(name.word, name.note);
  }

  // The test that is being typed: a field, or behind its operator a value.
  void where(std::string_view noun) {
    auto typed = std::string_view(last_).substr(prefix_.size());
    auto begin = typed.find_last_of(" (,'\"");
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    auto test = typed.substr(begin);
    auto value = test.find_last_of("=<>~");
    prefix_ += typed.substr(0, begin);
    if (value == std::string_view::npos) {
      for (const auto& field : where_fields())
        add(std::string(field.name) + (field.name.ends_with('.') ? "" : "="), field.help);
      return;
    }
    prefix_ += test.substr(0, value + 1);
    auto name = test.substr(0, test.find_first_of("!=<>~"));
    for (const auto& field : where_fields())
      if (field.name == name && !field.names.empty()) of_kind(field.names, noun);
  }

  std::span<const std::string> before_;
  const std::string& last_;
  const Names& names_;
  std::string prefix_;
  Completion out_;
};

}  // namespace

Completion complete(std::span<const std::string> words, const Names& names) {
  static const std::string nothing;
  if (words.empty()) return complete(std::span(&nothing, 1), names);
  return Completing(words, names).answer();
}

// Readline hands over words that it has cut at = and : too, and replaces only what is behind the last cut:
// the pieces are put together, and the part that stays is taken off the candidates.
constexpr std::string_view bash_script =
    R"bash(# bash completion for hirehall, made by `hirehall completion bash`
_hirehall() {
  local -a words=() reply=()
  local piece line joined=0 i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if [[ $piece =~ ^[=:]+$ && ${#words[@]} -gt 0 ]]; then
      words[-1]+=$piece joined=1
    elif ((joined)); then
      words[-1]+=$piece joined=0
    else
      words+=("$piece")
    fi
  done
  local last=${words[-1]} stays
  piece=${COMP_WORDS[COMP_CWORD]}
  [[ $piece =~ ^[=:]+$ ]] && piece=
  stays=${last%"$piece"}
  COMPREPLY=()
  mapfile -t reply < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
  for line in "${reply[@]}"; do
    case $line in
      :files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$piece") ;;
      :folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$piece") ;;
      :end) ;;
      *) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$stays"}") ;;
    esac
  done
}
complete -F _hirehall hirehall
)bash";

constexpr std::string_view zsh_script = R"zsh(#compdef hirehall
# zsh completion for hirehall, made by `hirehall completion zsh`
_hirehall() {
  local -a found notes
  local line word
  for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files ;;
      :folders) _files -/ ;;
      :end|'') ;;
      *)
        word=${line%%$'\t'*}
        found+=("$word")
        if [[ -n ${line#*$'\t'} ]]; then notes+=("$word -- ${line#*$'\t'}"); else notes+=("$word"); fi
        ;;
    esac
  done
  (( ${#found} )) && compadd -l -d notes -a found
}
if [[ ${funcstack[1]} == _hirehall ]]; then
  _hirehall "$@"
else
  compdef _hirehall hirehall
fi
)zsh";

constexpr std::string_view fish_script =
    R"fish(# fish completion for hirehall, made by `hirehall completion fish`
function __hirehall_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$last" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$last"
            case ':folders'
                __fish_complete_directories "$last"
            case ':end'
            case '*'
                echo $line
        end
    end
end
complete -c hirehall -e
complete -c hirehall -f -a '(__hirehall_complete)'
)fish";

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(bash_script);
  if (shell == "zsh") return std::string(zsh_script);
  if (shell == "fish") return std::string(fish_script);
  return {};
}

}  // namespace hirehall::cli
