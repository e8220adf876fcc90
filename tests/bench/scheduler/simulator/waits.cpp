#include "tests/bench/scheduler/simulator/waits.h"

#include <algorithm>
#include <cmath>

#include "tests/bench/scheduler/simulator/statistics.h"

namespace hirehall::simulator {

void WaitBook::done(double arrived, double started, double finished, double told) {
  responses_.push_back(told - arrived);
  waits_.push_back(started - arrived);
  busy_ += finished - started;
  end_ = std::max(end_, finished);
}

Waits WaitBook::result(double begin, std::size_t workers) const {
  Waits out;
  out.mean = mean_of(responses_);
  out.p50 = quantile_of(responses_, 0.5);
  out.p99 = quantile_of(responses_, 0.99);
  out.wait_p50 = quantile_of(waits_, 0.5);
  out.wait_p99 = quantile_of(waits_, 0.99);
  out.utilisation = busy_ / (end_ - begin) / static_cast<double>(workers);
  for (int percent = 0; percent < 100; ++percent)
    out.curve.emplace_back(percent, quantile_of(waits_, percent / 100.0));
  return out;
}

LagBook::LagBook(std::uint32_t tenants)
    : tenants_(tenants),
      waiting_(tenants, 0),
      served_(tenants, 0),
      since_(std::size_t{tenants} * tenants, 0) {}

void LagBook::note() {
  for (std::uint32_t a = 0; a < tenants_; ++a)
    for (std::uint32_t b = 0; b < a; ++b) {
      auto& base = since_[std::size_t{a} * tenants_ + b];
      const double gap = served_[a] - served_[b];
      if (waiting_[a] == 0 || waiting_[b] == 0)
        base = gap;
      else
        lag_ = std::max(lag_, std::abs(gap - base));
    }
}

void LagBook::arrived(std::uint32_t tenant) {
  note();
  ++waiting_[tenant];
}

void LagBook::awarded(std::uint32_t tenant, double service) {
  --waiting_[tenant];
  longest_ = std::max(longest_, service);
  note();
  served_[tenant] += service;
  note();
}

double LagBook::largest() const {
  return longest_ > 0 ? lag_ / longest_ : 0;
}

}  // namespace hirehall::simulator
