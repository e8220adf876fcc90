#include "broker/server/fleet_watch.h"

#include <algorithm>
#include <cmath>

namespace hirehall::server {

void FleetWatch::ended(std::string_view agent, std::string_view type, bool success, Millis took) {
  auto types = tracks_.find(agent);
  if (types == tracks_.end()) {
    if (count_ == tracks_max) return;
    types = tracks_.emplace(std::string(agent), decltype(tracks_)::mapped_type{}).first;
  }
  auto track = types->second.find(type);
  if (track == types->second.end()) {
    if (count_ == tracks_max) return;
    ++count_;
    track = types->second.emplace(std::string(type), scheduler::Track{}).first;
  }
  track->second.add(success, static_cast<double>(took));
}

void FleetWatch::forget(std::string_view agent) {
  const auto types = tracks_.find(agent);
  if (types == tracks_.end()) return;
  count_ -= types->second.size();
  tracks_.erase(types);
}

scheduler::TrendTest FleetWatch::trend(std::string_view agent, std::string_view type) const {
  const auto types = tracks_.find(agent);
  if (types == tracks_.end()) return {};
  const auto track = types->second.find(type);
  return track == types->second.end() ? scheduler::TrendTest{} : track->second.test();
}

void FleetWatch::sample(Millis now, std::uint64_t busy, std::uint64_t slots) {
  if (first_ < 0) first_ = last_ = now;
  const auto passed = static_cast<double>(std::max<Millis>(0, now - last_));
  last_ = std::max(now, last_);
  const double kept = std::exp(-passed / static_cast<double>(remembered_ms));
  busy_ = busy_ * kept + static_cast<double>(busy) * passed;
  slots_ = slots_ * kept + static_cast<double>(slots) * passed;
}

Millis FleetWatch::watched(Millis now) const {
  return first_ < 0 ? 0 : std::min(remembered_ms, now - first_);
}

}  // namespace hirehall::server
