#include "broker/engine/costs.h"

namespace hirehall::engine {
namespace {

constexpr std::uint32_t memory_of_kind = 32, memory_of_class = 256, memory_of_all = 4096;  // attempts
constexpr Millis minute_ms = 60'000;
constexpr Millis unseen_max_ms = 10'000;  // expected of a class of which nothing is known

}  // namespace

// They are counted already.
void MeanCost::mix(std::uint64_t attempts, std::uint64_t total_ms) {
  const auto of_these =
      attempts == 1 ? total_ms * 1024 : total_ms / attempts * 1024 + total_ms % attempts * 1024 / attempts;
  const auto share = std::min<std::uint64_t>(attempts, seen_);
  scaled_ = (scaled_ * (seen_ - share) + of_these * share) / seen_;
}

void LaneService::note(Millis now, std::int64_t amount) {
  if (const auto minute = now / minute_ms; minute != minute_) {
    last_minute_ = minute == minute_ + 1 ? this_minute_ : 0;
    this_minute_ = 0;
    minute_ = minute;
  }
  this_minute_ += amount;
}

Millis LaneService::lately_ms(Millis now) const {
  const auto minute = now / minute_ms;
  const auto current = minute == minute_ ? this_minute_ : 0;
  const auto before = minute == minute_ ? last_minute_ : minute == minute_ + 1 ? this_minute_ : 0;
  return std::max<Millis>(0, current + before / minute_ms * (minute_ms - now % minute_ms) +
                                 before % minute_ms * (minute_ms - now % minute_ms) / minute_ms);
}

Millis Costs::expected(std::uint32_t lane, std::uint32_t class_) const {
  const auto* kind = find_kind(lane, class_);
  if (kind != nullptr && kind->mean.known()) return std::clamp<Millis>(kind->mean.rounded_up(), 1, most);
  const bool class_known = class_ < classes_.size() && classes_[class_].known();
  const auto usual = class_known ? classes_[class_].rounded_up() : std::min(all_.rounded_up(), unseen_max_ms);
  return std::clamp<Millis>(std::max(usual, kind == nullptr ? 0 : kind->at_least), 1, most);
}

void Costs::charge(Millis now, std::uint32_t lane, std::uint64_t attempts, Millis each,
                   std::uint64_t weight) {
  const auto cost = attempts * static_cast<std::uint64_t>(each) * weight;
  auto& service = lane_at(lane).service;
  service.attempts += attempts;
  service.charged_ms += cost;
  service.note(now, static_cast<std::int64_t>(cost));
}

void Costs::note_weight(std::uint32_t slot, std::uint64_t weight) {
  if (slot >= weights_.size()) weights_.resize(std::size_t{slot} + 1, 1);
  weights_[slot] = static_cast<std::uint32_t>(std::min<std::uint64_t>(weight, most));
}

void Costs::correct(Millis now, std::uint32_t lane, std::uint32_t slot, Millis difference) {
  const std::int64_t weight = slot < weights_.size() ? weights_[slot] : 1;
  // As much as was charged for it at most, in either direction: what a task costs is cut there.
  const auto amount = std::clamp(difference, -most, most) * weight;
  auto& row = lane_at(lane);
  if (!row.dirty) {
    row.dirty = true;
    dirty_.push_back(lane);
  }
  row.owed += amount;
  (amount < 0 ? row.service.back_ms : row.service.added_ms) +=
      static_cast<std::uint64_t>(amount < 0 ? -amount : amount);
  row.service.note(now, amount);
}

void Costs::close_run() {
  if (run_.attempts == 0) return;
  kind_of(run_.lane, run_.class_).mean.add(run_.attempts, run_.total_ms, memory_of_kind);
  if (class_run_.class_ != run_.class_) close_classes();
  class_run_.class_ = run_.class_;
  class_run_.attempts += run_.attempts;
  class_run_.total_ms += run_.total_ms;
  run_.attempts = run_.total_ms = 0;
}

void Costs::close_classes() {
  auto& run = class_run_;
  if (run.attempts == 0) return;
  if (run.class_ >= classes_.size()) classes_.resize(std::size_t{run.class_} + 1);
  classes_[run.class_].add(run.attempts, run.total_ms, memory_of_class);
  all_.add(run.attempts, run.total_ms, memory_of_all);
  run.attempts = run.total_ms = 0;
}

void Costs::running(std::uint32_t lane, std::uint32_t class_, Millis for_ms) {
  auto& kind = kind_of(lane, class_);
  kind.at_least = std::max(kind.at_least, for_ms);
}

const LaneService& Costs::service(std::uint32_t lane) const {
  static const LaneService none;
  return lane < lanes_.size() ? lanes_[lane].service : none;
}

Costs::Kind& Costs::kind_of(std::uint32_t lane, std::uint32_t class_) {
  auto& row = lane_at(lane);
  if (row.first_class == FlatMap::none) row.first_class = class_;
  if (row.first_class == class_) return row.first;
  const auto key = key_of(lane, class_);
  if (const auto known = kind_of_.find(key); known != FlatMap::none) return kinds_[known];
  kind_of_.insert(key, static_cast<std::uint32_t>(kinds_.size()));
  return kinds_.emplace_back();
}

const Costs::Kind* Costs::find_kind(std::uint32_t lane, std::uint32_t class_) const {
  if (lane < lanes_.size() && lanes_[lane].first_class == class_) return &lanes_[lane].first;
  const auto known = kind_of_.find(key_of(lane, class_));
  return known == FlatMap::none ? nullptr : &kinds_[known];
}

}  // namespace hirehall::engine
