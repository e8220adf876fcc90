#include "broker/server/zones.h"

#include <algorithm>
#include <cstdlib>

#include "broker/server/small_file.h"

namespace hirehall::server {
namespace {

constexpr std::size_t file_bytes_max = 256u << 10;
constexpr std::size_t name_bytes_max = 64;

// What may be part of a name: no way out of the folder.
bool is_name(std::string_view name) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  return name.size() <= name_bytes_max && name.front() != '/' && name.back() != '/' &&
         std::ranges::all_of(name, fits);
}

}  // namespace

Result<engine::Zone> load_zone(std::string_view name) {
  if (name.empty()) return engine::Zone();
  const auto unknown = [&](const std::string& why) {
    return fail(Code::invalid,
                "no time zone is called '" + std::string(name) + "'" + why +
                    "; give one of the tz database, like Europe/Berlin",
                "zone");
  };
  if (!is_name(name)) return unknown({});
  const char* folder = std::getenv("TZDIR");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  auto path = std::string(folder != nullptr && *folder != 0 ? folder : "/usr/share/zoneinfo") + "/" +
              std::string(name);
  auto bytes = read_small_file(path, file_bytes_max, others_may_write);
  if (!bytes) return unknown(" (" + bytes.error().message + ")");
  auto zone = engine::Zone::parse(*bytes);
  if (!zone) return unknown(" (" + path + ": " + zone.error().message + ")");
  return zone;
}

}  // namespace hirehall::server
