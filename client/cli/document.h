// What the broker said, as a tree that can be shown: task ids as text, payloads as JSON where they are JSON,
// text where they are text, base64 otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hirehall/error.h"

namespace hirehall::cli {

class Document {
 public:
  Document();  // an empty object
  static client::Result<Document> from_body(std::string_view msgpack);

  Document& set(std::string_view key, std::string_view value);
  Document& set(std::string_view key, std::int64_t value);
  Document& set_bool(std::string_view key, bool value);
  Document& set_bytes(std::string_view key, std::string_view bytes);  // JSON, text or base64
  Document& set(std::string_view key, const Document& value);
  Document& set(std::string_view key, const std::vector<Document>& values);
  Document copy() const;  // plain copies share what they show

  bool has(std::string_view key) const;
  std::string text(std::string_view key) const;  // as a person reads it; empty when absent; no key: the whole
  std::int64_t number(std::string_view key) const;
  bool is_number(std::string_view key) const;
  Document child(std::string_view key) const;               // an object; empty when absent
  std::vector<Document> items(std::string_view key) const;  // of an array
  std::vector<std::string> keys() const;
  std::vector<std::pair<std::string, std::string>> flat() const;  // "tasks.ready" → "3"
  std::string json(bool pretty) const;

 private:
  struct Tree;
  std::shared_ptr<Tree> tree_;
};

bool is_json(std::string_view text);
std::string json_string(std::string_view text);  // quoted
std::string json_array(const std::vector<Document>& items);

}  // namespace hirehall::cli
