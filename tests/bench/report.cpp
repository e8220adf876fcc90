#include "tests/bench/report.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace hirehall::bench {
namespace {

constexpr std::array keys = {
    "bench",           "tasks",   "payload_bytes", "batched",           "lanes",
    "priorities",      "records", "durability",    "sync_delay_ms",     "tasks_per_s",
    "p50_ms",          "p99_ms",  "rss_mb",        "limit_tasks_per_s", "ratio_to_limit",
    "cpu_us_per_task", "commits", "syncs",         "configuration",
};

// Six significant digits: more would claim a precision that no bench has.
std::string rendered(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> text{};
  if (std::abs(value) >= 1000)
    std::snprintf(text.data(), text.size(), "%.0f", value);
  else
    std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string rendered(const std::optional<double>& value) {
  return value ? rendered(*value) : "null";
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Report::Report(std::string_view bench) {
  for (const char* key : keys) values_.emplace_back(key, "null");
  set("bench", bench);
  cpu({});
}

Report& Report::set(std::string_view key, double value) {
  return put(key, rendered(value));
}

Report& Report::set(std::string_view key, std::string_view value) {
  return put(key, json_text(value));
}

Report& Report::set(std::string_view key, bool value) {
  return put(key, value ? "true" : "false");
}

Report& Report::set(std::string_view key, const std::vector<double>& values) {
  std::string text = "[";
  for (double value : values) {
    if (text.size() > 1) text += ", ";
    text += rendered(value);
  }
  return put(key, text + "]");
}

Report& Report::cpu(const CpuPerTask& cpu) {
  return put("cpu_us_per_task", "{\"broker\": " + rendered(cpu.broker_us) +
                                    ", \"worker\": " + rendered(cpu.worker_us) +
                                    ", \"client\": " + rendered(cpu.client_us) + "}");
}

Report& Report::put(std::string_view key, std::string rendered) {
  auto found = std::find_if(values_.begin(), values_.end(), [&](const auto& v) { return v.first == key; });
  if (found == values_.end())
    values_.emplace_back(key, std::move(rendered));
  else
    found->second = std::move(rendered);
  return *this;
}

std::string Report::json() const {
  std::string text = "{";
  for (const auto& [key, value] : values_) {
    if (text.size() > 1) text += ", ";
    text += json_text(key) + ": " + value;
  }
  return text + "}";
}

std::string digest_of(std::string_view text) {
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::array<char, 2 * hash.size() + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return std::string(hex.data(), 16);
}

}  // namespace hirehall::bench
