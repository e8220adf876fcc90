#include "scheduler/instances.h"

#include <algorithm>

namespace hirehall::scheduler {

void Instances::connect(WorkerNo worker, const WorkerSpec& spec) {
  disconnect(worker);
  if (std::ranges::none_of(spec.agents, [](const auto& agent) { return agent.max_instances != 0; })) return;
  if (worker >= rows_.size()) rows_.resize(std::size_t{worker} + 1);
  for (const auto& agent : spec.agents) rows_[worker].push_back({agent.max_instances, 0});
  ++capped_;
}

void Instances::disconnect(WorkerNo worker) {
  if (!caps(worker)) return;
  std::vector<Count>().swap(rows_[worker]);
  --capped_;
}

void Instances::take(WorkerNo worker, std::uint16_t agent, std::uint32_t tasks) {
  if (caps(worker) && agent < rows_[worker].size()) rows_[worker][agent].held += tasks;
}

void Instances::give_back(WorkerNo worker, std::uint16_t agent) {
  if (!caps(worker) || agent >= rows_[worker].size()) return;
  auto& held = rows_[worker][agent].held;
  held -= std::min(held, 1u);
}

std::uint32_t Instances::left(WorkerNo worker, std::uint16_t agent, std::uint32_t slots,
                              std::uint32_t credit) const {
  if (!caps(worker) || agent >= rows_[worker].size()) return UINT32_MAX;
  const auto& [max, held] = rows_[worker][agent];
  if (max == 0) return UINT32_MAX;
  const auto part = std::uint64_t{std::min(max, slots)} * credit / slots;
  const auto most = std::max<std::uint64_t>(max, part);
  return static_cast<std::uint32_t>(most - std::min<std::uint64_t>(most, held));
}

}  // namespace hirehall::scheduler
