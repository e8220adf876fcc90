// What is printed from the table: overview, help of a noun, docs/cli.md, JSON, manual pages.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client/cli/command.h"
#include "common/version.h"

namespace hirehall::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string full_name(const Command& c) {
  return "hirehall " + name_of(c);
}

// "task-submit": what a manual page is called behind "hirehall-".
std::string page_name(const Command& c) {
  return std::string(c.noun) + (c.verb.empty() ? "" : "-" + std::string(c.verb));
}

const char* shape_name(OptionShape shape) {
  switch (shape) {
    case OptionShape::text:
    case OptionShape::texts:
      return "text";
    case OptionShape::choice:
      return "choice";
    case OptionShape::number:
      return "number";
    case OptionShape::duration:
      return "duration";
    case OptionShape::bytes:
      return "bytes";
    case OptionShape::flag:
      return "flag";
  }
  return "text";
}

Json option_json(const OptionDeclaration& d) {
  Json o = {{"name", d.name}, {"shape", shape_name(d.shape)}, {"help", d.help}};
  if (d.letter != 0) o["letter"] = std::string(1, d.letter);
  if (d.shape != OptionShape::flag) o["placeholder"] = d.placeholder;
  if (d.shape != OptionShape::flag && !d.fallback.empty()) o["default"] = d.fallback;
  if (d.shape == OptionShape::texts) o["repeated"] = true;
  if (d.shape == OptionShape::choice) o["choices"] = d.choices;
  if (d.shape == OptionShape::number || d.shape == OptionShape::duration || d.shape == OptionShape::bytes) {
    o["min"] = d.range.min;
    o["max"] = d.range.max;
  }
  o["variable"] = d.variable();
  return o;
}

Json options_json(const OptionTable& table, const OptionTable* without) {
  Json out = Json::array();
  for (const auto& d : table.declarations()) {
    bool shared = false;
    if (without != nullptr)
      for (const auto& g : without->declarations())
        shared = shared || (g.name == d.name && g.choices == d.choices);
    if (!shared) out.push_back(option_json(d));
  }
  return out;
}

Json exits_json(std::span<const ExitMeaning> exits) {
  Json out = Json::array();
  for (const auto& e : exits) out.push_back({{"code", e.code}, {"meaning", e.meaning}});
  return out;
}

Json command_json(const Command& c, const OptionTable& global) {
  Json out = {{"noun", c.noun}, {"verb", c.verb}, {"summary", c.summary}};
  if (c.operands_max > 0)
    out["operands"] = {{"form", c.operands}, {"help", c.operand_help}, {"most", c.operands_max}};
  out["options"] = options_json(table_of(c), &global);
  if (!c.exits.empty()) out["exit_codes"] = exits_json(c.exits);
  Json examples = Json::array();
  for (auto rest = c.examples; !rest.empty();) {
    auto end = std::min(rest.find('\n'), rest.size());
    examples.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  out["examples"] = examples;
  return out;
}

client::Status write_page(const std::filesystem::path& folder, const std::string& name,
                          const std::string& text) {
  std::ofstream out(folder / name);
  out << text;
  if (out.flush()) return {};
  return tl::unexpected(
      client::Error{client::ErrorCode::io, "cannot write the manual page", (folder / name).string(), 0});
}

client::Status write_pages(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  if (auto s = write_page(folder, "hirehall.1", overview_man()); !s) return s;
  for (const auto& c : commands())
    if (auto s = write_page(folder, "hirehall-" + page_name(c) + ".1", table_of(c).man_page()); !s) return s;
  return {};
}

}  // namespace

std::string overview() {
  std::string out =
      "hirehall NOUN VERB [options]: the command line of Hirehall, a hiring hall for software agents\n\n";
  std::string_view noun;
  std::size_t width = 0;
  for (const auto& c : commands()) width = std::max(width, name_of(c).size() + 2);
  for (const auto& c : commands()) {
    if (c.noun != noun && !noun.empty()) out += "\n";
    noun = c.noun;
    auto name = name_of(c);
    name.resize(width, ' ');
    out += "  " + name + std::string(c.summary) + "\n";
  }
  out +=
      "\nFirst steps:\n  hirehall dev --demo              a whole fleet on this machine\n"
      "  hirehall task run echo hi        a task, and its result\n\n"
      "Options go anywhere; `hirehall task submit --help` lists those of a command. Results are on stdout, "
      "the rest\n"
      "on stderr. `hirehall X` runs `hirehall-X` when X is none of these.\n\n";
  return out + exit_line(exits_of({}));
}

std::string noun_help(std::string_view noun) {
  std::string out;
  for (const auto& c : commands()) {
    if (c.noun != noun) continue;
    std::string name = full_name(c) + (c.operands.empty() ? "" : " " + std::string(c.operands));
    out += name + "\n    " + std::string(c.summary) + "\n";
  }
  return out + "\n`" + "hirehall " + std::string(noun) + " VERB --help` shows options and examples.\n";
}

