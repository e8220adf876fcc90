// What may keep awards from an agent, as its definition says: a breaker of its own, the outside services that
// it depends on, and who does its work meanwhile.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "scheduler/breaker.h"

namespace hirehall::scheduler {

struct Guard {
  std::optional<BreakerSettings> breaker = {};
  std::vector<std::string> fallbacks = {};  // agents, the one to be asked first in front
  std::vector<std::string> services = {};   // shared by the fleet, by name
};
inline constexpr std::size_t guard_names_max = 16;  // fallbacks, and services

Status check(const Guard& guard, std::string_view agent);  // invalid: names the key

}  // namespace hirehall::scheduler
