#include "worker/definition.h"

#include <sodium.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "common/check.h"
#include "common/limits.h"
#include "common/options.h"

namespace hirehall::worker {
namespace {

constexpr std::size_t file_bytes_max = 256u << 10;  // a prompt, not a book
constexpr std::size_t front_bytes_max = 64u << 10;
constexpr int depth_max = 8;

std::string place(const std::string& path, int line) {
  return path + ":" + std::to_string(line);
}

// Looks at the YAML before it becomes a tree: bounded depth and no aliases (a few of those make gigabytes).
class Guard : public YAML::EventHandler {
 public:
  const char* complaint = nullptr;
  int line = 0;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { anchored(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    complain(mark, "aliases are not accepted");
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string&) override {
    anchored(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void enter(const YAML::Mark& mark, YAML::anchor_t anchor) {
    anchored(mark, anchor);
    if (++depth_ > depth_max) complain(mark, "nested deeper than 8");
  }
  void anchored(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) complain(mark, "anchors are not accepted");
  }
  void complain(const YAML::Mark& mark, const char* what) {
    if (complaint != nullptr) return;
    complaint = what;
    line = mark.line;
  }
  int depth_ = 0;
};

struct Parts {
  std::string_view front;
  std::string_view body;
};

Result<Parts> split(std::string_view text, const std::string& path) {
  constexpr const char* form = "a definition starts with a line `---`, its YAML keys, and another line `---`";
  auto first = text.find('\n');
  auto trimmed = text.substr(0, first);
  if (!trimmed.empty() && trimmed.back() == '\r') trimmed.remove_suffix(1);
  if (trimmed != "---" || first == std::string_view::npos) return fail(Code::invalid, form, place(path, 1));
  for (std::size_t at = first + 1; at < text.size();) {
    auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line == "---") {
      if (at > front_bytes_max) return fail(Code::too_large, "the front matter has at most 64 KiB", path);
      auto body = text.substr(std::min(end + 1, text.size()));
      while (!body.empty() && (body.front() == '\n' || body.front() == '\r')) body.remove_prefix(1);
      return Parts{text.substr(first + 1, at - first - 1), body};
    }
    at = end + 1;
  }
  return fail(Code::invalid, std::string(form) + "; the second one is missing", path);
}

std::string digest_of(std::string_view text) {
  std::array<unsigned char, 32> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::array<char, 65> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return hex.data();
}

bool name_is_good(std::string_view name) {
  if (name.size() < 3 || name.size() > 50 || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// Reads one key's value. Complaints are thrown and caught in parse_definition, where yaml-cpp's own end as
// well.
struct Complaint {
  std::string message;
  YAML::Mark mark;
};

std::string scalar(const YAML::Node& node, const char* accepted = "a text") {
  if (!node.IsScalar()) throw Complaint{std::string("give ") + accepted, node.Mark()};
  return node.Scalar();
}

std::vector<std::string> list(const YAML::Node& node, bool commas) {
  std::vector<std::string> out;
  if (node.IsSequence()) {
    for (const auto& item : node) out.push_back(scalar(item, "a list of texts"));
  } else if (node.IsScalar()) {
    std::istringstream words(node.Scalar());
    for (std::string word; std::getline(words, word, commas ? ',' : ' ');) {
      auto from = word.find_first_not_of(" \t");
      if (from != std::string::npos)
        out.push_back(word.substr(from, word.find_last_not_of(" \t") - from + 1));
    }
  } else if (!node.IsNull()) {
    throw Complaint{"give a text or a list of texts", node.Mark()};
  }
  return out;
}

StringMap map(const YAML::Node& node) {
  if (!node.IsMap()) throw Complaint{"give a map of texts", node.Mark()};
  StringMap out;
  for (const auto& pair : node) out[scalar(pair.first)] = scalar(pair.second);
  if (out.size() > limits::labels_max) throw Complaint{"at most 64 entries", node.Mark()};
  return out;
}

bool boolean(const YAML::Node& node) {
  auto text = scalar(node, "true or false");
  if (text == "true" || text == "yes") return true;
  if (text == "false" || text == "no") return false;
  throw Complaint{"give true or false, not '" + text + "'", node.Mark()};
}

std::int64_t number(const YAML::Node& node, std::int64_t min, std::int64_t max) {
  auto text = scalar(node, "a number");
  auto value = parse_bytes(text);  // plain numbers too
  if (!value || *value < min || *value > max)
    throw Complaint{
        "give a number from " + std::to_string(min) + " to " + std::to_string(max) + ", not '" + text + "'",
        node.Mark()};
  return *value;
}

Millis duration(const YAML::Node& node) {
  auto value = parse_duration(scalar(node, "a duration"));
  if (!value || *value < 0)
    throw Complaint{"give milliseconds or a duration like 30s, not '" + node.Scalar() + "'", node.Mark()};
  return *value;
}

using Warnings = std::vector<std::string>;

template <typename Table>
void warn_unknown(const YAML::Node& key, const Table& known, const std::string& path, Warnings& warnings) {
  std::string names;
  for (const auto& [name, read] : known) names += (names.empty() ? "" : ", ") + std::string(name);
  warnings.push_back(place(path, key.Mark().line + 2) + ": unknown key '" + key.Scalar() +
                     "' is ignored; known keys: " + names);
}

void read_limits(const YAML::Node& node, ProcessLimits& out, const std::string& path, Warnings& warnings) {
  if (!node.IsMap()) throw Complaint{"give a map with memory, cpu, files", node.Mark()};
  constexpr std::int64_t tebibyte = std::int64_t{1} << 40;
  using Read = std::function<void(const YAML::Node&)>;
  const std::vector<std::pair<std::string_view, Read>> known{
      {"memory", [&](const auto& n) { out.memory_bytes = number(n, 1 << 20, tebibyte); }},
      {"cpu", [&](const auto& n) { out.cpu_seconds = std::max<Millis>(1, duration(n) / 1000); }},
      {"files", [&](const auto& n) { out.files = number(n, 16, 1 << 20); }},
  };
  for (const auto& pair : node) {
    auto it = std::find_if(known.begin(), known.end(),
                           [&](const auto& k) { return k.first == pair.first.Scalar(); });
    if (it == known.end())
      warn_unknown(pair.first, known, path, warnings);
    else
      it->second(pair.second);
  }
}

void read_price_field(const YAML::Node& key, const YAML::Node& value, PriceOffer& out) {
  if (key.Scalar() != "types") {
    if (auto set = set_price(out, key.Scalar(), scalar(value, "a number")); !set)
      throw Complaint{set.error().message, value.Mark()};
    return;
  }
  if (!value.IsMap()) throw Complaint{"types is a map of task types and multipliers", value.Mark()};
  for (const auto& type : value)
    if (auto set = set_multiplier(out, scalar(type.first), scalar(type.second, "a number")); !set)
      throw Complaint{set.error().message, type.second.Mark()};
}

// A number, which is the base, or a map.
PriceOffer read_price(const YAML::Node& node) {
  PriceOffer out;
  if (node.IsScalar()) {
    if (auto set = set_price(out, "base", node.Scalar()); !set)
      throw Complaint{set.error().message, node.Mark()};
    return out;
  }
  if (!node.IsMap())
    throw Complaint{"give a number, or a map with base, load_slope, cap, types", node.Mark()};
  for (const auto& pair : node) read_price_field(pair.first, pair.second, out);
  return out;
}

// `on`, which is the usual settings, or a map.
std::optional<BreakerOffer> read_breaker(const YAML::Node& node) {
  constexpr const char* form = "on, off, or a map with failures, open, probes";
  BreakerOffer out;
  if (node.IsScalar()) {
    const auto& word = node.Scalar();
    if (word == "on" || word == "true" || word == "yes") return out;
    if (word == "off" || word == "false" || word == "no") return std::nullopt;
    throw Complaint{"give " + std::string(form) + ", not '" + word + "'", node.Mark()};
  }
  if (!node.IsMap()) throw Complaint{"give " + std::string(form), node.Mark()};
  for (const auto& pair : node) {
    const auto key = scalar(pair.first);
    if (key == "failures") {
      out.failures = static_cast<std::uint32_t>(number(pair.second, 1, BreakerOffer::count_max));
    } else if (key == "probes") {
      out.probes = static_cast<std::uint32_t>(number(pair.second, 1, BreakerOffer::count_max));
    } else if (key == "open") {
      out.open_ms = duration(pair.second);
      if (out.open_ms < 1 || out.open_ms > BreakerOffer::open_ms_max)
        throw Complaint{"open: give 1 ms to 24h, not '" + pair.second.Scalar() + "'", pair.second.Mark()};
    } else {
      throw Complaint{"a breaker has failures, open and probes, not '" + key + "'", pair.first.Mark()};
    }
  }
  return out;
}

std::vector<std::string> names(const YAML::Node& node) {
  auto out = list(node, true);
  if (out.size() > guard_names_max) throw Complaint{"at most 16 names", node.Mark()};
  for (auto at = out.begin(); at != out.end(); ++at) {
    if (at->size() > limits::name_bytes_max) throw Complaint{"a name has 1 to 255 bytes", node.Mark()};
    if (std::find(out.begin(), at, *at) != at) throw Complaint{"'" + *at + "' is named twice", node.Mark()};
  }
  return out;
}

void read_kind(const YAML::Node& node, Definition& d) {
  auto kind = scalar(node, "plugin or process");
  if (kind == "plugin")
    d.kind = AgentKind::plugin;
  else if (kind == "process")
    d.kind = AgentKind::process;
  else
    throw Complaint{"the kind is plugin or process, not '" + kind + "'", node.Mark()};
}

void read_keys(const YAML::Node& root, Definition& d, const std::string& path, Warnings& warnings) {
  using Read = std::function<void(const YAML::Node&)>;
  auto instances = [&](const YAML::Node& n) {
    d.max_instances = static_cast<std::uint32_t>(number(n, 0, 4096));
  };
  const std::vector<std::pair<std::string_view, Read>> known{
      {"name", [&](const auto& n) { d.name = scalar(n); }},
      {"description", [&](const auto& n) { d.description = scalar(n); }},
      {"version", [&](const auto& n) { d.version = scalar(n); }},
      {"kind", [&](const auto& n) { read_kind(n, d); }},
      {"types", [&](const auto& n) { d.types = list(n, true); }},
      {"command", [&](const auto& n) { d.command = list(n, false); }},
      {"library", [&](const auto& n) { d.library = scalar(n); }},
      {"in_process", [&](const auto& n) { d.in_process = boolean(n); }},
      {"per_task", [&](const auto& n) { d.per_task = boolean(n); }},
      {"max_instances", instances},
      {"slots", instances},
      {"timeout_ms", [&](const auto& n) { d.timeout_ms = duration(n); }},
      {"stall_ms", [&](const auto& n) { d.stall_ms = duration(n); }},
      {"limits", [&](const auto& n) { read_limits(n, d.limits, path, warnings); }},
      {"environment", [&](const auto& n) { d.environment = map(n); }},
      {"labels", [&](const auto& n) { d.labels = map(n); }},
      {"capabilities", [&](const auto& n) { d.capabilities = list(n, true); }},
      {"tools", [&](const auto& n) { d.tools = list(n, true); }},
      {"tier", [&](const auto& n) { d.tier = number(n, 0, 1000); }},
      {"price", [&](const auto& n) { d.price = read_price(n); }},
      {"breaker", [&](const auto& n) { d.guard.breaker = read_breaker(n); }},
      {"fallbacks", [&](const auto& n) { d.guard.fallbacks = names(n); }},
      {"services", [&](const auto& n) { d.guard.services = names(n); }},
      {"bids", [&](const auto& n) { d.bids = boolean(n); }},
  };
  for (const auto& pair : root) {
    if (!pair.first.IsScalar()) throw Complaint{"a key is a text", pair.first.Mark()};
    auto it = std::find_if(known.begin(), known.end(),
                           [&](const auto& k) { return k.first == pair.first.Scalar(); });
    if (it == known.end()) {
      warn_unknown(pair.first, known, path, warnings);
      continue;
    }
    try {
      it->second(pair.second);
    } catch (Complaint& complaint) {
      complaint.message = std::string(it->first) + ": " + complaint.message;
      throw;
    }
  }
}

Status check_whole(const Definition& d) {
  auto no = [&](const std::string& message) { return fail(Code::invalid, message, d.path); };
  if (!name_is_good(d.name))
    return no("name: give 3 to 50 lower-case letters, digits and hyphens, a letter first, not '" + d.name +
              "'");
  if (d.description.empty()) return no("description: say in a sentence what the agent does");
  if (d.description.size() > limits::description_bytes_max) return no("description: at most 10,000 bytes");
  if (d.types.empty()) return no("types: name at least one type of task");
  if (d.types.size() > limits::types_per_agent_max) return no("types: at most 256");
  for (const auto& type : d.types)
    if (type.empty() || type.size() > limits::name_bytes_max) return no("types: 1 to 255 bytes each");
  if (d.version.empty() || d.version.size() > limits::name_bytes_max) return no("version: 1 to 255 bytes");
  bool plugin = d.kind == AgentKind::plugin;
  if (plugin && d.library.empty()) return no("library: an agent of kind plugin names its shared object");
  if (!plugin && d.command.empty()) return no("command: an agent of kind process names its program");
  if (plugin && !d.command.empty()) return no("command: only for kind process");
  if (!plugin && !d.library.empty()) return no("library: only for kind plugin");
  if (!plugin && d.in_process) return no("in_process: only for kind plugin");
  if (plugin && d.per_task) return no("per_task: only for kind process");
  const auto& fallbacks = d.guard.fallbacks;
  if (std::find(fallbacks.begin(), fallbacks.end(), d.name) != fallbacks.end())
    return no("fallbacks: an agent is no fallback of itself");
  if (!fallbacks.empty() && !d.guard.breaker && d.guard.services.empty())
    return no("fallbacks: they take over when a breaker is open; say `breaker: on` as well");
  if (d.per_task && d.bids) return no("bids: not with per_task, as nobody is there to be asked");
  return {};
}

}  // namespace

Result<LoadedDefinition> parse_definition(std::string_view text, const std::string& path) {
  if (text.size() > file_bytes_max) return fail(Code::too_large, "a definition has at most 256 KiB", path);
  auto parts = split(text, path);
  if (!parts) return tl::unexpected(parts.error());
  LoadedDefinition out;
  Definition& d = out.definition;
  d.path = path;
  try {
    // A mark counts lines of the front matter from 0; the file has one more above it.
    std::istringstream front{std::string(parts->front)};
    Guard guard;
    YAML::Parser parser(front);
    parser.HandleNextDocument(guard);
    if (guard.complaint != nullptr) return fail(Code::invalid, guard.complaint, place(path, guard.line + 2));
    YAML::Node root = YAML::Load(std::string(parts->front));
    if (!root.IsMap()) return fail(Code::invalid, "the front matter is a map of keys", place(path, 2));
    read_keys(root, d, path, out.warnings);
  } catch (const Complaint& complaint) {
    return fail(Code::invalid, complaint.message, place(path, complaint.mark.line + 2));
  } catch (const YAML::Exception& e) {
    return fail(Code::invalid, "not YAML: " + e.msg, place(path, e.mark.line + 2));
  }
  d.prompt = parts->body;
  d.digest = digest_of(text);
  if (auto whole = check_whole(d); !whole) return tl::unexpected(whole.error());
  return out;
}

Result<LoadedDefinition> load_definition(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::not_found, "the definition cannot be read", path);
  std::string text(file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse_definition(text, path);
}

namespace {

bool may_run(const std::filesystem::path& program) {
  std::error_code error;
  return !std::filesystem::is_directory(program, error) && ::access(program.c_str(), X_OK) == 0;
}

// Found as it will be at the start: with a slash from the folder of the definition, else in PATH.
bool has_program(const Definition& d) {
  const auto& name = d.command.front();
  std::error_code error;
  if (name.find('/') != std::string::npos)
    return may_run(std::filesystem::absolute(d.path, error).parent_path() / name);
  const char* path = std::getenv("PATH");
  if (path == nullptr) return true;
  std::istringstream folders{std::string(path)};
  for (std::string folder; std::getline(folders, folder, ':');)
    if (may_run(std::filesystem::path(folder) / name)) return true;
  return false;
}

}  // namespace

Result<LoadedAgents> load_definitions(const std::string& folder, bool allow_commands) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".md" && it->path().filename() != "README.md")
      paths.push_back(it->path().string());
  if (error) return fail(Code::not_found, "the folder of agents cannot be read: " + error.message(), folder);
  std::sort(paths.begin(), paths.end());
  LoadedAgents out;
  for (const auto& path : paths) {
    auto loaded = load_definition(path);
    if (!loaded) return tl::unexpected(loaded.error());
    out.warnings.insert(out.warnings.end(), loaded->warnings.begin(), loaded->warnings.end());
    const Definition& d = loaded->definition;
    for (const auto& other : out.definitions)
      if (other.name == d.name)
        return fail(Code::conflict, "the agent '" + d.name + "' is already defined in " + other.path, path);
    if (d.kind == AgentKind::process && !allow_commands) {
      out.warnings.push_back(path + ": '" + d.name +
                             "' runs a command and is left out; --allow-commands loads it");
      continue;
    }
    if (d.kind == AgentKind::process && !has_program(d))
      out.warnings.push_back(path + ": there is no program " + d.command.front() + " for '" + d.name +
                             "' now; its tasks will fail until there is");
    out.definitions.push_back(d);
  }
  if (out.definitions.size() > limits::agents_per_worker_max)
    return fail(Code::invalid, "a worker has at most 256 agents", folder);
  return out;
}

}  // namespace hirehall::worker
