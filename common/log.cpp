#include "common/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace hirehall::log {
namespace {

constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warn", "error", "off"};

spdlog::level::level_enum library_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// systemd says in JOURNAL_STREAM which device and inode the journal's stream has; a redirected stderr has
// another.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  struct stat s {};
  if (::fstat(STDERR_FILENO, &s) != 0) return false;
  return std::to_string(s.st_dev) + ":" + std::to_string(s.st_ino) == stream;
}

// The journal's priority prefix of a level (sd-daemon(3)).
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string_view prefix = "<6>";
    if (line.level == spdlog::level::debug) prefix = "<7>";
    if (line.level == spdlog::level::warn) prefix = "<4>";
    if (line.level >= spdlog::level::err) prefix = "<3>";
    out.append(prefix.data(), prefix.data() + prefix.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

std::shared_ptr<spdlog::logger> make_logger(std::string_view program, Level level) {
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (stderr_is_the_journal()) {
    formatter->add_flag<PriorityFlag>('*');
    formatter->set_pattern("%*%v");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n[%P] %l: %v");
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(library_level(level));
  return logger;
}

// Leaked on purpose: threads may still write while the program's statics are destroyed.
std::shared_ptr<spdlog::logger>& slot() {
  static auto* logger = new std::shared_ptr<spdlog::logger>(make_logger("hirehall", Level::info));
  return *logger;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (char c : value)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  return false;
}

}  // namespace

Result<Level> level_from_name(std::string_view name) {
  for (std::size_t i = 0; i < level_names.size(); ++i)
    if (level_names[i] == name) return static_cast<Level>(i);
  return fail(Code::invalid, "log level is one of debug, info, warn, error, off", std::string(name));
}

std::string_view name_of(Level level) {
  return level_names[static_cast<std::size_t>(level)];
}

Field::Field(std::string_view k, double v) : key(k), value(fmt::format("{:.6g}", v)) {}

void setup(std::string_view program, Level level) {
  slot() = make_logger(program, level);
}
void set_level(Level level) {
  slot()->set_level(library_level(level));
}
bool enabled(Level level) {
  return slot()->should_log(library_level(level));
}

std::string render(std::string_view message, Fields fields) {
  std::string line;
  line.reserve(message.size() + 24 * fields.size());
  for (char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    bool quotes = needs_quotes(field.value);
    if (quotes) line += '"';
    append_escaped(line, field.value);
    if (quotes) line += '"';
  }
  return line;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level == Level::off || !enabled(level)) return;
  try {
    slot()->log(library_level(level), spdlog::string_view_t(render(message, fields)));
  } catch (const std::exception&) {
    // Nothing is left to tell it to: a log that cannot be written must not end the work.
  }
}

void error(std::string_view message, const Error& cause, Fields fields) {
  if (!enabled(Level::error)) return;
  write(Level::error, render(std::string(message) + ": " + cause.message, fields),
        {{"code", hirehall::name_of(cause.code)}, {"context", cause.context}});
}

}  // namespace hirehall::log
