// What is asked of the workers: a *demand* is a class, or a class in one queue where some worker is bound to
// queues. All shelves of a demand can be served by the same workers.
//
// While no worker is bound, there is one demand for each class. The first worker that is bound to a queue
// gives that queue's shelves demands of their own, and they keep them: such queues are few.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/fleet.h"
#include "scheduler/turns.h"

namespace hirehall::scheduler {

class Demands {
 public:
  Demands(Turns& turns, Fleet& fleet) : turns_(turns), fleet_(fleet) {}

  void define_lane(LaneNo lane, QueueNo queue);
  void define_class(ClassNo cls, std::string type, Requirements requirements, StringMap preferred);
  ShelfNo shelf(LaneNo lane, ClassNo cls);
  void bind(const std::vector<QueueNo>& queues);  // some worker may serve these only
  Need need_of(ClassNo cls, QueueNo queue) const;
  const Amounts& asked(ClassNo cls) const { return classes_.at(cls).asked; }

 private:
  bool bound(QueueNo queue) const { return queue < bound_.size() && bound_[queue]; }
  DemandNo demand_of(ClassNo cls, QueueNo queue);
  void define(DemandNo demand, ClassNo cls, QueueNo queue);

  Turns& turns_;
  Fleet& fleet_;
  std::vector<QueueNo> queue_of_lane_;
  std::vector<Need> classes_;
  std::vector<std::pair<LaneNo, ClassNo>> shelves_;
  std::vector<bool> bound_;                                  // by queue
  std::map<std::pair<ClassNo, QueueNo>, DemandNo> demands_;  // queue is none where nobody is bound
  DemandNo next_ = 0;
};

}  // namespace hirehall::scheduler
