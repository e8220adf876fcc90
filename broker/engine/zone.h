// A time zone, as tzdata describes it (TZif, RFC 8536): which offset from UTC holds when.
// Pure: whoever has the bytes of the file gives them (broker/server/zones.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall::engine {

class Zone {
 public:
  // UTC.
  Zone() = default;
  // The bytes of a TZif file; invalid says what is wrong with them.
  static Result<Zone> parse(std::string_view tzif);
  // A rule alone, as POSIX writes it: CET-1CEST,M3.5.0,M10.5.0/3
  static Result<Zone> of_rule(std::string_view rule);

  // Seconds since the epoch, from (inclusive) until (exclusive), in which one offset holds.
  struct Span {
    std::int64_t from = 0, until = 0;
    std::int64_t offset = 0;  // local = UTC + offset
  };
  Span span_at(std::int64_t utc) const;

  // The instant that clocks of the zone call `local` (seconds as if it were UTC). Of two the first; of a
  // time that is skipped, the instant at which clocks are put forward.
  std::int64_t instant_of(std::int64_t local) const;

 private:
  // A day on which clocks change, in each year.
  struct Change {
    char form = 'M';  // M: week `week` of the month, on `weekday`; J: day without 29 February; 0: day
    int month = 0, week = 0, weekday = 0, day = 0;
    std::int64_t seconds = 0;  // local time of the change
  };
  struct Rule {
    bool set = false;
    std::int64_t standard = 0, summer = 0;  // offsets
    bool changes = false;
    Change to_summer, to_standard;
  };
  struct Transition {
    std::int64_t at;
    std::int64_t offset;
  };

  static Result<Rule> parse_rule(std::string_view text);
  static bool read_change(std::string_view& text, Change& change);
  static std::int64_t local_of(const Change& change, std::int64_t year);
  Span by_rule(std::int64_t utc) const;

  std::vector<Transition> transitions_;  // ascending
  std::int64_t first_offset_ = 0;        // before the first of them
  Rule rule_;                            // after the last
};

}  // namespace hirehall::engine
