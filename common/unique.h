// Unique keys: how long one is taken, and what becomes of a submission that comes meanwhile (docs/unique.md).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hirehall {

enum class UniqueUntil : std::uint8_t { unsaid = 0, start = 1, end = 2 };
inline constexpr std::array<std::string_view, 3> unique_until_names{"", "start", "end"};

enum class OnConflict : std::uint8_t { unsaid = 0, reject = 1, existing = 2, replace = 3, coalesce = 4 };
inline constexpr std::array<std::string_view, 5> on_conflict_names{"", "reject", "existing", "replace",
                                                                   "coalesce"};

// With a time and nothing else the key is taken for that time, whatever becomes of the task. What replaces or
// coalesces touches only what waits, so that its key is free again from the start of the task on.
constexpr UniqueUntil unique_until(UniqueUntil said, std::int64_t for_ms, OnConflict on_conflict) {
  if (said != UniqueUntil::unsaid || for_ms != 0) return said;
  const bool waiting = on_conflict == OnConflict::replace || on_conflict == OnConflict::coalesce;
  return waiting ? UniqueUntil::start : UniqueUntil::end;
}

}  // namespace hirehall
