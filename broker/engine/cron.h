// When something recurs, as cron writes it: five fields (minute hour day month weekday) or six (second
// first).
//   *  a  a-b  a-b/n  */n  a/n  lists with commas  names (JAN, MON)  ? for *
//   day: L (the last), L-n, nW (the working day nearest to n), LW;   weekday: n#k (the k-th), nL (the last)
//   @yearly @annually @monthly @weekly @daily @midnight @hourly
// With both day and weekday restricted, a day that matches either of them counts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/engine/zone.h"
#include "common/task.h"

namespace hirehall::engine {

class Cron {
 public:
  // invalid names the field, the value and what is accepted.
  static Result<Cron> parse(std::string_view text);

  // The first tick after `after` (milliseconds since the epoch) on clocks of the zone. When clocks are put
  // forward, a time that is skipped ticks once, at the change; when they are put back, a time that comes
  // twice ticks the first time. Where every hour matches, ticks follow the hours that really pass instead.
  // Nothing: none within fifty years.
  std::optional<Millis> next(Millis after, const Zone& zone) const;

 private:
  std::optional<std::int64_t> next_local(std::int64_t after) const;
  std::optional<std::int64_t> time_of_day(std::int64_t from) const;
  bool day_matches(std::int64_t days) const;
  bool monthday_matches(std::int64_t year, int month, int day) const;
  bool weekday_matches(int weekday, int day, int last) const;
  Status read_days(std::string_view field);
  Status read_weekdays(std::string_view field);

  std::uint64_t seconds_ = 1, minutes_ = 0, hours_ = 0, months_ = 0;
  std::uint64_t days_ = 0;             // bit n: day n
  std::uint64_t from_last_ = 0;        // bit n: n days before the last
  std::uint64_t near_ = 0;             // bit n: the working day nearest to n; bit 0: the last one
  std::uint64_t weekdays_ = 0;         // bit 0 is Sunday
  std::uint64_t last_ = 0;             // the last such weekday of the month
  std::array<std::uint8_t, 7> nth_{};  // bit k: the k-th such weekday
  bool any_day_ = true, any_weekday_ = true;
};

}  // namespace hirehall::engine
