#include "broker/engine/cron.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>
#include <vector>

#include "broker/engine/civil.h"

namespace hirehall::engine {
namespace {

constexpr std::int64_t years_looked = 50;
constexpr std::uint64_t all_hours = (1ull << 24) - 1;

struct Field {
  std::string_view name;
  int low, high;
  std::span<const std::string_view> names;  // of low, low + 1, …
};

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr Field second_field{"second", 0, 59, {}}, minute_field{"minute", 0, 59, {}},
    hour_field{"hour", 0, 23, {}}, day_field{"day", 1, 31, {}}, month_field{"month", 1, 12, month_names},
    weekday_field{"weekday", 0, 7, weekday_names};

struct Macro {
  std::string_view name, fields;
};
constexpr std::array macros{Macro{"@yearly", "0 0 1 1 *"},  Macro{"@annually", "0 0 1 1 *"},
                            Macro{"@monthly", "0 0 1 * *"}, Macro{"@weekly", "0 0 * * 0"},
                            Macro{"@daily", "0 0 * * *"},   Macro{"@midnight", "0 0 * * *"},
                            Macro{"@hourly", "0 * * * *"}};

tl::unexpected<Error> wrong(const Field& field, std::string_view part, const std::string& why) {
  return fail(Code::invalid,
              "'" + std::string(part) + "' in the field " + std::string(field.name) + " " + why, "cron");
}

std::string accepted(const Field& field) {
  auto text = "is not accepted; give " + std::to_string(field.low) + " to " + std::to_string(field.high);
  if (!field.names.empty())
    text += " or " + std::string(field.names.front()) + " to " + std::string(field.names.back());
  return text;
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::optional<int> read_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) return {};
  return value;
}

std::optional<int> read_value(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i)
    if (std::ranges::equal(text, field.names[i], {}, upper)) return field.low + static_cast<int>(i);
  auto value = read_number(text);
  return value && *value >= field.low && *value <= field.high ? value : std::nullopt;
}

// One part of a list: *, a, a-b, each with a step.
Status read_part(const Field& field, std::string_view part, std::uint64_t& bits) {
  auto range = part;
  int step = 1;
  const auto slash = part.find('/');
  if (slash != std::string_view::npos) {
    auto given = read_number(part.substr(slash + 1));
    if (!given || *given < 1 || *given > field.high)
      return wrong(field, part, "has no step from 1 to " + std::to_string(field.high) + " behind the /");
    step = *given;
    range = part.substr(0, slash);
  }
  int from = field.low, to = field.high;
  if (range != "*" && range != "?") {
    const auto dash = range.find('-');
    auto first = read_value(field, range.substr(0, dash));
    auto last = dash != std::string_view::npos    ? read_value(field, range.substr(dash + 1))
                : slash != std::string_view::npos ? std::optional(field.high)
                                                  : first;
    if (!first || !last) return wrong(field, part, accepted(field));
    if (*first > *last) return wrong(field, part, "goes backwards; write two ranges with a comma");
    from = *first, to = *last;
  } else if (field.name == weekday_field.name) {
    to = 6;
  }
  for (int value = from; value <= to; value += step) bits |= 1ull << value;
  return {};
}

template <typename Read>
Status each_part(const Field& field, std::string_view text, Read&& read) {
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto part = text.substr(at, end - at);
    if (part.empty()) return wrong(field, text, "has an empty place; " + accepted(field).substr(17));
    if (auto done = read(part); !done) return done;
    at = end + 1;
  }
  return {};
}

Status read_field(const Field& field, std::string_view text, std::uint64_t& bits) {
  return each_part(field, text, [&](std::string_view part) { return read_part(field, part, bits); });
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == '\t') {
      ++at;
      continue;
    }
    auto end = at;
    while (end < text.size() && text[end] != ' ' && text[end] != '\t') ++end;
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<int> lowest(std::uint64_t bits, int from) {
  if (from > 63) return std::nullopt;
  bits &= ~0ull << from;
  if (bits == 0) return std::nullopt;
  return std::countr_zero(bits);
}

}  // namespace

Status Cron::read_days(std::string_view field) {
  any_day_ = field == "*" || field == "?";
  return each_part(day_field, field, [&](std::string_view part) -> Status {
    std::string text(part);
    std::ranges::transform(text, text.begin(), upper);
    if (text == "LW" || text == "WL") {
      near_ |= 1;
    } else if (text == "L") {
      from_last_ |= 1;
    } else if (text.starts_with("L-")) {
      auto before = read_number(std::string_view(text).substr(2));
      if (!before || *before > 30) return wrong(day_field, part, "is not accepted; L-1 to L-30 are");
      from_last_ |= 1ull << *before;
    } else if (text.ends_with('W')) {
      auto day = read_value(day_field, std::string_view(text).substr(0, text.size() - 1));
      if (!day) return wrong(day_field, part, "is not accepted; 1W to 31W and LW are");
      near_ |= 1ull << *day;
    } else {
      return read_part(day_field, part, days_);
    }
    return {};
  });
}

Status Cron::read_weekdays(std::string_view field) {
  any_weekday_ = field == "*" || field == "?";
  auto done = each_part(weekday_field, field, [&](std::string_view part) -> Status {
    if (const auto hash = part.find('#'); hash != std::string_view::npos) {
      auto day = read_value(weekday_field, part.substr(0, hash));
      auto which = read_number(part.substr(hash + 1));
      if (!day || !which || *which < 1 || *which > 5)
        return wrong(weekday_field, part, "is not accepted; MON#1 to MON#5 are, for each weekday");
      nth_[static_cast<std::size_t>(*day % 7)] |= static_cast<std::uint8_t>(1u << *which);
      return {};
    }
    if (part.size() > 1 && upper(part.back()) == 'L') {
      auto day = read_value(weekday_field, part.substr(0, part.size() - 1));
      if (!day) return wrong(weekday_field, part, "is not accepted; 0L to 7L and SUNL to SATL are");
      last_ |= 1ull << (*day % 7);
      return {};
    }
    return read_part(weekday_field, part, weekdays_);
  });
  if ((weekdays_ & 1ull << 7) != 0) weekdays_ |= 1;
  weekdays_ &= 0x7f;
  return done;
}

