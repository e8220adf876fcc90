// From the arguments to a command, or to a program hirehall-X.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <ostream>

#include "client/cli/command.h"
#include "client/cli/completion.h"
#include "client/cli/suggestion.h"
#include "common/version.h"

namespace hirehall::cli {
namespace {

namespace fs = std::filesystem;

bool asks_for(const std::vector<std::string>& words, std::string_view flag, std::string_view letter) {
  return std::ranges::any_of(words, [&](const auto& w) { return w == flag || w == letter; });
}

fs::path own_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

// hirehall X … becomes hirehall-X …; returns when there is no such program.
void run_beside(const std::vector<std::string>& rest) {
  if (rest.front().find('/') != std::string::npos) return;
  std::string name = "hirehall-" + rest.front();
  std::vector<char*> argv{name.data()};
  auto arguments = std::vector<std::string>(rest.begin() + 1, rest.end());
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  ::execv((own_folder() / name).c_str(), argv.data());
  ::execvp(name.c_str(), argv.data());
}

std::string advice(const std::string& meant) {
  if (meant.empty()) return "`hirehall --help` lists the commands";
  return "did you mean `hirehall " + meant + "`? `hirehall --help` lists all commands";
}

int run_command(const Command& command, const std::vector<std::string>& arguments, std::ostream& out,
                std::ostream& err) {
  auto values = settle(command, arguments);
  if (!values) {
    err << "hirehall: " << values.error().message;
    if (!values.error().context.empty()) err << " (" << values.error().context << ")";
    err << "\n`hirehall " << name_of(command) << " --help` shows options and examples\n";
    int code = exit_code_of(values.error().code);
    return command.exits.empty() ? code : command.usage_code;
  }
  if (values->answer()) {
    out << *values->answer();
    return ok;
  }
  Context context(std::move(*values), out, err);
  return command.watch && context.values().flag("watch") ? watch(context, command) : command.run(context);
}

int without_noun(const std::vector<std::string>& options, std::ostream& out, std::ostream& err) {
  if (asks_for(options, "--version", "--version")) {
    out << "hirehall " << software_version() << "\n";
    return ok;
  }
  bool asked = asks_for(options, "--help", "-h");
  (asked ? out : err) << overview();
  return asked ? ok : usage;
}

// watch queue list … is queue list … --watch
void unfold_watch(std::vector<std::string>& rest) {
  auto [command, words] = find_command(std::span(rest).subspan(1));
  if (command == nullptr || !command->watch) return;
  rest.erase(rest.begin());
  rest.insert(rest.begin() + static_cast<std::ptrdiff_t>(words), "--watch");
}

int without_verb(const std::vector<std::string>& rest, std::ostream& out, std::ostream& err) {
  bool asked = rest.size() == 1 || rest[1] == "--help" || rest[1] == "-h";
  if (asked) {
    (rest.size() > 1 ? out : err) << noun_help(rest[0]);
    return rest.size() > 1 ? ok : usage;
  }
  const auto meant = suggested(rest[0], rest[1]);
  err << "hirehall: " << rest[0] << " has no verb '" << rest[1] << "'; " << advice(meant) << "\n";
  if (meant.empty()) err << noun_help(rest[0]);
  return usage;
}

}  // namespace

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  if (!arguments.empty() && arguments[0] == completion_word)
    return complete_words({arguments.begin() + 1, arguments.end()}, out);
  auto at = static_cast<std::ptrdiff_t>(noun_at(arguments));
  std::vector<std::string> leading(arguments.begin(), arguments.begin() + at);
  std::vector<std::string> rest(arguments.begin() + at, arguments.end());
  if (rest.empty()) return without_noun(leading, out, err);
  if (rest[0] == "watch") unfold_watch(rest);
  // What a person types each morning.
  bool alone = rest.size() == 1 || (rest[1].starts_with("-") && rest[1] != "--help" && rest[1] != "-h");
  if (alone && rest[0] == "inbox") rest.insert(rest.begin() + 1, "list");
  if (auto [command, words] = find_command(rest); command != nullptr) {
    leading.insert(leading.end(), rest.begin() + static_cast<std::ptrdiff_t>(words), rest.end());
    return run_command(*command, leading, out, err);
  }
  if (std::ranges::any_of(commands(), [&](const auto& c) { return c.noun == rest[0]; }))
    return without_verb(rest, out, err);
  run_beside(rest);
  err << "hirehall: there is no command '" << rest[0] << "', and no program hirehall-" << rest[0]
      << " beside this one or in PATH; " << advice(suggested(rest[0], rest.size() > 1 ? rest[1] : ""))
      << "\n";
  return usage;
}

}  // namespace hirehall::cli
