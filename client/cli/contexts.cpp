#include "client/cli/contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/cli/completion.h"

namespace hirehall::cli {
namespace {

namespace fs = std::filesystem;

std::string trimmed(std::string_view text) {
  auto from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \t\r") - from + 1));
}

client::Error bad_line(const std::string& path, std::size_t line, const std::string& why) {
  return {client::ErrorCode::invalid, why, path + ":" + std::to_string(line), 0};
}

std::string* field_of(NamedContext& context, std::string_view key) {
  if (key == "broker") return &context.broker;
  if (key == "key-file") return &context.key_file;
  if (key == "server-key-file") return &context.server_key_file;
  if (key == "tenant") return &context.tenant;
  return nullptr;
}

// "" or what is wrong with the line.
std::string take_line(ContextBook& book, const std::string& line) {
  if (line.front() == '[') {
    if (line.back() != ']' || line.size() < 3) return "a section reads [NAME]";
    auto name = trimmed(std::string_view(line).substr(1, line.size() - 2));
    if (book.find(name) != nullptr) return "the context '" + name + "' stands here twice";
    book.contexts.push_back({name, {}, {}, {}, {}});
    return {};
  }
  auto at = line.find('=');
  if (at == std::string::npos) return "a line reads `name = value`";
  auto key = trimmed(std::string_view(line).substr(0, at));
  auto value = trimmed(std::string_view(line).substr(at + 1));
  if (book.contexts.empty()) {
    if (key != "use") return "before the first [NAME] only `use = NAME` may stand";
    book.current = value;
    return {};
  }
  auto* field = field_of(book.contexts.back(), key);
  if (field == nullptr)
    return "unknown key '" + key + "'; a context has broker, key-file, server-key-file and tenant";
  *field = value;
  return {};
}

std::string contexts_path() {
  auto folder = configuration_folder();
  return folder.empty() ? std::string() : folder + "/contexts";
}

// The context that counts for these values; nullopt: none.
client::Result<std::optional<NamedContext>> context_for(const OptionValues& values) {
  using From = OptionValues::From;
  const auto& asked = values.text("context");
  // An endpoint given by option or variable is another hall: keys of the context would be wrong there.
  if (asked.empty() && (values.from("broker") == From::flag || values.from("broker") == From::environment))
    return std::optional<NamedContext>();
  auto book = read_contexts();
  if (!book) return tl::unexpected(book.error());
  auto name = asked.empty() ? book->current : asked;
  if (name.empty()) return std::optional<NamedContext>();
  auto* found = book->find(name);
  if (found == nullptr)
    return tl::unexpected(
        client::Error{client::ErrorCode::not_found,
                      "there is no context '" + name + "'; `hirehall context list` shows those there are",
                      contexts_path(), 0});
  return std::optional(*found);
}

const char* variable_or_null(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != 0 ? value : nullptr;
}

client::Result<OptionValues> parse(const OptionTable& table, const std::vector<std::string>& arguments,
                                   const NamedContext* context, bool tenant) {
  auto folder = configuration_folder();
  std::error_code ignored;
  auto file = folder.empty() ? folder : folder + "/hirehall.conf";
  if (!fs::exists(file, ignored)) file.clear();
  auto environment = [&](const std::string& variable) -> const char* {
    if (const char* value = variable_or_null(variable.c_str())) return value;
    auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    if (variable == "HIREHALL_CONFIG") return given(file);
    if (context == nullptr) return nullptr;
    if (variable == "HIREHALL_BROKER") return given(context->broker);
    if (variable == "HIREHALL_KEY_FILE") return given(context->key_file);
    if (variable == "HIREHALL_SERVER_KEY_FILE") return given(context->server_key_file);
    if (variable == "HIREHALL_TENANT" && tenant) return given(context->tenant);
    return nullptr;
  };
  auto values = table.parse(arguments, environment);
  if (values) return std::move(*values);
  return tl::unexpected(
      client::Error{client::ErrorCode::invalid, values.error().message, values.error().context, 0});
}

}  // namespace

client::Result<ContextBook> ContextBook::parse(std::string_view text, const std::string& path) {
  ContextBook book;
  std::istringstream in{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line = trimmed(line);
    if (line.empty() || line.front() == '#') continue;
    if (auto wrong = take_line(book, line); !wrong.empty())
      return tl::unexpected(bad_line(path, number, wrong));
  }
  return book;
}

std::string ContextBook::text() const {
  std::string out = "# Written by `hirehall context`.\n";
  if (!current.empty()) out += "use = " + current + "\n";
  for (const auto& c : contexts) {
    out += "\n[" + c.name + "]\n";
    for (auto [key, value] : {std::pair{"broker", &c.broker},
                              {"key-file", &c.key_file},
                              {"server-key-file", &c.server_key_file},
                              {"tenant", &c.tenant}})
      if (!value->empty()) out += std::string(key) + " = " + *value + "\n";
  }
  return out;
}

NamedContext* ContextBook::find(std::string_view name) {
  for (auto& c : contexts)
    if (c.name == name) return &c;
  return nullptr;
}

std::string configuration_folder() {
  if (const char* xdg = variable_or_null("XDG_CONFIG_HOME")) return std::string(xdg) + "/hirehall";
  if (const char* home = variable_or_null("HOME")) return std::string(home) + "/.config/hirehall";
  return {};
}

client::Result<ContextBook> read_contexts() {
  auto path = contexts_path();
  std::ifstream in(path, std::ios::binary);
  if (path.empty() || !in) return ContextBook();
  return ContextBook::parse(std::string(std::istreambuf_iterator<char>(in), {}), path);
}

client::Status write_contexts(const ContextBook& book) {
  auto path = contexts_path();
  auto failed = [&](const std::string& why) {
    return tl::unexpected(client::Error{client::ErrorCode::io, why, path, 0});
  };
  if (path.empty()) return failed("neither XDG_CONFIG_HOME nor HOME says where contexts are kept");
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return failed("cannot make the folder: " + error.message());
  auto temporary = path + ".new";
  auto text = book.text();
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(fd) == 0;
  int number = errno;
  if (fd >= 0) ::close(fd);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0)
    return failed(std::string("cannot write the contexts: ") + std::strerror(written ? errno : number));
  return {};
}

client::Result<OptionValues> settle(const Command& command, const std::vector<std::string>& arguments) {
  auto table = table_of(command);
  auto values = parse(table, arguments, nullptr, false);
  if (!values || values->answer() || command.local) return values;
  auto context = context_for(*values);
  if (!context) return tl::unexpected(context.error());
  if (!*context) return values;
  // A pause without --tenant holds all tenants, so only what concerns single tasks has a tenant from the
  // context.
  return parse(table, arguments, &**context, command.noun == "task");
}

client::Options connection(const OptionValues& values) {
  client::Options o;
  o.broker = values.text("broker");
  o.request_timeout_ms = values.number("request-timeout");
  o.connect_timeout_ms = std::min(o.connect_timeout_ms, o.request_timeout_ms);
  o.key_file = values.text("key-file");
  o.server_key_file = values.text("server-key-file");
  if (values.declared("reason")) o.reason = values.text("reason");
  return o;
}

std::vector<Candidate> context_candidates() {
  std::vector<Candidate> out;
  if (auto book = read_contexts())
    for (const auto& c : book->contexts) out.push_back({c.name, c.broker});
  return out;
}

}  // namespace hirehall::cli
