#include "broker/server/queues_file.h"

#include <array>
#include <optional>

#include "broker/server/small_file.h"
#include "broker/server/yaml_file.h"
#include "common/approval.h"
#include "common/limits.h"
#include "common/options.h"
#include "scheduler/queue_policy.h"

namespace hirehall::server {
namespace {

constexpr std::size_t file_bytes_max = 4u << 20;

// How the file calls a setting, and how its value is written.
struct Word {
  std::string_view key, field;
  std::optional<std::int64_t> (*parse)(std::string_view);
  std::string_view example;
};
constexpr std::array words{
    Word{"weight", "weight", parse_number, "a number like 5"},
    Word{"cap", "cap", parse_number, "a number of tasks, 0 for none"},
    Word{"retention", "retention_ms", parse_duration, "a duration like 12h or 7d"},
    Word{"retention_bytes", "retention_bytes", parse_bytes, "an amount like 500MiB or 16GiB"},
    Word{"attempt_timeout", "timeout_ms", parse_duration, "a duration like 30s or 5m, 0 for none"},
    Word{"approval", "approval", approval_points, "none, award, release or both"},
    Word{"approval_timeout", "approval_timeout_ms", parse_duration, "a duration like 2h or 3d, 0 for none"},
    Word{"approval_on_timeout", "approval_on_timeout", lapse_of, "fail, approve or reject"},
    Word{"policy", "policy", scheduler::queue_policy_number, scheduler::queue_policy_words},
    Word{"shadow", "shadow", scheduler::queue_shadow_number, scheduler::queue_shadow_words},
    Word{"settlement", "settlement", scheduler::settlement_number, scheduler::settlement_words},
    Word{"success_value", "success_value", parse_cost, "an amount of cost units like 0.5"},
    Word{"wait_price", "wait_price", parse_cost, "an amount of cost units like 0.01, for each second"},
    Word{"preference", "preference", parse_cost, "an amount of cost units like 0.05"},
    Word{"reserve", "reserve", parse_cost, "an amount of cost units like 0.5, 0 for none"},
    Word{"live_bids_from", "live_bids_from_ms", parse_duration, "a duration like 30s, 0 for no live bids"},
    Word{"bid_deadline", "bid_deadline_ms", parse_duration, "a duration like 200ms"},
    Word{"match_from", "match_from_ms", parse_duration, "a duration like 1s, 0 for one by one"},
    Word{"aging", "aging_ms", parse_duration, "a duration like 1m, 0 for none"},
};

class Reader : YamlReader {
 public:
  using YamlReader::YamlReader;

  Result<QueuesFile> read(const YAML::Node& root) const;

 private:
  Result<std::string> name(const YAML::Node& node, std::string_view what, std::size_t bytes_max) const;
  Status value(const YAML::Node& node, const Word& word, engine::QueueValues& out) const;
  Status entries(const YAML::Node& map, std::string_view key, std::int64_t max,
                 engine::QueueValues& out) const;
  Status setting(const YAML::Node& key, const YAML::Node& node, engine::QueueValues& out) const;
  Result<engine::QueueValues> queue(const YAML::Node& map) const;
};

Result<std::string> Reader::name(const YAML::Node& node, std::string_view what, std::size_t bytes_max) const {
  if (!node.IsScalar() || node.Scalar().empty() || node.Scalar().size() > bytes_max)
    return wrong(node, std::string(what) + " has 1 to " + std::to_string(bytes_max) + " bytes");
  return node.Scalar();
}

Status Reader::value(const YAML::Node& node, const Word& word, engine::QueueValues& out) const {
  const auto* field = engine::queue_field(word.field);
  auto parsed = node.IsScalar() ? word.parse(node.Scalar()) : std::nullopt;
  if (!parsed || *parsed < field->low || *parsed > field->high)
    return wrong(node, "'" + std::string(word.key) + "' takes " + std::string(word.example) + ", from " +
                           std::to_string(field->low) + " to " + std::to_string(field->high));
  if (!out.emplace(word.field, *parsed).second)
    return wrong(node, "the key '" + std::string(word.key) + "' stands twice; keep one");
  return {};
}

Status Reader::entries(const YAML::Node& map, std::string_view key, std::int64_t max,
                       engine::QueueValues& out) const {
  if (!map.IsMap()) return wrong(map, "'" + std::string(key) + "' is a map of names and numbers");
  for (const auto& entry : map) {
    auto named = name(entry.first, "a name in '" + std::string(key) + "'", limits::key_bytes_max);
    if (!named) return tl::unexpected(named.error());
    auto parsed = entry.second.IsScalar() ? parse_number(entry.second.Scalar()) : std::nullopt;
    if (!parsed || *parsed < 1 || *parsed > max)
      return wrong(entry.second, "'" + *named + "' in '" + std::string(key) + "' takes a number from 1 to " +
                                     std::to_string(max));
    if (!out.emplace(std::string(key) + "/" + *named, *parsed).second)
      return wrong(entry.first, "'" + *named + "' stands twice in '" + std::string(key) + "'; keep one");
  }
  return {};
}

Status Reader::setting(const YAML::Node& key, const YAML::Node& node, engine::QueueValues& out) const {
  const auto text = key.IsScalar() ? key.Scalar() : std::string();
  for (const auto& word : words)
    if (word.key == text) return value(node, word, out);
  if (text == "tenants") return entries(node, "tenants", engine::tenant_weight_max, out);
  if (text == "limits") return entries(node, "limits", engine::limit_max, out);
  std::string known;
  for (const auto& word : words) known += std::string(word.key) + ", ";
  return wrong(key, "unknown key '" + text + "'; known are: " + known + "tenants, limits");
}

Result<engine::QueueValues> Reader::queue(const YAML::Node& map) const {
  engine::QueueValues out;
  if (map.IsNull()) return out;
  if (!map.IsMap()) return wrong(map, "a queue is a map of settings, or empty");
  for (const auto& entry : map)
    if (auto status = setting(entry.first, entry.second, out); !status) return tl::unexpected(status.error());
  return out;
}

Result<QueuesFile> Reader::read(const YAML::Node& root) const {
  if (!root.IsMap() || root.size() != 1 || !root["queues"])
    return wrong(root, "the file has one key, 'queues': a map of names and settings");
  const auto list = root["queues"];
  if (!list.IsMap() && !list.IsNull()) return wrong(list, "'queues' is a map of names and settings");
  if (list.size() > limits::queues_max)
    return wrong(list, "at most " + std::to_string(limits::queues_max) + " queues are allowed");
  QueuesFile out;
  for (const auto& entry : list) {
    auto named = name(entry.first, "the name of a queue", limits::name_bytes_max);
    if (!named) return tl::unexpected(named.error());
    auto values = queue(entry.second);
    if (!values) return tl::unexpected(values.error());
    if (!out.emplace(*named, std::move(*values)).second)
      return wrong(entry.first, "the queue '" + *named + "' stands twice; keep one");
  }
  return out;
}

}  // namespace

Result<QueuesFile> read_queues(std::string_view yaml, std::string_view file) {
  return read_yaml<Reader>(yaml, file);
}

Result<QueuesFile> load_queues(const std::string& path) {
  auto text = read_small_file(path, file_bytes_max, others_may_write);
  if (!text) return tl::unexpected(text.error());
  return read_queues(*text, path);
}

}  // namespace hirehall::server
