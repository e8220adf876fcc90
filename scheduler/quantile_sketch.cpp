#include "scheduler/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double width = 0.09531017980432493;  // ln 1.1
constexpr std::uint32_t index_max = 524;       // e^50

}  // namespace

void QuantileSketch::add(double value) {
  const double place = value > 1 ? std::log(value) / width : 0;
  const auto index = static_cast<std::uint32_t>(std::min<double>(place, index_max));
  auto at = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                             [](const Bucket& b, std::uint32_t i) { return b.index < i; });
  if (at == buckets_.end() || at->index != index) at = buckets_.insert(at, {index, 0});
  at->weight += 1;
  total_ += 1;
  if (++since_fading_ >= window) fade();
}

void QuantileSketch::fade() {
  since_fading_ = 0;
  total_ = 0;
  for (auto& bucket : buckets_) bucket.weight /= 2;
  std::erase_if(buckets_, [](const Bucket& b) { return b.weight < 0.1; });
  for (const auto& bucket : buckets_) total_ += bucket.weight;
}

double QuantileSketch::quantile(double share) const {
  if (buckets_.empty()) return 0;
  double left = std::clamp(share, 0.0, 1.0) * total_;
  for (const auto& bucket : buckets_) {
    if (left <= bucket.weight)
      return std::exp((static_cast<double>(bucket.index) + left / bucket.weight) * width);
    left -= bucket.weight;
  }
  return std::exp((static_cast<double>(buckets_.back().index) + 1) * width);
}

void QuantileSketch::save(Packer& out) const {
  out.uint(since_fading_);
  out.uint(buckets_.size());
  for (const auto& bucket : buckets_) {
    out.uint(bucket.index);
    put_number(out, bucket.weight);
  }
}

bool QuantileSketch::load(Unpacker& in, QuantileSketch& into) {
  QuantileSketch sketch;
  sketch.since_fading_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(in.uint(), window));
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    const auto index = in.uint();
    if (index > index_max || (!sketch.buckets_.empty() && index <= sketch.buckets_.back().index)) in.fail();
    sketch.buckets_.push_back({static_cast<std::uint32_t>(index), take_number(in, 0)});
    sketch.total_ += sketch.buckets_.back().weight;
  }
  if (!in.ok()) return false;
  into = std::move(sketch);
  return true;
}

}  // namespace hirehall::scheduler
