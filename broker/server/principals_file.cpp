#include "broker/server/principals_file.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "broker/server/curve.h"
#include "broker/server/yaml_file.h"
#include "common/limits.h"

namespace hirehall::server {
namespace {

constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";

// Reads one file; remembers where it is for the errors.
class Reader : YamlReader {
 public:
  using YamlReader::YamlReader;

  Result<std::vector<Principal>> read(const YAML::Node& root);

 private:
  Status check_keys(const YAML::Node& map, const std::vector<std::string_view>& known) const;
  Result<std::string> text(const YAML::Node& map, const char* key) const;
  Result<Principal> principal(const YAML::Node& map) const;
  Status read_name(const YAML::Node& map, Principal& out) const;
  Status read_key(const YAML::Node& map, Principal& out) const;
  Status read_roles(const YAML::Node& map, Principal& out) const;
  Status read_scope(const YAML::Node& map, const char* key, bool required, Scope& out) const;
  Status read_tenant(const YAML::Node& map, Principal& out) const;
};

// YAML lets a key stand twice and takes one of them; for rights that is a trap.
Status Reader::check_keys(const YAML::Node& map, const std::vector<std::string_view>& known) const {
  if (!map.IsMap()) return wrong(map, "expected a map of keys and values");
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) return wrong(map, "keys must be plain words");
    const auto& key = entry.first.Scalar();
    if (std::ranges::find(known, key) == known.end()) {
      std::string list;
      for (auto k : known) list += (list.empty() ? "" : ", ") + std::string(k);
      return wrong(entry.first, "unknown key '" + key + "'; known are: " + list);
    }
    if (!seen.insert(key).second) return wrong(entry.first, "the key '" + key + "' stands twice; keep one");
  }
  return {};
}

Result<std::string> Reader::text(const YAML::Node& map, const char* key) const {
  const auto node = map[key];
  if (!node) return wrong(map, std::string("the key '") + key + "' is missing");
  if (!node.IsScalar() || node.Scalar().empty()) {
    return wrong(node, std::string("'") + key + "' must be a text; quote it");
  }
  return node.Scalar();
}

Status Reader::read_name(const YAML::Node& map, Principal& out) const {
  auto name = text(map, "name");
  if (!name) return tl::unexpected(name.error());
  if (name->size() > limits::name_bytes_max ||
      name->find_first_not_of(name_characters) != std::string::npos) {
    return wrong(map["name"],
                 "a principal's name has 1 to 255 letters, digits, dots, dashes, underscores or @");
  }
  if (*name == "local") {
    return wrong(map["name"], "'local' is the built-in principal of ipc:// endpoints; choose another name");
  }
  out.name = std::move(*name);
  return {};
}

Status Reader::read_key(const YAML::Node& map, Principal& out) const {
  auto z85 = text(map, "public_key");
  if (!z85) return tl::unexpected(z85.error());
  const auto node = map["public_key"];
  if (is_published_key(*z85)) {
    return wrong(node,
                 "this key is printed in the manual zmq_curve(7), so everybody has it; make one of your own");
  }
  auto key = decode_key(*z85, at(node));
  if (!key) return tl::unexpected(key.error());
  out.key = *key;
  out.user_id = out.name + "/" + *z85;
  if (std::ranges::all_of(out.key, [](auto b) { return b == 0; })) {
    return wrong(node, "this key is all zero; make one of your own");
  }
  return {};
}

Status Reader::read_roles(const YAML::Node& map, Principal& out) const {
  const auto node = map["roles"];
  if (!node)
    return wrong(map, "the key 'roles' is missing: a list of viewer, operator, developer, admin, worker");
  if (!node.IsSequence() || node.size() == 0) {
    return wrong(node, "'roles' must be a list of viewer, operator, developer, admin, worker");
  }
  for (const auto& item : node) {
    const std::string name = item.IsScalar() ? item.Scalar() : std::string();
    std::optional<std::size_t> role;
    for (std::size_t i = 0; i < role_count; ++i) {
      if (name_of(static_cast<Role>(i)) == name) role = i;
    }
    if (!role) {
      return wrong(item, "unknown role '" + name + "'; known are viewer, operator, developer, admin, worker");
    }
    out.roles[*role] = true;
  }
  return {};
}

