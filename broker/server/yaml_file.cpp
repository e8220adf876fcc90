#include "broker/server/yaml_file.h"

#include <charconv>

namespace hirehall::server {

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string YamlReader::at(const YAML::Node& node) const {
  const auto mark = node.Mark();
  return mark.is_null() ? file_ : file_ + ":" + std::to_string(mark.line + 1);
}

tl::unexpected<Error> YamlReader::wrong(const YAML::Node& node, std::string message) const {
  return fail(Code::invalid, std::move(message), at(node));
}

Error not_yaml(const YAML::Exception& problem, std::string_view file) {
  return {Code::invalid, "this is not YAML that can be read: " + problem.msg,
          std::string(file) + ":" + std::to_string(problem.mark.line + 1), 0};
}

}  // namespace hirehall::server
