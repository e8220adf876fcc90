// Identity: numbers that do not convert into each other, and the public task id.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall {

// A position in the order of submission: one per task of a shard, for ever.
using Sequence = std::uint64_t;
inline constexpr Sequence sequence_max = (Sequence{1} << 56) - 1;

// 128 bits: shard u16 · incarnation u16 · sequence u56 · check u40, big-endian; 26 Crockford characters as
// text. The check is keyed with the store's key, so a guessed or mistyped id is refused without a lookup.
struct TaskId {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
  std::uint16_t shard() const { return static_cast<std::uint16_t>((bytes[0] << 8) | bytes[1]); }
  std::uint16_t incarnation() const { return static_cast<std::uint16_t>((bytes[2] << 8) | bytes[3]); }
  Sequence sequence() const;
  std::string text() const;
  std::string_view raw() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  static Result<TaskId> parse(std::string_view text);  // invalid: wrong length or alphabet
  static Result<TaskId> from_raw(std::string_view raw);
};

// The secret of a store that makes ids unguessable (16 bytes).
using IdKey = std::array<std::uint8_t, 16>;

// Makes and checks ids of one store. Pure; owned by whoever owns the store.
class IdMaker {
 public:
  IdMaker(IdKey key, std::uint16_t shard, std::uint16_t incarnation);
  // Sequences from `first` on are given in this incarnation. What a restore or an accepted loss took away had
  // the same sequences in an earlier one.
  void begin(std::uint16_t incarnation, Sequence first) { spans_.push_back({incarnation, first}); }
  TaskId make(Sequence sequence) const { return make(sequence, incarnation_of(sequence)); }
  TaskId make(Sequence sequence, std::uint16_t incarnation) const;
  bool genuine(const TaskId& id) const;  // right shard, the sequence's incarnation, matching check
  bool lost(const TaskId& id) const;     // it was genuine once, and its task is not in this store any more

 private:
  IdKey key_;
  std::uint16_t shard_;
  struct Span {
    std::uint16_t incarnation;
    Sequence first;
  };
  std::uint16_t incarnation_of(Sequence sequence) const {
    auto at = spans_.size() - 1;
    while (at > 0 && sequence < spans_[at].first) --at;
    return spans_[at].incarnation;
  }
  bool checks(const TaskId& id) const;
  std::vector<Span> spans_;
};

}  // namespace hirehall

template <>
struct std::hash<hirehall::TaskId> {
  std::size_t operator()(const hirehall::TaskId& id) const noexcept {
    std::size_t h = 0;
    for (auto b : id.bytes) h = h * 1099511628211u ^ b;
    return h;
  }
};
