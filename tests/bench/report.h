// One measurement: a flat JSON object with a fixed set of keys first (null where one does not apply), then
// the keys that only this bench has.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hirehall::bench {

struct CpuPerTask {
  std::optional<double> broker_us, worker_us, client_us;
};

class Report {
 public:
  explicit Report(std::string_view bench);

  Report& set(std::string_view key, double value);
  Report& set(std::string_view key, std::string_view value);
  Report& set(std::string_view key, const char* value) { return set(key, std::string_view(value)); }
  Report& set(std::string_view key, bool value);
  template <std::integral T>
  requires(!std::same_as<T, bool>) Report& set(std::string_view key, T value) {
    return put(key, std::to_string(value));
  }
  Report& set(std::string_view key, const std::vector<double>& values);
  Report& cpu(const CpuPerTask& cpu);

  std::string json() const;  // one line

 private:
  Report& put(std::string_view key, std::string rendered);

  std::vector<std::pair<std::string, std::string>> values_;  // rendered already
};

// Short and stable name of a text: two measurements with the same one ran with the same configuration.
std::string digest_of(std::string_view text);

}  // namespace hirehall::bench
