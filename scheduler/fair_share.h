// Start-time fair queueing of one level, in integers (Goyal, Vin, Cheng 1996).
// A share is charged cost · 2^20 / weight of virtual time per service. Of two shares that both have work, the
// one with the lesser start tag goes first, so their service per weight differs by at most one service of
// each.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hirehall::scheduler {

inline constexpr std::uint32_t weight_max = 1u << 20;
inline constexpr std::uint64_t cost_max = std::uint64_t{1} << 30;      // 12 days in milliseconds
inline constexpr std::int64_t correction_max = std::int64_t{1} << 36;  // at once
// Tags are moved back by a step long before they could overflow: one charge is less than 2^58.
inline constexpr std::uint64_t tag_limit = std::uint64_t{1} << 62;
inline constexpr std::uint64_t tag_step = std::uint64_t{1} << 61;

class Share {
 public:
  std::uint64_t tag() const { return tag_; }  // start tag of the next service
  bool busy() const { return busy_ > 0; }

  void set_weight(std::uint32_t weight) {
    weight_ = std::clamp<std::uint32_t>(weight, 1, weight_max);
    remainder_ = 0;
  }

  // One more or one fewer line of this share has work that somebody can do. The first one starts at the
  // present virtual time or after its own last service: no credit for time without work, no way round a
  // charge by pausing.
  void line_appears(std::uint64_t virtual_time) {
    if (busy_++ != 0) return;
    floor_ = virtual_time;
    tag_ = std::max(tag_, virtual_time);
  }
  void line_ends() { --busy_; }

  void charge(std::uint64_t cost) { pay(static_cast<std::int64_t>(cost)); }
  // True when the tag of a share with work fell: keys taken from it before are no lower bounds any more. It
  // never falls below the virtual time at which its work appeared: what was charged before that and was
  // overtaken since cannot be given back.
  bool correct(std::int64_t difference) {
    const auto before = tag_;
    pay(std::clamp(difference, -correction_max, correction_max));
    if (busy()) tag_ = std::max(tag_, floor_);
    return busy() && tag_ < before;
  }

  void move_back() {
    tag_ -= std::min(tag_, tag_step);
    floor_ -= std::min(floor_, tag_step);
  }

 private:
  void pay(std::int64_t amount) {
    if (amount < 0) {
      const std::uint64_t back = (static_cast<std::uint64_t>(-amount) << 20) / weight_;
      tag_ -= std::min(tag_, back);
      return;
    }
    // The remainder is carried, otherwise large weights would be rounded into each other.
    const std::uint64_t scaled = (static_cast<std::uint64_t>(amount) << 20) + remainder_;
    tag_ = std::min(tag_ + scaled / weight_, 2 * tag_limit);
    remainder_ = scaled % weight_;
  }

  std::uint64_t tag_ = 0;
  std::uint64_t remainder_ = 0;
  std::uint64_t floor_ = 0;
  std::uint32_t weight_ = 1;
  std::uint32_t busy_ = 0;
};

}  // namespace hirehall::scheduler
