#include "broker/server/schedules_file.h"

#include <array>
#include <optional>
#include <set>

#include "broker/engine/cron.h"
#include "broker/server/small_file.h"
#include "broker/server/yaml_file.h"
#include "common/limits.h"
#include "common/options.h"
#include "common/task_features.h"

namespace hirehall::server {
namespace {

constexpr std::size_t file_bytes_max = 16u << 20;
constexpr std::string_view tenant_default = "default";

struct Draft {
  engine::ScheduleSpec spec;
  TaskOptions options;
};

// Each sets one thing; false: the value is not what the example shows.
struct Word {
  std::string_view key;
  bool (*set)(Draft&, const std::string&);
  std::string_view example;
};

template <typename T>
bool put(std::optional<T> value, auto& into) {
  if (!value || *value < T{}) return false;
  into = static_cast<std::remove_reference_t<decltype(into)>>(*value);
  return true;
}

bool text(const std::string& value, std::string& into) {
  into = value;
  return !value.empty();
}

constexpr std::array words{
    Word{"cron", [](Draft& d, const std::string& v) { return text(v, d.spec.cron); },
         "five or six fields, like \"0 3 * * *\""},
    Word{"every", [](Draft& d, const std::string& v) { return put(parse_duration(v), d.spec.every_ms); },
         "a duration like 30s or 5m"},
    Word{"zone", [](Draft& d, const std::string& v) { return text(v, d.spec.zone); },
         "a zone of the tz database, like Europe/Berlin"},
    Word{"overlap",
         [](Draft& d, const std::string& v) { return put(engine::overlap_from_name(v), d.spec.overlap); },
         "allow, skip, queue or cancel"},
    Word{"catch_up",
         [](Draft& d, const std::string& v) { return put(engine::catch_up_from_name(v), d.spec.catch_up); },
         "last, skip or all"},
    Word{"catch_up_max",
         [](Draft& d, const std::string& v) {
           auto n = parse_number(v);
           return n && *n <= limits::schedule_catch_up_max && put(n, d.spec.catch_up_max);
         },
         "a number from 1 to 1000"},
    Word{"jitter", [](Draft& d, const std::string& v) { return put(parse_duration(v), d.spec.jitter_ms); },
         "a duration like 30s"},
    Word{"payload",
         [](Draft& d, const std::string& v) {
           d.spec.payload = v;
           return true;
         },
         "text, for JSON in single quotes: '{\"full\": true}'"},
    Word{"type", [](Draft& d, const std::string& v) { return text(v, d.options.type); }, "a type of tasks"},
    Word{"description", [](Draft& d, const std::string& v) { return text(v, d.options.description); },
         "text"},
    Word{"content_type", [](Draft& d, const std::string& v) { return text(v, d.options.content_type); },
         "a media type like text/plain"},
    Word{"queue", [](Draft& d, const std::string& v) { return text(v, d.options.queue); },
         "the name of a queue"},
    Word{"tenant", [](Draft& d, const std::string& v) { return text(v, d.options.tenant); },
         "the name of a tenant"},
    Word{"agent", [](Draft& d, const std::string& v) { return text(v, d.options.agent); },
         "the name of an agent"},
    Word{"priority", [](Draft& d, const std::string& v) { return put(parse_number(v), d.options.priority); },
         "a number from 1 to 10"},
    Word{"ttl", [](Draft& d, const std::string& v) { return put(parse_duration(v), d.options.ttl_ms); },
         "a duration like 1h"},
    Word{"attempt_timeout",
         [](Draft& d, const std::string& v) { return put(parse_duration(v), d.options.timeout_ms); },
         "a duration like 5m"},
    Word{"max_attempts",
         [](Draft& d, const std::string& v) { return put(parse_number(v), d.options.retry.max_attempts); },
         "a number from 1 to 1000"},
    Word{"retention",
         [](Draft& d, const std::string& v) { return put(parse_duration(v), d.options.retention_ms); },
         "a duration like 7d"},
};

class Reader : YamlReader {
 public:
  using YamlReader::YamlReader;
  Result<SchedulesFile> read(const YAML::Node& root) const;

