// The few agents that are best at a class by what was believed of them when they were looked at last, so that
// a short list of a large fleet has them in it. Found out by looking: who is drawn and better than the least
// of them takes its place, and whose worth falls makes room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

class BestAgents {
 public:
  static constexpr std::size_t kept = 4;
  static constexpr std::size_t classes_max = 1024;  // with more it begins anew

  void note(ClassNo cls, std::uint64_t agent, std::int64_t worth) {
    if (best_.size() >= classes_max && !best_.contains(cls)) best_.clear();
    auto& row = best_[cls];
    auto at = std::ranges::find(row, agent, &Known::agent);
    if (at != row.end())
      at->worth = worth;
    else if (row.size() < kept)
      row.push_back({agent, worth});
    else if (at = std::ranges::min_element(row, {}, &Known::worth); at->worth < worth)
      *at = {agent, worth};
  }
  void list(ClassNo cls, std::vector<std::uint64_t>& out) const {
    out.clear();
    if (const auto at = best_.find(cls); at != best_.end())
      for (const auto& known : at->second) out.push_back(known.agent);
  }
  void keep_only(ClassNo cls, const std::vector<std::uint64_t>& agents) {
    const auto at = best_.find(cls);
    if (at == best_.end() || agents.size() == at->second.size()) return;
    std::erase_if(at->second,
                  [&](const Known& k) { return std::ranges::find(agents, k.agent) == agents.end(); });
  }

 private:
  struct Known {
    std::uint64_t agent = 0;
    std::int64_t worth = 0;
  };
  std::unordered_map<ClassNo, std::vector<Known>> best_;  // never iterated
};

}  // namespace hirehall::scheduler