Result<Cron> Cron::parse(std::string_view text) {
  for (const auto& macro : macros)
    if (std::ranges::equal(
            text, macro.name, {}, [](char c) { return upper(c); }, [](char c) { return upper(c); }))
      text = macro.fields;
  auto words = words_of(text);
  if (text.starts_with('@'))
    return fail(Code::invalid,
                "'" + std::string(text) + "' is none of @yearly, @monthly, @weekly, @daily, @hourly", "cron");
  if (words.size() != 5 && words.size() != 6)
    return fail(Code::invalid,
                "'" + std::string(text) + "' has " + std::to_string(words.size()) +
                    " fields; give five (minute hour day month weekday) or six (second first)",
                "cron");
  Cron cron;
  std::size_t at = 0;
  Status done;
  if (words.size() == 6) {
    cron.seconds_ = 0;
    done = read_field(second_field, words[at++], cron.seconds_);
  }
  if (done) done = read_field(minute_field, words[at], cron.minutes_);
  if (done) done = read_field(hour_field, words[at + 1], cron.hours_);
  if (done) done = cron.read_days(words[at + 2]);
  if (done) done = read_field(month_field, words[at + 3], cron.months_);
  if (done) done = cron.read_weekdays(words[at + 4]);
  if (!done) return tl::unexpected(done.error());
  if (!cron.next(0, Zone()))
    return fail(Code::invalid, "'" + std::string(text) + "' never comes: no such day is in those months",
                "cron");
  return cron;
}

bool Cron::monthday_matches(std::int64_t year, int month, int day) const {
  const int last = days_in(year, month);
  if ((days_ >> day & 1) != 0 || (from_last_ >> (last - day) & 1) != 0) return true;
  if (near_ == 0) return false;
  const auto first = days_of({year, month, 1});
  if ((near_ & 1) != 0) {
    int working = last;
    while (weekday_of(first + working - 1) % 6 == 0) --working;
    if (day == working) return true;
  }
  // The nearest working day of the same month.
  for (int wanted = 1; wanted <= last; ++wanted) {
    if ((near_ >> wanted & 1) == 0) continue;
    const int weekday = weekday_of(first + wanted - 1);
    int working = wanted;
    if (weekday == 6) working = wanted > 1 ? wanted - 1 : wanted + 2;
    if (weekday == 0) working = wanted < last ? wanted + 1 : wanted - 2;
    if (day == working) return true;
  }
  return false;
}

bool Cron::weekday_matches(int weekday, int day, int last) const {
  if ((weekdays_ >> weekday & 1) != 0) return true;
  if ((last_ >> weekday & 1) != 0 && day + 7 > last) return true;
  return (nth_[static_cast<std::size_t>(weekday)] >> ((day - 1) / 7 + 1) & 1) != 0;
}

bool Cron::day_matches(std::int64_t days) const {
  const auto date = date_of(days);
  if (any_day_ && any_weekday_) return true;
  const bool by_weekday = weekday_matches(weekday_of(days), date.day, days_in(date.year, date.month));
  if (any_day_) return by_weekday;
  const bool by_day = monthday_matches(date.year, date.month, date.day);
  return any_weekday_ ? by_day : by_day || by_weekday;
}

// The first time of a day, from `from` seconds after midnight on.
std::optional<std::int64_t> Cron::time_of_day(std::int64_t from) const {
  int hour = static_cast<int>(from / 3600), minute = static_cast<int>(from / 60 % 60),
      second = static_cast<int>(from % 60);
  for (auto h = lowest(hours_, hour); h; h = lowest(hours_, *h + 1)) {
    if (*h != hour) minute = second = 0;
    for (auto m = lowest(minutes_, minute); m; m = lowest(minutes_, *m + 1)) {
      if (*h != hour || *m != minute) second = 0;
      if (auto s = lowest(seconds_, second)) return (*h * 60 + *m) * 60 + *s;
    }
    hour = -1;
  }
  return std::nullopt;
}

std::optional<std::int64_t> Cron::next_local(std::int64_t after) const {
  auto day = floor_div(after + 1, day_seconds);
  auto from = after + 1 - day * day_seconds;
  const auto end = day + years_looked * 366;
  while (day < end) {
    const auto date = date_of(day);
    if ((months_ >> date.month & 1) == 0) {
      day += days_in(date.year, date.month) - date.day + 1;
      from = 0;
      continue;
    }
    if (day_matches(day))
      if (auto time = time_of_day(from)) return day * day_seconds + *time;
    ++day;
    from = 0;
  }
  return std::nullopt;
}

std::optional<Millis> Cron::next(Millis after_ms, const Zone& zone) const {
  auto after = floor_div(after_ms, 1000);
  auto span = zone.span_at(after);
  if (hours_ == all_hours) {
    for (;; span = zone.span_at(span.until)) {
      auto local = next_local(std::max(after, span.from - 1) + span.offset);
      if (!local) return std::nullopt;
      if (*local - span.offset < span.until) return (*local - span.offset) * 1000;
    }
  }
  for (auto local = next_local(after + span.offset); local; local = next_local(*local)) {
    const auto instant = zone.instant_of(*local);
    if (instant > after) return instant * 1000;
  }
  return std::nullopt;
}

}  // namespace hirehall::engine
