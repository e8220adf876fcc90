// Quantiles of a stream of positive numbers in bounded memory: counts in buckets whose borders grow by a
// tenth, so that a quantile is off by some per cent at most (less, as buckets are interpolated). Old values
// fade: all counts are halved each time `window` have been added.
#pragma once

#include <cstdint>
#include <vector>

#include "common/pack.h"

namespace hirehall::scheduler {

class QuantileSketch {
 public:
  static constexpr std::uint32_t window = 1024;

  void add(double value);               // below 1 counts as 1, at most e^50
  double quantile(double share) const;  // 0 when empty
  double count() const { return total_; }
  std::size_t buckets() const { return buckets_.size(); }

  void save(Packer& out) const;
  static bool load(Unpacker& in, QuantileSketch& into);

 private:
  struct Bucket {
    std::uint32_t index = 0;
    double weight = 0;
  };
  void fade();

  std::vector<Bucket> buckets_;  // by index
  double total_ = 0;
  std::uint32_t since_fading_ = 0;
};

}  // namespace hirehall::scheduler
