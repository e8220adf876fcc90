// Text for people. Pure.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "client/cli/command.h"
#include "client/cli/reading.h"
#include "client/cli/screen.h"

namespace hirehall::cli {

std::vector<std::string> split_columns(std::string_view columns) {
  std::vector<std::string> out;
  while (!columns.empty()) {
    auto end = std::min(columns.find(','), columns.size());
    out.emplace_back(columns.substr(0, end));
    columns.remove_prefix(std::min(end + 1, columns.size()));
  }
  return out;
}

namespace {

std::string heading(std::string_view column) {
  auto key = name_for_people(column);
  for (auto& c : key) c = c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return key;
}

std::string_view colour_of(const std::string& key, const std::string& text) {
  if (key == "state" || key == "outcome" || key == "status") {
    if (text == "succeeded" || text == "ok") return colour::green;
    if (text == "failed" || text == "expired" || text == "timed_out" || text == "lost" || text == "critical")
      return colour::red;
    if (text == "leased") return colour::cyan;
    if (text == "suspended" || text == "cancelled" || text == "warning") return colour::yellow;
  }
  if ((key == "paused" || key == "draining") && text == "true") return colour::yellow;
  if (key == "connected" && text == "false") return colour::red;
  if (key == "dead" && text != "0") return colour::red;
  return {};
}

std::string painted(const std::string& text, std::string_view with) {
  return with.empty() || text.empty() ? text : std::string(with) + text + std::string(colour::reset);
}

constexpr std::size_t narrowest = 12;

// What names a thing is copied into the next command, and never cut.
bool may_be_cut(const std::vector<std::string>& keys, std::size_t column) {
  const auto& key = keys[column];
  return column > 0 && key != "example" && key != "task" && !key.ends_with("_at");
}

// Takes columns away from the widest that may be cut, until the table fits or nothing is left to cut.
void squeeze(std::vector<std::vector<std::string>>& rows, std::vector<std::size_t>& widths,
             const std::vector<std::string>& keys, std::size_t room) {
  auto total = 2 * (widths.empty() ? 0 : widths.size() - 1);
  for (auto width : widths) total += width;
  for (; total > room; --total) {
    std::size_t widest = widths.size();
    for (std::size_t c = 0; c < widths.size(); ++c)
      if (may_be_cut(keys, c) && widths[c] > std::max(narrowest, width_of(rows[0][c])) &&
          (widest == widths.size() || widths[c] > widths[widest]))
        widest = c;
    if (widest == widths.size()) break;
    --widths[widest];
  }
  for (auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c)
      if (width_of(row[c]) > widths[c]) row[c] = clipped(row[c], widths[c] - 1) + "…";
}

}  // namespace

std::string render_table(const std::vector<Document>& objects, std::string_view columns, bool coloured,
                         std::size_t room) {
  auto keys = split_columns(columns);
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& key : keys) rows[0].push_back(heading(key));
  for (const auto& object : objects) {
    auto& row = rows.emplace_back();
    for (const auto& key : keys) row.push_back(reading(object, key, false));
  }
  std::vector<std::size_t> widths(keys.size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < keys.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  if (room != 0) squeeze(rows, widths, keys, room);
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    std::size_t owed = 0;  // blanks before the next text: none end a line
    for (std::size_t c = 0; c < keys.size(); ++c) {
      const auto& text = rows[r][c];
      if (!text.empty()) {
        line.append(owed, ' ');
        line += coloured ? painted(text, r == 0 ? colour::bold : colour_of(keys[c], text)) : text;
        owed = 0;
      }
      owed += widths[c] - width_of(text) + 2;
    }
    out += line + "\n";
  }
  return out;
}

namespace {

// Objects that belong to an object: a table below their name.
std::string render_nested(const std::vector<Document>& rows, bool coloured, std::size_t room) {
  std::string columns;
  std::vector<std::string> known;
  for (const auto& row : rows)
    for (const auto& key : row.keys())
      if (std::find(known.begin(), known.end(), key) == known.end()) known.push_back(key);
  for (const auto& key : known) columns += (columns.empty() ? "" : ",") + key;
  std::string out, table = render_table(rows, columns, coloured, room < 2 ? room : room - 2);
  for (std::size_t at = 0; at < table.size();) {
    auto end = table.find('\n', at) + 1;
    out += "  " + table.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

std::string render_object(const Document& object, bool coloured, std::size_t room) {
  std::string out, nested;
  std::size_t width = 0;
  for (const auto& key : object.keys()) width = std::max(width, name_for_people(key).size());
  for (const auto& key : object.keys()) {
    auto items = object.items(key);
    if (!items.empty() && !items.front().keys().empty()) {
      nested += name_for_people(key) + "\n" + render_nested(items, coloured, room);
      continue;
    }
    auto name = name_for_people(key);
    name.resize(width + 2, ' ');
    if (coloured) name = painted(name, colour::bold);
    if (items.empty()) {
      auto text = reading(object, key, true);
      out += name + (coloured ? painted(text, colour_of(key, text)) : text) + "\n";
    }
    for (std::size_t i = 0; i < items.size(); ++i)
      out += (i == 0 ? name : std::string(width + 2, ' ')) + reading(items[i], "", true) + "\n";
  }
  return out + nested;
}

std::string render_time(std::int64_t epoch_ms) {
  std::time_t seconds = epoch_ms / 1000;
  std::tm t{};
  gmtime_r(&seconds, &t);
  char buffer[32];
  auto n = std::strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%SZ", &t);
  return std::string(buffer, n);
}

std::int64_t wall_now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

client::Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
  std::tm t{};
  std::string copy(text);
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"}) {
    t = {};
    const char* end = strptime(copy.c_str(), form, &t);
    if (end != nullptr && *end == 0) return static_cast<std::int64_t>(timegm(&t)) * 1000;
  }
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool only_digits = error == std::errc() && end == text.data() + text.size();
  if (only_digits && number > 1'000'000'000'000) return number;  // shorter ones are no times since 2001
  if (auto from_now = parse_duration(text); from_now && !only_digits && *from_now >= 0)
    return now_ms + *from_now;
  return tl::unexpected(client::Error{client::ErrorCode::invalid,
                                      "'" + copy +
                                          "' is not a time: give 2027-01-31T12:00:00Z, milliseconds since "
                                          "the epoch, or a duration from now (10m)",
                                      {},
                                      0});
}

}  // namespace hirehall::cli
