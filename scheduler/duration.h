// How long an agent takes for a type of task, learned from how long it took.
//
// The logarithm of a duration is taken for normal, with a mean that adds up like chances do (success.h) and a
// variance of each cell's own (inverse gamma, its prior pooled from all): the next duration then has a
// Student-t distribution. Real work is often not lognormal, so each cell keeps a sketch of quantiles too, and
// once it has 50 durations the one of the two that has foretold the 90 % quantile better is believed.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "scheduler/quantile_sketch.h"
#include "scheduler/student.h"
#include "scheduler/success.h"

namespace hirehall::scheduler {

struct DurationBelief {
  double p50_ms = 0, p90_ms = 0, p99_ms = 0;
  double mean_ms = 0;  // for charging and planning; at most 20 times the median
  double outcomes = 0;
  bool from_sketch = false;
};

class DurationModel {
 public:
  static constexpr double sketch_from = 50;

  DurationBelief belief(AgentNo agent, TypeNo type) const;
  // Of the logarithm: what is believed of its mean, and the variance about that.
  struct Log {
    double mean = 0, variance = 0, noise = 0;
  };
  Log log_of(AgentNo agent, TypeNo type) const;
  void learn(AgentNo agent, TypeNo type, double took_ms);  // below 1 counts as 1
  void reset(AgentNo agent);

  void save(Packer& out) const;
  static bool load(Unpacker& in, DurationModel& into);

 private:
  struct Part {
    double mean = 0, variance = 0;
  };
  struct Cell {
    Part part;
    double shape = 0, rate = 0;  // of the inverse gamma belief about the variance; shape 0: nothing known
    double outcomes = 0;
    double loss_t = 0, loss_sketch = 0;  // pinball at 90 %, fading
    QuantileSketch sketch;
  };
  struct Agent {
    Part part;
    std::map<TypeNo, Cell> cells;
  };
  static Part fresh(double sd) { return {0, sd * sd}; }
  const Cell* find(AgentNo agent, TypeNo type) const;
  Cell& cell_at(AgentNo agent, TypeNo type);
  Student student(AgentNo agent, TypeNo type) const;  // of the logarithm
  double pooled_variance() const { return rate_ / shape_; }

  Part common_{7, 16};  // about a second, give or take a factor of 50
  double shape_ = 2, rate_ = 1;
  std::vector<Part> types_;
  std::vector<Agent> agents_;
};

}  // namespace hirehall::scheduler