 private:
  Status setting(const std::string& key, const YAML::Node& at, const YAML::Node& node, Draft& draft) const;
  Status names(const YAML::Node& node, const std::string& key, std::vector<std::string>& out) const;
  Status features(const YAML::Node& node, std::string& out) const;
  Result<engine::ScheduleSpec> schedule(const YAML::Node& map) const;
};

Status Reader::names(const YAML::Node& node, const std::string& key, std::vector<std::string>& out) const {
  if (!node.IsSequence()) return wrong(node, "'" + key + "' is a list of names");
  for (const auto& entry : node) {
    if (!entry.IsScalar() || entry.Scalar().empty()) return wrong(entry, "'" + key + "' is a list of names");
    out.push_back(entry.Scalar());
  }
  return {};
}

Status Reader::features(const YAML::Node& node, std::string& out) const {
  if (!node.IsMap()) return wrong(node, "'features' is a map of names and numbers or words");
  std::vector<std::string> texts;
  texts.reserve(node.size());  // the features are views into them
  std::vector<TaskFeature> all;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar())
      return wrong(entry.second, "'features' is a map of names and numbers or words");
    if (entry.first.Scalar().find('=') != std::string::npos)
      return wrong(entry.first, "the feature '" + entry.first.Scalar() + "' has no name that is accepted");
    texts.push_back(entry.first.Scalar() + "=" + entry.second.Scalar());
    const auto feature = parse_feature(texts.back());
    if (!feature) return wrong(entry.second, feature.error().message);
    all.push_back(*feature);
  }
  out = write_features(all);
  if (const auto fit = check_features(out); !fit) return wrong(node, fit.error().message);
  return {};
}

Status Reader::setting(const std::string& key, const YAML::Node& at, const YAML::Node& node,
                       Draft& draft) const {
  for (const auto& word : words) {
    if (word.key != key) continue;
    if (!node.IsScalar() || !word.set(draft, node.Scalar()))
      return wrong(node, "'" + key + "' takes " + std::string(word.example));
    return {};
  }
  if (key == "limit_keys") return names(node, key, draft.options.limit_keys);
  if (key == "labels" || key == "preferred_labels") {
    auto& labels = key == "labels" ? draft.options.labels : draft.options.preferred_labels;
    if (!node.IsMap()) return wrong(node, "'" + key + "' is a map of names and texts");
    for (const auto& entry : node) {
      if (!entry.first.IsScalar() || !entry.second.IsScalar())
        return wrong(entry.second, "'" + key + "' is a map of names and texts");
      labels[entry.first.Scalar()] = entry.second.Scalar();
    }
    return {};
  }
  if (key == "features") return features(node, draft.options.features);
  std::string known;
  for (const auto& word : words) known += std::string(word.key) + ", ";
  return wrong(at, "unknown key '" + key + "'; known are: " + known +
                       "limit_keys, labels, preferred_labels, features");
}

Result<engine::ScheduleSpec> Reader::schedule(const YAML::Node& map) const {
  if (!map.IsMap()) return wrong(map, "a schedule is a map of settings");
  Draft draft;
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    if (!seen.insert(key).second) return wrong(entry.first, "the key '" + key + "' stands twice; keep one");
    if (auto done = setting(key, entry.first, entry.second, draft); !done)
      return tl::unexpected(done.error());
  }
  auto& [spec, options] = draft;
  if (spec.cron.empty() == (spec.every_ms == 0)) return wrong(map, "a schedule has either 'cron' or 'every'");
  if (!spec.cron.empty())
    if (auto cron = engine::Cron::parse(spec.cron); !cron) return wrong(map["cron"], cron.error().message);
  if (options.tenant.empty()) options.tenant = tenant_default;
  options.submitter = "file";
  if (auto valid = validate(options); !valid) return wrong(map, valid.error().message);
  spec.options = encode_options(options);
  return spec;
}

Result<SchedulesFile> Reader::read(const YAML::Node& root) const {
  if (!root.IsMap() || root.size() != 1 || !root["schedules"])
    return wrong(root, "the file has one key, 'schedules': a map of names and settings");
  const auto list = root["schedules"];
  if (!list.IsMap() && !list.IsNull()) return wrong(list, "'schedules' is a map of names and settings");
  if (list.size() > limits::schedules_max)
    return wrong(list, "at most " + std::to_string(limits::schedules_max) + " schedules are allowed");
  SchedulesFile out;
  for (const auto& entry : list) {
    const auto name = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    if (name.empty() || name.size() > limits::name_bytes_max)
      return wrong(entry.first, "the name of a schedule has 1 to 255 bytes");
    auto spec = schedule(entry.second);
    if (!spec) return tl::unexpected(spec.error());
    if (!out.emplace(name, std::move(*spec)).second)
      return wrong(entry.first, "the schedule '" + name + "' stands twice; keep one");
  }
  return out;
}

}  // namespace

Result<SchedulesFile> read_schedules(std::string_view yaml, std::string_view file) {
  return read_yaml<Reader>(yaml, file);
}

Result<SchedulesFile> load_schedules(const std::string& path) {
  auto text = read_small_file(path, file_bytes_max, others_may_write);
  if (!text) return tl::unexpected(text.error());
  return read_schedules(*text, path);
}

}  // namespace hirehall::server
