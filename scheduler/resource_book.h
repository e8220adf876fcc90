// What tasks use of a worker's resources at this moment: cpu, memory, gpu, any named amount. A task fits
// where all that it asks for is free. Amounts are whole numbers (ability.h, parse_amount).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/task.h"

namespace hirehall::scheduler {

using Amounts = std::map<std::string, std::int64_t, std::less<>>;

// "cpu=4" … as amounts; what is no amount is refused by name.
Result<Amounts> amounts_of(const StringMap& resources);

class ResourceBook {
 public:
  explicit ResourceBook(Amounts offered) : offered_(std::move(offered)) {}

  bool fits(const Amounts& asked) const;
  std::vector<std::string> short_of(const Amounts& asked) const;  // "gpu: 2 asked, 1 of 4 free"
  void take(const Amounts& asked);                                // it fits
  void give_back(const Amounts& asked);
  std::int64_t free(std::string_view name) const;

 private:
  Amounts offered_, used_;
};

// The greatest share of any resource that somebody uses, in millionths of the fleet's total
// (dominant-resource fairness serves whoever has the least of it by weight). Of a resource that the fleet has
// not, nothing.
std::int64_t dominant_share(const Amounts& used, const Amounts& total);

}  // namespace hirehall::scheduler
