// What a run comes to: waits, utilisation, and how far tenants drifted apart.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace hirehall::simulator {

struct Waits {
  double mean = 0, p50 = 0, p99 = 0;  // response: from arrival to the result
  double wait_p50 = 0, wait_p99 = 0;  // from arrival to the start
  double utilisation = 0;
  // How far two tenants that both had tasks waiting drifted apart in service, over the longest service. Of
  // the hall only, which alone knows tenants.
  double lag = 0;
  std::vector<std::pair<double, double>> curve;  // percent of the tasks, and what they waited at most
};

class WaitBook {
 public:
  void done(double arrived, double started, double finished, double told);
  std::size_t count() const { return waits_.size(); }
  Waits result(double begin, std::size_t workers) const;

 private:
  std::vector<double> responses_, waits_;
  double busy_ = 0, end_ = 0;
};

// The gap between two tenants counts from the moment on that both have tasks waiting.
class LagBook {
 public:
  explicit LagBook(std::uint32_t tenants);
  void arrived(std::uint32_t tenant);
  void awarded(std::uint32_t tenant, double service);
  double largest() const;  // in longest services

 private:
  void note();
  std::uint32_t tenants_;
  std::vector<std::uint64_t> waiting_;
  std::vector<double> served_, since_;
  double lag_ = 0, longest_ = 0;
};

}  // namespace hirehall::simulator
