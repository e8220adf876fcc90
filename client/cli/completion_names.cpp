// The names that completion asks the broker for: quickly, and without a word when nobody answers.
#include <algorithm>
#include <ostream>
#include <sstream>

#include "client/cli/command.h"
#include "client/cli/completion.h"

namespace hirehall::cli {
namespace {

constexpr client::Millis patience_ms = 400;  // a person has pressed Tab and waits
constexpr std::size_t ids_shown = 50;

// The options that say which broker, as they stand in the words.
std::vector<std::string> connection_of(std::span<const std::string> words) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (std::string_view option : {"--broker", "--key-file", "--server-key-file", "--context", "--config"}) {
      if (words[i].starts_with(std::string(option) + "=")) out.push_back(words[i]);
      if (words[i] == option && i + 2 < words.size()) out.insert(out.end(), {words[i], words[i + 1]});
    }
  }
  return out;
}

client::Result<client::Client> reach(std::span<const std::string> words) {
  const std::vector<std::string> stats{"stats"};
  auto values = settle(*find_command(stats).command, connection_of(words));
  if (!values) return tl::unexpected(values.error());
  auto o = connection(*values);
  o.name = "hirehall completion";
  o.connect_timeout_ms = o.request_timeout_ms = patience_ms;
  o.close_timeout_ms = 0;
  return client::Client::connect(std::move(o));
}

void name_workers(client::Client& client, std::string_view kind, std::vector<Candidate>& out) {
  auto workers = client.workers();
  if (!workers) return;
  for (const auto& w : *workers) {
    if (kind == "WORKER")
      out.push_back({w.name, std::to_string(w.held) + " of " + std::to_string(w.slots) + " slots busy"});
    else
      for (const auto& type : w.types) out.push_back({type, "done by " + w.name});
  }
}

void name_tasks(client::Client& client, std::string_view noun, std::vector<Candidate>& out) {
  client::ListQuery query;
  query.limit = ids_shown;
  query.newest_first = true;
  auto page = noun == "dead" ? client.dead(query) : client.list(query);
  if (!page) return;
  for (const auto& t : page->tasks)
    out.push_back({t.id.text(), t.type + " in " + t.queue + ", " + std::string(name_of(t.state))});
}

std::vector<Candidate> ask(client::Client& client, std::string_view kind, std::string_view noun) {
  std::vector<Candidate> out;
  if (kind == "QUEUE") {
    if (auto queues = client.queues())
      for (const auto& q : *queues) out.push_back({q.queue, std::to_string(q.ready) + " ready"});
  } else if (kind == "WORKER" || kind == "TYPE") {
    name_workers(client, kind, out);
  } else if (kind == "SCHEDULE") {
    if (auto schedules = client.schedules())
      for (const auto& s : *schedules) out.push_back({s.name, s.type + (s.paused ? ", paused" : "")});
  } else if (kind == "BATCH") {
    if (auto batches = client.batches())
      for (const auto& b : *batches) out.push_back({b.batch, std::to_string(b.open) + " open"});
  } else if (kind == "LIMIT") {
    if (auto limits = client.limits())
      for (const auto& l : *limits) out.push_back({l.name, l.paused ? "paused" : ""});
  } else if (kind == "BREAKER") {
    for (auto& [name, note] : breaker_names(client)) out.push_back({std::move(name), std::move(note)});
  } else if (kind == "AGENT") {
    for (auto& name : agent_names(client)) out.push_back({std::move(name), {}});
  } else if (kind == "ID") {
    name_tasks(client, noun, out);
  }
  std::stable_sort(out.begin(), out.end(), [&](const auto& a, const auto& b) {
    return kind != "ID" && a.word < b.word;  // ids stay as they come, the newest first
  });
  out.erase(
      std::unique(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.word == b.word; }),
      out.end());
  return out;
}

std::string one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

}  // namespace

int complete_words(const std::vector<std::string>& words, std::ostream& out) {
  auto names = [&](std::string_view kind, std::string_view noun) -> std::vector<Candidate> {
    if (kind == "CONTEXT") return context_candidates();
    auto client = reach(words);
    if (!client) return {};
    return ask(*client, kind, noun);
  };
  auto completion = complete(words, names);
  for (const auto& c : completion.candidates) {
    // What a shell would have to quote, or a terminal would obey, is left to be typed.
    if (one_line(c.word) != c.word) continue;
    out << c.word << '\t' << one_line(c.note) << '\n';
  }
  using Files = Completion::Files;
  out << (completion.files == Files::files     ? ":files\n"
          : completion.files == Files::folders ? ":folders\n"
                                               : ":end\n");
  return ok;
}

int completion(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the shell is missing: bash, zsh or fish");
  auto script = completion_script(c.operands()[0]);
  if (script.empty())
    return c.complain("there is no completion for '" + c.operands()[0] + "': give bash, zsh or fish");
  c.out() << script;
  return ok;
}

}  // namespace hirehall::cli
