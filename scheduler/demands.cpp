#include "scheduler/demands.h"

#include "common/check.h"
#include "scheduler/rooms.h"

namespace hirehall::scheduler {

void Demands::define_lane(LaneNo lane, QueueNo queue) {
  if (lane >= queue_of_lane_.size()) queue_of_lane_.resize(std::size_t{lane} + 1, none);
  queue_of_lane_[lane] = queue;
}

void Demands::define_class(ClassNo cls, std::string type, Requirements requirements, StringMap preferred) {
  if (cls >= classes_.size()) classes_.resize(std::size_t{cls} + 1);
  auto asked = amounts_of(requirements.resources);  // with what is no amount nobody can do it
  classes_[cls] = {std::move(type), std::move(requirements), none, asked ? std::move(*asked) : Amounts{},
                   std::move(preferred)};
  demand_of(cls, none);
  for (auto at = demands_.lower_bound({cls, 0}); at != demands_.end() && at->first.first == cls; ++at)
    define(at->second, cls, at->first.second);
}

Need Demands::need_of(ClassNo cls, QueueNo queue) const {
  HH_CHECK(cls < classes_.size(), "no such class");
  auto need = classes_[cls];
  need.queue = bound(queue) ? queue : none;
  return need;
}

void Demands::define(DemandNo demand, ClassNo cls, QueueNo queue) {
  if (cls < classes_.size()) fleet_.define_demand(demand, need_of(cls, queue));
}

DemandNo Demands::demand_of(ClassNo cls, QueueNo queue) {
  const QueueNo place = bound(queue) ? queue : none;
  const auto [known, fresh] = demands_.emplace(std::pair{cls, place}, next_);
  if (fresh) define(next_++, cls, place);
  return known->second;
}

ShelfNo Demands::shelf(LaneNo lane, ClassNo cls) {
  HH_CHECK(lane < queue_of_lane_.size() && queue_of_lane_[lane] != none,
           "a shelf needs its lane defined first");
  const auto number = turns_.shelf(lane, cls, demand_of(cls, queue_of_lane_[lane]));
  if (number == shelves_.size()) shelves_.emplace_back(lane, cls);
  return number;
}

void Demands::bind(const std::vector<QueueNo>& queues) {
  std::vector<bool> fresh;
  for (const auto queue : queues) {
    if (bound(queue)) continue;
    if (queue >= bound_.size()) bound_.resize(std::size_t{queue} + 1);
    if (queue >= fresh.size()) fresh.resize(std::size_t{queue} + 1);
    bound_[queue] = fresh[queue] = true;
  }
  if (fresh.empty()) return;
  const Turns::Steady steady(turns_);
  for (ShelfNo shelf = 0; shelf < shelves_.size(); ++shelf) {
    const auto [lane, cls] = shelves_[shelf];
    const auto queue = queue_of_lane_[lane];
    if (queue < fresh.size() && fresh[queue]) turns_.move_shelf(shelf, demand_of(cls, queue));
  }
}

}  // namespace hirehall::scheduler
