// Named brokers: endpoint, keys and the tenant to work for, in ~/.config/hirehall/contexts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/command.h"

namespace hirehall::cli {

struct NamedContext {
  std::string name;
  std::string broker;
  std::string key_file;
  std::string server_key_file;
  std::string tenant;  // of submits, gets and lists that name none
};

// The file:
//   use = prod
//   [prod]
//   broker = tcp://hall.example:7420
//   key-file = /home/a/.config/hirehall/a.key
struct ContextBook {
  std::string current;  // empty: none is used
  std::vector<NamedContext> contexts;

  // Errors name path and line.
  static client::Result<ContextBook> parse(std::string_view text, const std::string& path);
  std::string text() const;
  NamedContext* find(std::string_view name);
};

std::string configuration_folder();           // empty: neither XDG_CONFIG_HOME nor HOME is set
client::Result<ContextBook> read_contexts();  // no file: an empty book
client::Status write_contexts(const ContextBook& book);

}  // namespace hirehall::cli
