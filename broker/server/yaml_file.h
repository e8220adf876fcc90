// What the YAML files of the broker (principals, queues, schedules) share: errors that name file and line.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/error.h"

namespace hirehall::server {

std::optional<std::int64_t> parse_number(std::string_view text);

// The base of what reads one file.
class YamlReader {
 public:
  explicit YamlReader(std::string_view file) : file_(file) {}

 protected:
  std::string at(const YAML::Node& node) const;
  tl::unexpected<Error> wrong(const YAML::Node& node, std::string message) const;

 private:
  std::string file_;
};

// What is no YAML at all, said in the same way.
Error not_yaml(const YAML::Exception& problem, std::string_view file);

template <typename Reader>
auto read_yaml(std::string_view yaml, std::string_view file)
    -> decltype(std::declval<Reader>().read(std::declval<YAML::Node>())) {
  try {
    return Reader(file).read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& problem) {
    return tl::unexpected(not_yaml(problem, file));
  }
}

}  // namespace hirehall::server