std::string manual() {
  std::string out =
      "# The command line\n\n"
      "Made by `hirehall help --markdown` from the table in `client/cli/table.cpp`; a test compares the "
      "two.\n\n"
      "Options go anywhere on the line. Each can stand in a variable too (`HIREHALL_BROKER`, "
      "`HIREHALL_OUTPUT` …), and in\n"
      "a configuration file (`~/.config/hirehall/hirehall.conf`, lines `name = value`). A *context* is a "
      "broker with a\n"
      "name: endpoint, key files and the tenant of `task` commands, made by `hirehall context set` and kept "
      "in\n"
      "`~/.config/hirehall/contexts`. The option wins over the variable, the variable over the context, the "
      "context over the\n"
      "file. With an endpoint from an option or a variable no context counts unless `--context` names it, so "
      "that no\n"
      "broker is met with the keys of another. Results are on stdout, everything else on stderr.\n\n"
      "Without `--broker` the broker is looked for at `$XDG_RUNTIME_DIR/hirehall/broker.ipc`, then at\n"
      "`/run/hirehall/broker.ipc`, then at `tcp://127.0.0.1:7420`.\n\n"
      "`-o json` prints one object, or an array of them; `-o jsonl` one object a line; `-o none` nothing.\n\n"
      "| exit code | meaning |\n|---|---|\n";
  for (const auto& e : exits_of({}))
    out += "| " + std::to_string(e.code) + " | " + std::string(e.meaning) + " |\n";
  out +=
      "\nThe shell completes commands, options and the names of queues, workers, agents and tasks after\n"
      "`source <(hirehall completion bash)`; packages install that, and manual pages (`man "
      "hirehall-task-submit`).\n"
      "Programs read all of this from `hirehall help --json`.\n\n"
      "`hirehall X` runs the program `hirehall-X` (beside `hirehall`, or in `PATH`) when X is none of the "
      "nouns below.\n";
  for (const auto& c : commands()) out += "\n## " + full_name(c) + "\n\n```\n" + table_of(c).help() + "```\n";
  return out;
}

std::string table_json() {
  auto global = global_table();
  Json out = {{"program", "hirehall"}, {"version", software_version()}};
  out["exit_codes"] = exits_json(exits_of({}));
  out["options"] = options_json(global, nullptr);
  out["commands"] = Json::array();
  for (const auto& c : commands()) out["commands"].push_back(command_json(c, global));
  return out.dump(2) + "\n";
}

std::string overview_man() {
  std::string out = ".TH HIREHALL 1 \"\" \"hirehall " + std::string(software_version()) + "\" \"Hirehall\"\n";
  out +=
      ".SH NAME\nhirehall \\- the command line of Hirehall, a hiring hall for software agents\n"
      ".SH SYNOPSIS\n.B hirehall\n\\fINOUN\\fR [\\fIVERB\\fR] [\\fIoptions\\fR]\n"
      ".SH DESCRIPTION\nResults are on the standard output, everything else on the standard error. Each "
      "command "
      "has a page of its own.\n.SH COMMANDS\n";
  for (const auto& c : commands())
    out += ".TP\n.BR hirehall\\-" + roff_escaped(page_name(c)) + " (1)\n" + roff_escaped(c.summary) + "\n";
  out += ".SH EXIT STATUS\n.nf\n";
  for (const auto& e : exits_of({})) out += std::to_string(e.code) + "\t" + roff_escaped(e.meaning) + "\n";
  return out + ".fi\n.SH SEE ALSO\n.BR hirehall\\-broker (8),\n.BR hirehall\\-worker (8)\n";
}

int help(Context& c) {
  if (c.values().flag("json")) return c.out() << table_json(), ok;
  if (c.values().flag("markdown")) return c.out() << manual(), ok;
  if (const auto& folder = c.values().text("man-directory"); !folder.empty()) {
    auto written = write_pages(folder);
    return written ? static_cast<int>(ok) : c.complain(written.error());
  }
  bool man = c.values().flag("man");
  if (c.operands().empty()) return c.out() << (man ? overview_man() : overview()), ok;
  auto [command, words] = find_command(c.operands());
  if (command != nullptr && words == c.operands().size()) {
    auto table = table_of(*command);
    return c.out() << (man ? table.man_page() : table.help()), ok;
  }
  const auto& noun = c.operands()[0];
  for (const auto& known : commands())
    if (known.noun == noun && c.operands().size() == 1 && !man) return c.out() << noun_help(noun), ok;
  return c.complain("there is no command '" + noun + (c.operands().size() > 1 ? " " + c.operands()[1] : "") +
                        "'; `hirehall help` lists them",
                    not_found);
}

}  // namespace hirehall::cli
