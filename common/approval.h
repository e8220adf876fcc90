// Whose consent a task needs: before its award, before its result is released, or both. A task says so in its
// option `policies`, a queue in its settings; what either asks for is asked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/task.h"

namespace hirehall {

inline constexpr std::uint8_t approve_award = 1;
inline constexpr std::uint8_t approve_release = 2;
inline constexpr std::array<std::string_view, 4> approval_names{"none", "award", "release", "both"};

// What happens to a question or an approval when its time is over.
enum class Lapse : std::uint8_t { fail = 0, approve = 1, reject = 2 };
inline constexpr std::array<std::string_view, 3> lapse_names{"fail", "approve", "reject"};

struct Approval {
  std::uint8_t points = 0;
  Millis timeout_ms = 0;  // 0: it waits for ever
  Lapse lapse = Lapse::fail;
  std::vector<std::string> approvers;  // names of principals; empty: operators and admins

  bool before_award() const { return (points & approve_award) != 0; }
  bool before_release() const { return (points & approve_release) != 0; }
};

std::optional<std::int64_t> approval_points(std::string_view name);
std::optional<std::int64_t> lapse_of(std::string_view name);

// Out of the encoded option; invalid: names what is wrong. Empty: nothing is asked.
Result<Approval> read_approval(std::string_view policies);

}  // namespace hirehall
