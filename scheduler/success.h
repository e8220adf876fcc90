// How likely an agent is to succeed at a type of task, learned from outcomes.
//
// In log-odds, chances add up: what all have in common + the agent + the type + what this agent has with this
// type alone (the cell). Each part is a normal belief. An outcome moves every part in proportion to its
// uncertainty, so a new agent begins at what agents do at that type, and a new type at what the agent does
// elsewhere: that prior is worth more than any cleverness in exploring.
//
// Agents change. Each cell and each agent runs a test on its surprise (one-sided CUSUM of the log-loss
// against its own expectation); an alarm lets it forget. A blanket discount would forget what is still true.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/pack.h"

namespace hirehall::scheduler {

using AgentNo = std::uint32_t;  // dense, given by the caller, as are types
using TypeNo = std::uint32_t;

struct SuccessPrior {
  double common_sd = 1.5, agent_sd = 0.8, type_sd = 0.7, cell_sd = 0.9;
  double surprise_slack = 0.2;  // nats of surprise an outcome that are put down to chance
  double cell_limit = 12;       // a cell's alarm rings above it
  double agent_limit = 14;      // an agent's, over all its types
};

// What is believed of one (agent, type), in log-odds.
struct SuccessBelief {
  double log_odds = 0;  // mean
  double sd = 1;        // all uncertainty
  double own_sd = 1;    // without what all agents share at this type: what a choice between agents sees
  double probability = 0.5;
  double outcomes = 0;  // the cell's own
};

class SuccessModel {
 public:
  explicit SuccessModel(SuccessPrior prior = {});

  SuccessBelief belief(AgentNo agent, TypeNo type) const;
  // What is believed beside the parts, of this one task: its features.
  struct Beside {
    double log_odds = 0, variance = 0;
  };
  // True when this outcome rang the alarm and the cell, or the whole agent, was reset.
  bool learn(AgentNo agent, TypeNo type, bool success, Beside beside = {0, 0});
  void reset(AgentNo agent);
  void reset(AgentNo agent, TypeNo type);
  std::vector<TypeNo> types_of(AgentNo agent) const;  // those it has outcomes of
  std::size_t known(AgentNo agent) const { return agent < agents_.size() ? agents_[agent].cells.size() : 0; }
  bool knows(AgentNo agent, TypeNo type) const { return find(agent, type) != nullptr; }
  std::uint64_t alarms() const { return alarms_; }

  void save(Packer& out) const;
  static bool load(Unpacker& in,
                   SuccessModel& into);  // false, and `into` unchanged, when it is no such thing

 private:
  struct Part {
    double mean = 0, variance = 0;
  };
  struct Cell {
    Part part;
    double successes = 0, failures = 0;
    double surprise = 0;
  };
  struct Agent {
    Part part;
    double surprise = 0;
    std::map<TypeNo, Cell> cells;
  };
  Cell fresh_cell() const { return {{0, prior_.cell_sd * prior_.cell_sd}, 0, 0, 0}; }
  const Cell* find(AgentNo agent, TypeNo type) const;
  Cell& cell_at(AgentNo agent, TypeNo type);
  bool surprised(Agent& agent, Cell& cell, double expected, bool success);

  SuccessPrior prior_;
  Part common_;
  std::vector<Part> types_;
  std::vector<Agent> agents_;
  std::uint64_t alarms_ = 0;
};

}  // namespace hirehall::scheduler
