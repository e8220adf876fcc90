#include "worker/guard.h"

namespace hirehall::worker {
namespace {

void write_names(msgpack::Writer& w, const char* key, const std::vector<std::string>& names) {
  if (names.empty()) return;
  w.str(key);
  w.array(names.size());
  for (const auto& name : names) w.str(name);
}

}  // namespace

std::size_t GuardOffer::fields() const {
  return static_cast<std::size_t>(breaker.has_value()) + !fallbacks.empty() + !services.empty();
}

void write_guard(msgpack::Writer& w, const GuardOffer& guard) {
  if (guard.breaker) {
    w.str("breaker");
    w.map(3);
    w.entry_uint("failures", guard.breaker->failures);
    w.entry_sint("open_ms", guard.breaker->open_ms);
    w.entry_uint("probes", guard.breaker->probes);
  }
  write_names(w, "fallbacks", guard.fallbacks);
  write_names(w, "services", guard.services);
}

}  // namespace hirehall::worker
