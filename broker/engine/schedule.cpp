#include "broker/engine/schedule.h"

#include <array>

#include "common/hash.h"

namespace hirehall::engine {
namespace {

constexpr std::array<std::string_view, 4> overlaps{"allow", "skip", "queue", "cancel"};
constexpr std::array<std::string_view, 3> catch_ups{"last", "skip", "all"};

template <typename E, std::size_t N>
std::optional<E> from_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<E>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Overlap overlap) {
  return overlaps[static_cast<std::size_t>(overlap)];
}
std::string_view name_of(CatchUp catch_up) {
  return catch_ups[static_cast<std::size_t>(catch_up)];
}
std::optional<Overlap> overlap_from_name(std::string_view name) {
  return from_name<Overlap>(overlaps, name);
}
std::optional<CatchUp> catch_up_from_name(std::string_view name) {
  return from_name<CatchUp>(catch_ups, name);
}

std::string encode_spec(const ScheduleSpec& spec) {
  std::string out;
  ArchiveOut a(out);
  const_cast<ScheduleSpec&>(spec).archive(a);
  return out;
}

Millis jitter_of(std::string_view name, Millis tick, Millis jitter_ms) {
  if (jitter_ms <= 0) return 0;
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ull;
  return static_cast<Millis>(mix(hash ^ static_cast<std::uint64_t>(tick)) %
                             static_cast<std::uint64_t>(jitter_ms + 1));
}

}  // namespace hirehall::engine
