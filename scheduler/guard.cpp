#include "scheduler/guard.h"

#include <algorithm>

#include "common/limits.h"

namespace hirehall::scheduler {

namespace {

Status check_names(const std::vector<std::string>& names, const std::string& key) {
  if (names.size() > guard_names_max)
    return fail(Code::invalid, key + ": at most 16, not " + std::to_string(names.size()), key);
  for (auto at = names.begin(); at != names.end(); ++at) {
    if (at->empty() || at->size() > limits::name_bytes_max)
      return fail(Code::invalid, key + ": a name has 1 to 255 bytes", key);
    if (std::find(names.begin(), at, *at) != at)
      return fail(Code::invalid, key + ": " + *at + " is named twice", key);
  }
  return {};
}

}  // namespace

Status check(const Guard& guard, std::string_view agent) {
  if (auto named = check_names(guard.fallbacks, "fallbacks"); !named) return named;
  if (auto named = check_names(guard.services, "services"); !named) return named;
  if (std::find(guard.fallbacks.begin(), guard.fallbacks.end(), agent) != guard.fallbacks.end())
    return fail(Code::invalid, "fallbacks: an agent is no fallback of itself", "fallbacks");
  if (!guard.fallbacks.empty() && !guard.breaker && guard.services.empty())
    return fail(Code::invalid, "fallbacks: they take over when a breaker is open; say `breaker: on` as well",
                "fallbacks");
  if (!guard.breaker) return {};
  auto sound = check(*guard.breaker);
  if (!sound) sound.error().message = "breaker: " + sound.error().message;
  return sound;
}

}  // namespace hirehall::scheduler
