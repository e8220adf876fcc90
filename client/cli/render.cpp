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

// What names a thing is copied into the next command, and a message is what the table is looked at for.
bool may_be_cut(const std::vector<std::string>& keys, std::size_t column) {
  const auto& key = keys[column];
  return column > 0 && key != "message" && key != "example" && key != "task" && !key.ends_with("_at");
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

using Rows = std::vector<std::vector<std::string>>;

Rows cells_of(const std::vector<Document>& objects, const std::vector<std::string>& keys) {
  Rows rows(1);
  for (const auto& key : keys) rows[0].push_back(heading(key));
  for (const auto& object : objects) {
    auto& row = rows.emplace_back();
    for (const auto& key : keys) row.push_back(reading(object, key, false));
  }
  return rows;
}

std::vector<std::size_t> widths_of(const Rows& rows, std::size_t columns) {
  std::vector<std::size_t> widths(columns);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < columns; ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  return widths;
}

// One line; `paint(c)` is the colour of a cell. No blanks at its end.
template <class Paint>
std::string aligned(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                    bool coloured, Paint&& paint) {
  std::string line;
  std::size_t owed = 0;  // blanks before the next text
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (!cells[c].empty()) {
      line.append(owed, ' ');
      line += coloured ? painted(cells[c], paint(c)) : cells[c];
      owed = 0;
    }
    owed += widths[c] - width_of(cells[c]) + 2;
  }
  return line + "\n";
}

}  // namespace

std::string render_table(const std::vector<Document>& objects, std::string_view columns, bool coloured,
                         std::size_t room) {
  auto keys = split_columns(columns);
  auto rows = cells_of(objects, keys);
  auto widths = widths_of(rows, keys.size());
  if (room != 0) squeeze(rows, widths, keys, room);
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r)
    out += aligned(rows[r], widths, coloured,
                   [&](std::size_t c) { return r == 0 ? colour::bold : colour_of(keys[c], rows[r][c]); });
  return out;
}

namespace {

std::vector<std::string> keys_of(const std::vector<Document>& rows) {
  std::vector<std::string> keys;
  for (const auto& row : rows)
    for (const auto& key : row.keys())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  return keys;
}

// A key a line, an object a column: for few objects with more keys than a terminal has room for.
std::string render_sideways(const std::vector<Document>& objects, const std::vector<std::string>& keys,
                            bool coloured) {
  Rows turned;
  for (const auto& row : cells_of(objects, keys))
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (turned.size() <= k) turned.emplace_back();
      turned[k].push_back(row[k]);
    }
  auto widths = widths_of(turned, objects.size() + 1);
  std::string out;
  for (std::size_t k = 0; k < keys.size(); ++k)
    out += aligned(turned[k], widths, coloured,
                   [&](std::size_t c) { return c == 0 ? colour::bold : colour_of(keys[k], turned[k][c]); });
  return out;
}

// Objects that belong to an object: a table below their name.
std::string render_nested(const std::vector<Document>& objects, bool coloured, std::size_t room) {
  const auto keys = keys_of(objects);
  std::string columns;
  for (const auto& key : keys) columns += (columns.empty() ? "" : ",") + key;
  const auto inner = room < 2 ? room : room - 2;
  auto table = render_table(objects, columns, coloured, inner);
  if (inner != 0 && width_of(table.substr(0, table.find('\n'))) > inner && objects.size() < keys.size())
    table = render_sideways(objects, keys, coloured);
  std::string out;
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
