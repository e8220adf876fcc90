// A belief about one number whose variance is not known either.
#pragma once

namespace hirehall::scheduler {

struct Student {
  double mean = 0, scale = 1, freedom = 3;

  // At the share of this point of a normal. Cornish and Fisher's expansion about the normal quantile: good to
  // a per cent from three degrees on.
  double quantile(double z) const {
    const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, n = freedom;
    const double t = z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
                     (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
    return mean + scale * t;
  }
};

}  // namespace hirehall::scheduler