Status Reader::read_scope(const YAML::Node& map, const char* key, bool required, Scope& out) const {
  const auto node = map[key];
  if (!node) {
    if (!required) {
      out = Scope::everything();
      return {};
    }
    return wrong(map, std::string("the key '") + key + "' is missing: a list of names, or \"*\" for all");
  }
  if (node.IsScalar() && node.Scalar() == "*") {
    out = Scope::everything();
    return {};
  }
  if (!node.IsSequence())
    return wrong(node, std::string("'") + key + "' must be a list of names, or \"*\" for all");
  for (const auto& item : node) {
    if (!item.IsScalar() || item.Scalar().empty() || item.Scalar().size() > limits::name_bytes_max) {
      return wrong(item, std::string("names in '") + key + "' have 1 to 255 bytes");
    }
    if (item.Scalar() == "*") {
      return wrong(item, std::string("for all write ") + key + ": \"*\" and no list");
    }
    out.names.push_back(item.Scalar());
  }
  return {};
}

Status Reader::read_tenant(const YAML::Node& map, Principal& out) const {
  const auto node = map["tenant"];
  if (!node) {
    if (out.tenants.all) {
      out.tenant = "default";
    } else if (out.tenants.names.size() == 1) {
      out.tenant = out.tenants.names.front();
    } else if (out.has(Role::developer) || out.has(Role::admin)) {
      return wrong(map, "the key 'tenant' is missing: which of 'tenants' counts when a submit names none");
    }
    return {};
  }
  auto name = text(map, "tenant");
  if (!name) return tl::unexpected(name.error());
  if (!out.tenants.contains(*name))
    return wrong(node, "the tenant '" + *name + "' is not among 'tenants'; add it");
  out.tenant = std::move(*name);
  return {};
}

Result<Principal> Reader::principal(const YAML::Node& map) const {
  Principal out;
  Status status = check_keys(map, {"name", "public_key", "roles", "tenants", "tenant", "queues", "types"});
  if (status) status = read_name(map, out);
  if (status) status = read_key(map, out);
  if (status) status = read_roles(map, out);
  if (status) status = read_scope(map, "tenants", true, out.tenants);
  // What a worker may be given has to be said; for the others tenants are the border.
  const bool worker = out.has(Role::worker);
  if (status) status = read_scope(map, "queues", worker, out.queues);
  if (status) status = read_scope(map, "types", worker, out.types);
  if (status) status = read_tenant(map, out);
  if (!status) return tl::unexpected(status.error());
  return out;
}

Result<std::vector<Principal>> Reader::read(const YAML::Node& root) {
  if (auto status = check_keys(root, {"principals"}); !status) return tl::unexpected(status.error());
  const auto list = root["principals"];
  if (!list || !list.IsSequence()) return wrong(root, "'principals' must be a list; write [] for nobody");
  if (list.size() > principals_max) {
    return wrong(list, "there are " + std::to_string(list.size()) + " principals; at most " +
                           std::to_string(principals_max) + " are allowed");
  }
  std::vector<Principal> out;
  std::map<std::string, std::string> names;
  std::map<PublicKey, std::string> keys;
  for (const auto& item : list) {
    auto one = principal(item);
    if (!one) return tl::unexpected(one.error());
    const auto [name, new_name] = names.emplace(one->name, at(item));
    if (!new_name) return wrong(item, "the name '" + one->name + "' is taken at " + name->second);
    const auto [key, new_key] = keys.emplace(one->key, at(item));
    if (!new_key) return wrong(item, "the key of '" + one->name + "' is taken at " + key->second);
    out.push_back(std::move(*one));
  }
  return out;
}

}  // namespace

Result<std::vector<Principal>> read_principals(std::string_view yaml, std::string_view file) {
  return read_yaml<Reader>(yaml, file);
}

}  // namespace hirehall::server
