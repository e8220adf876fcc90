#include "client/cli/document.h"

#include <nlohmann/json.hpp>

#include "client/src/convert.h"
#include "common/ids.h"

namespace hirehall::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t v = 0;
    for (std::size_t k = 0; k < 3; ++k)
      v = (v << 8) | (i + k < bytes.size() ? static_cast<std::uint8_t>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[(v >> (18 - 6 * k)) & 63];
  }
  return out;
}

bool is_utf8(const std::string& text) {
  try {
    return Json(text).dump().size() >= 2;
  } catch (const Json::exception&) {
    return false;
  }
}

// The library reads any depth; showing it takes a stack frame for each level.
constexpr int depth_max = 500;

Json readable(std::string_view bytes) {
  bool deep = false;
  auto value = Json::parse(
      bytes, [&](int depth, Json::parse_event_t, Json&) { return !(deep = deep || depth > depth_max); },
      false);
  if (!value.is_discarded() && !deep) return value;
  std::string text(bytes);
  if (is_utf8(text)) return text;
  return {{"base64", base64(bytes)}};
}

// Ids are the only binary values of 16 bytes under these names.
Json shown(const Json& value, std::string_view key) {
  if (value.is_object()) {
    Json out = Json::object();
    for (const auto& [k, v] : value.items()) out[k] = shown(v, k);
    return out;
  }
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& v : value) out.push_back(shown(v, key));
    return out;
  }
  if (!value.is_binary()) return value;
  const auto& binary = value.get_binary();
  std::string_view bytes(reinterpret_cast<const char*>(binary.data()), binary.size());
  if (key == "payload" || key == "result" || key == "value" || key == "checkpoint") return readable(bytes);
  if (auto id = TaskId::from_raw(bytes); id && key != "cursor") return id->text();
  return base64(bytes);
}

std::string plain(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void flatten(const Json& value, const std::string& prefix,
             std::vector<std::pair<std::string, std::string>>& out) {
  if (!value.is_object()) {
    out.emplace_back(prefix, plain(value));
    return;
  }
  for (const auto& [k, v] : value.items()) flatten(v, prefix.empty() ? k : prefix + "." + k, out);
}

}  // namespace

struct Document::Tree {
  Json json = Json::object();
};

Document::Document() : tree_(std::make_shared<Tree>()) {}

client::Result<Document> Document::from_body(std::string_view msgpack) {
  auto json = Json::from_msgpack(msgpack.begin(), msgpack.end(), true, false);
  if (json.is_discarded()) return client::malformed("this request");
  Document d;
  d.tree_->json = shown(json, {});
  return d;
}

Document& Document::set(std::string_view key, std::string_view value) {
  tree_->json[std::string(key)] = std::string(value);
  return *this;
}
Document& Document::set(std::string_view key, std::int64_t value) {
  tree_->json[std::string(key)] = value;
  return *this;
}
Document& Document::set_bool(std::string_view key, bool value) {
  tree_->json[std::string(key)] = value;
  return *this;
}
Document& Document::set_bytes(std::string_view key, std::string_view bytes) {
  tree_->json[std::string(key)] = readable(bytes);
  return *this;
}
Document& Document::set(std::string_view key, const Document& value) {
  tree_->json[std::string(key)] = value.tree_->json;
  return *this;
}

Document& Document::set(std::string_view key, const std::vector<Document>& values) {
  auto& array = tree_->json[std::string(key)] = Json::array();
  for (const auto& v : values) array.push_back(v.tree_->json);
  return *this;
}

Document Document::copy() const {
  Document d;
  d.tree_->json = tree_->json;
  return d;
}

Document Document::child(std::string_view key) const {
  Document d;
  if (has(key)) d.tree_->json = tree_->json[std::string(key)];
  return d;
}

bool Document::has(std::string_view key) const {
  return tree_->json.is_object() && tree_->json.contains(std::string(key));
}

std::string Document::text(std::string_view key) const {
  if (key.empty()) return plain(tree_->json);
  return has(key) ? plain(tree_->json[std::string(key)]) : std::string();
}

bool Document::is_number(std::string_view key) const {
  return has(key) && tree_->json[std::string(key)].is_number();
}

std::int64_t Document::number(std::string_view key) const {
  if (!has(key) || !tree_->json[std::string(key)].is_number()) return 0;
  return tree_->json[std::string(key)].get<std::int64_t>();
}

std::vector<Document> Document::items(std::string_view key) const {
  std::vector<Document> out;
  const auto& array = key.empty() ? tree_->json : has(key) ? tree_->json[std::string(key)] : tree_->json;
  if (!array.is_array()) return out;
  for (const auto& value : array) {
    Document d;
    d.tree_->json = value;
    out.push_back(d);
  }
  return out;
}

std::vector<std::string> Document::keys() const {
  std::vector<std::string> out;
  if (tree_->json.is_object())
    for (const auto& [k, v] : tree_->json.items()) out.push_back(k);
  return out;
}

std::vector<std::pair<std::string, std::string>> Document::flat() const {
  std::vector<std::pair<std::string, std::string>> out;
  flatten(tree_->json, {}, out);
  return out;
}

std::string Document::json(bool pretty) const {
  return tree_->json.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

bool is_json(std::string_view text) {
  return Json::accept(text);
}
std::string json_string(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_array(const std::vector<Document>& items) {
  std::string out = "[";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i > 0 ? ",\n " : "") + items[i].json(false);
  return out + "]";
}

}  // namespace hirehall::cli
