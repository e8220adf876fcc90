// Structured logs: one line per event, a message for people and key=value fields for machines.
// To stderr; under systemd (stderr is the journal) lines carry the journal's priority prefix instead of a
// time stamp. Any thread may write. Values are quoted when needed and control characters are escaped, so that
// hostile input cannot forge a line.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };

Result<Level> level_from_name(std::string_view name);  // invalid when unknown
std::string_view name_of(Level level);

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  Field(std::string_view k, double v);
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};
using Fields = std::initializer_list<Field>;

// Once, at the start of a program, before it makes threads. Without it: info, to stderr.
void setup(std::string_view program, Level level);
void set_level(Level level);
bool enabled(Level level);

void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}
void error(std::string_view message, const Error& cause, Fields fields = {});

// "message key=value …", without time and level: what write() prints. For tests.
std::string render(std::string_view message, Fields fields);

}  // namespace hirehall::log
