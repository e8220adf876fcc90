#include "broker/engine/zone.h"

#include <algorithm>
#include <limits>

#include "broker/engine/civil.h"

namespace hirehall::engine {
namespace {

constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max() / 4;
constexpr std::size_t header_bytes = 44;
constexpr std::size_t transitions_max = 100'000;
constexpr std::int64_t offset_max = 26 * 3600;

// Big-endian numbers of a TZif file; reading past the end gives zeros and is noticed.
class Bytes {
 public:
  explicit Bytes(std::string_view data) : data_(data) {}
  bool ok() const { return ok_; }
  void skip(std::size_t n) {
    if (n > data_.size()) ok_ = false, n = data_.size();
    data_.remove_prefix(n);
  }
  std::int64_t number(std::size_t width) {
    if (width > data_.size()) return ok_ = false, 0;
    std::uint64_t value = (static_cast<std::uint8_t>(data_[0]) & 0x80u) != 0 && width > 1 ? ~0ull : 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<std::uint8_t>(data_[i]);
    data_.remove_prefix(width);
    return static_cast<std::int64_t>(value);
  }
  std::string_view rest() const { return data_; }

 private:
  std::string_view data_;
  bool ok_ = true;
};

struct Counts {
  std::size_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;
  std::size_t bytes(std::size_t width) const {
    return times * (width + 1) + types * 6 + letters + leaps * (width + 4) + standard + utc;
  }
};

bool read_header(Bytes& in, Counts& counts, char& version) {
  if (!in.rest().starts_with("TZif")) return false;
  in.skip(4);
  version = static_cast<char>(in.number(1));
  in.skip(15);
  for (auto* count :
       {&counts.utc, &counts.standard, &counts.leaps, &counts.times, &counts.types, &counts.letters}) {
    const auto value = in.number(4);
    if (value < 0 || value > static_cast<std::int64_t>(transitions_max)) return false;
    *count = static_cast<std::size_t>(value);
  }
  return in.ok() && counts.types > 0;
}

tl::unexpected<Error> malformed(const char* what) {
  return fail(Code::invalid, std::string("this is no description of a time zone: ") + what);
}

// --- rules ---

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

bool read_digits(std::string_view& text, int low, int high, int& value) {
  std::size_t n = 0;
  value = 0;
  while (n < text.size() && n < 4 && text[n] >= '0' && text[n] <= '9') value = value * 10 + (text[n++] - '0');
  text.remove_prefix(n);
  return n > 0 && value >= low && value <= high;
}

bool read_name(std::string_view& text) {
  if (take(text, '<')) {
    const auto end = text.find('>');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    return true;
  }
  std::size_t n = 0;
  while (n < text.size() && ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z')) ++n;
  text.remove_prefix(n);
  return n >= 3;
}

// [+-]h[h[h]][:mm[:ss]]
bool read_time(std::string_view& text, std::int64_t& seconds) {
  const bool minus = take(text, '-');
  if (!minus) take(text, '+');
  int hours = 0, minutes = 0, rest = 0;
  if (!read_digits(text, 0, 167, hours)) return false;
  if (take(text, ':')) {
    if (!read_digits(text, 0, 59, minutes)) return false;
    if (take(text, ':') && !read_digits(text, 0, 59, rest)) return false;
  }
  seconds = (hours * 60 + minutes) * 60 + rest;
  if (minus) seconds = -seconds;
  return true;
}

}  // namespace

bool Zone::read_change(std::string_view& text, Change& change) {
  if (!take(text, ',')) return false;
  if (take(text, 'M')) {
    change.form = 'M';
    if (!read_digits(text, 1, 12, change.month) || !take(text, '.') ||
        !read_digits(text, 1, 5, change.week) || !take(text, '.') || !read_digits(text, 0, 6, change.weekday))
      return false;
  } else if (take(text, 'J')) {
    change.form = 'J';
    if (!read_digits(text, 1, 365, change.day)) return false;
  } else {
    change.form = '0';
    if (!read_digits(text, 0, 365, change.day)) return false;
  }
  change.seconds = 2 * 3600;
  return !take(text, '/') || read_time(text, change.seconds);
}

Result<Zone::Rule> Zone::parse_rule(std::string_view text) {
  Rule rule;
  rule.set = true;
  if (!read_name(text) || !read_time(text, rule.standard)) return malformed("its rule has no offset");
  rule.standard = -rule.standard;
  if (text.empty()) return rule;
  rule.changes = true;
  rule.summer = rule.standard + 3600;
  if (!read_name(text)) return malformed("its rule has a second part without a name");
  if (!text.empty() && text[0] != ',') {
    if (!read_time(text, rule.summer)) return malformed("its rule has a malformed offset");
    rule.summer = -rule.summer;
  }
  if (!read_change(text, rule.to_summer) || !read_change(text, rule.to_standard) || !text.empty())
    return malformed("its rule does not say when clocks change");
  return rule;
}

// Local time of a change, in seconds.
std::int64_t Zone::local_of(const Change& change, std::int64_t year) {
  std::int64_t day = 0;
  if (change.form == 'M') {
    const auto first = days_of({year, change.month, 1});
    day = first + (change.weekday - weekday_of(first) + 7) % 7 + (change.week - 1) * 7;
    while (day >= first + days_in(year, change.month)) day -= 7;
  } else {
    day = days_of({year, 1, 1}) + change.day;
    if (change.form == 'J') day -= leap(year) && change.day >= 60 ? 0 : 1;
  }
  return day * day_seconds + change.seconds;
}

Zone::Span Zone::by_rule(std::int64_t utc) const {
  Span span{-for_ever, for_ever, rule_.standard};
  if (!rule_.changes) return span;
  const auto year = date_of(floor_div(utc, day_seconds)).year;
  std::vector<Transition> changes;
  for (auto y = year - 1; y <= year + 1; ++y) {
    changes.push_back({local_of(rule_.to_summer, y) - rule_.standard, rule_.summer});
    changes.push_back({local_of(rule_.to_standard, y) - rule_.summer, rule_.standard});
  }
  // A rule of summer all year long changes back and forth at one instant: the later entry counts.
  std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  for (const auto& change : changes) {
    if (change.at > utc) {
      span.until = change.at;
      break;
    }
    span.from = change.at;
    span.offset = change.offset;
  }
  return span;
}

Zone::Span Zone::span_at(std::int64_t utc) const {
  auto next = std::upper_bound(transitions_.begin(), transitions_.end(), utc,
                               [](std::int64_t at, const Transition& t) { return at < t.at; });
  if (next == transitions_.end() && rule_.set) {
    auto span = by_rule(utc);
    if (!transitions_.empty()) span.from = std::max(span.from, transitions_.back().at);
    return span;
  }
  Span span{-for_ever, for_ever, first_offset_};
  if (next != transitions_.begin()) span.from = std::prev(next)->at, span.offset = std::prev(next)->offset;
  if (next != transitions_.end()) span.until = next->at;
  return span;
}

std::int64_t Zone::instant_of(std::int64_t local) const {
  for (auto span = span_at(local - 2 * offset_max);; span = span_at(span.until)) {
    const auto instant = local - span.offset;
    if (instant < span.from) return span.from;
    if (instant < span.until) return instant;
  }
}

Result<Zone> Zone::of_rule(std::string_view text) {
  auto rule = parse_rule(text);
  if (!rule) return tl::unexpected(rule.error());
  Zone zone;
  zone.rule_ = *rule;
  return zone;
}

Result<Zone> Zone::parse(std::string_view tzif) {
  Bytes in(tzif);
  Counts counts;
  char version = 0;
  if (!read_header(in, counts, version)) return malformed("it does not begin as a TZif file does");
  std::size_t width = 4;
  if (version != 0) {  // the numbers of 32 bits are there for old readers
    in.skip(counts.bytes(width));
    width = 8;
    if (!read_header(in, counts, version)) return malformed("its second part is missing");
  }
  if (counts.bytes(width) > in.rest().size()) return malformed("it ends too early");
  Zone zone;
  for (std::size_t i = 0; i < counts.times; ++i) {
    const auto at = in.number(width);
    if (!zone.transitions_.empty() && at <= zone.transitions_.back().at)
      return malformed("its times do not rise");
    zone.transitions_.push_back({at, 0});
  }
  std::vector<std::size_t> types;
  for (std::size_t i = 0; i < counts.times; ++i) {
    types.push_back(static_cast<std::size_t>(in.number(1)));
    if (types.back() >= counts.types) return malformed("it names an offset that it does not have");
  }
  std::vector<std::int64_t> offsets;
  for (std::size_t i = 0; i < counts.types; ++i) {
    offsets.push_back(in.number(4));
    in.skip(2);
    if (offsets.back() < -offset_max || offsets.back() > offset_max)
      return malformed("an offset is more than a day");
  }
  zone.first_offset_ = offsets[0];
  for (std::size_t i = 0; i < counts.times; ++i) zone.transitions_[i].offset = offsets[types[i]];
  in.skip(counts.letters + counts.leaps * (width + 4) + counts.standard + counts.utc);
  auto footer = in.rest();
  if (width == 4 || !take(footer, '\n')) return zone;
  const auto end = footer.find('\n');
  if (end == std::string_view::npos) return malformed("its rule does not end");
  if (end == 0) return zone;
  auto rule = parse_rule(footer.substr(0, end));
  if (!rule) return tl::unexpected(rule.error());
  zone.rule_ = *rule;
  return zone;
}

}  // namespace hirehall::engine
