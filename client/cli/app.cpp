// From the arguments to a command, or to a program hirehall-X.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <ostream>

#include "client/cli/command.h"
#include "common/version.h"

namespace hirehall::cli {
namespace {

namespace fs = std::filesystem;

// The options of every command that take a value: they may stand before the noun.
constexpr std::array<std::string_view, 7> leading_with_value{
    "--broker", "--output", "-o", "--config", "--request-timeout", "--key-file", "--server-key-file"};

struct Words {
  std::vector<std::string> leading;  // options before the noun
  std::vector<std::string> rest;     // from the noun on
};

Words split(const std::vector<std::string>& arguments) {
  Words words;
  std::size_t i = 0;
  for (; i < arguments.size() && arguments[i].starts_with('-'); ++i) {
    words.leading.push_back(arguments[i]);
    bool takes_value = std::ranges::find(leading_with_value, arguments[i]) != leading_with_value.end();
    if (takes_value && i + 1 < arguments.size()) words.leading.push_back(arguments[++i]);
  }
  words.rest.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
  return words;
}

bool asks_for(const std::vector<std::string>& words, std::string_view flag, std::string_view letter) {
  return std::ranges::any_of(words, [&](const auto& w) { return w == flag || w == letter; });
}

std::string config_path() {
  std::string base;
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && *xdg != 0)
    base = xdg;
  else if (const char* home = std::getenv("HOME"); home != nullptr && *home != 0)
    base = std::string(home) + "/.config";
  auto path = base + "/hirehall/hirehall.conf";
  std::error_code ignored;
  return !base.empty() && fs::exists(path, ignored) ? path : std::string();
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

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto corner = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

std::string suggestion(std::string_view noun, std::string_view verb) {
  const Command* best = nullptr;
  std::size_t least = 4;
  for (const auto& c : commands()) {
    auto d = distance(noun, c.noun) + (verb.empty() || c.verb.empty() ? 0 : distance(verb, c.verb));
    if (d < least) least = d, best = &c;
  }
  if (best == nullptr) return "`hirehall --help` lists the commands";
  std::string name =
      "hirehall " + std::string(best->noun) + (best->verb.empty() ? "" : " " + std::string(best->verb));
  return "did you mean `" + name + "`? `hirehall --help` lists all commands";
}

int run_command(const Command& command, const std::vector<std::string>& arguments, std::ostream& out,
                std::ostream& err) {
  auto path = config_path();
  auto environment = [&](const std::string& variable) -> const char* {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr && variable == "HIREHALL_CONFIG" && !path.empty()) return path.c_str();
    return value;
  };
  auto values = table_of(command).parse(arguments, environment);
  if (!values) {
    err << "hirehall: " << values.error().message;
    if (!values.error().context.empty()) err << " (" << values.error().context << ")";
    err << "\n`hirehall " << command.noun << (command.verb.empty() ? "" : " ") << command.verb
        << " --help` shows options and examples\n";
    return usage;
  }
  if (values->answer()) {
    out << *values->answer();
    return ok;
  }
  Context context(std::move(*values), out, err);
  return command.run(context);
}

}  // namespace

int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  auto [leading, rest] = split(arguments);
  if (rest.empty()) {
    if (asks_for(leading, "--version", "--version")) {
      out << "hirehall " << software_version() << "\n";
      return ok;
    }
    bool asked = asks_for(leading, "--help", "-h");
    (asked ? out : err) << overview();
    return asked ? ok : usage;
  }
  bool known_noun = false;
  for (const auto& c : commands()) {
    if (c.noun != rest[0]) continue;
    known_noun = true;
    std::size_t words = c.verb.empty() ? 1 : 2;
    if (words == 2 && (rest.size() < 2 || rest[1] != c.verb)) continue;
    leading.insert(leading.end(), rest.begin() + static_cast<std::ptrdiff_t>(words), rest.end());
    return run_command(c, leading, out, err);
  }
  if (known_noun) {
    bool asked = rest.size() == 1 || rest[1] == "--help" || rest[1] == "-h";
    if (!asked)
      err << "hirehall: " << rest[0] << " has no verb '" << rest[1] << "'; " << suggestion(rest[0], rest[1])
          << "\n";
    (asked ? out : err) << noun_help(rest[0]);
    return asked && rest.size() > 1 ? ok : usage;
  }
  run_beside(rest);
  err << "hirehall: there is no command '" << rest[0] << "', and no program hirehall-" << rest[0]
      << " beside this one or in PATH; " << suggestion(rest[0], rest.size() > 1 ? rest[1] : "") << "\n";
  return usage;
}

int help(Context& c) {
  c.out() << (c.values().flag("markdown") ? manual() : overview());
  return ok;
}

}  // namespace hirehall::cli
