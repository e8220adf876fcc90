#include "scheduler/success.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "scheduler/chance.h"
#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double pi_by_8 = 0.39269908169872414;

// The chance under a normal belief about the log-odds.
double expected(double mean, double variance) {
  return logistic(mean / std::sqrt(1 + pi_by_8 * variance));
}

double square(double x) {
  return x * x;
}

}  // namespace

SuccessModel::SuccessModel(SuccessPrior prior) : prior_(prior), common_{0, square(prior.common_sd)} {}

const SuccessModel::Cell* SuccessModel::find(AgentNo agent, TypeNo type) const {
  if (agent >= agents_.size()) return nullptr;
  const auto found = agents_[agent].cells.find(type);
  return found == agents_[agent].cells.end() ? nullptr : &found->second;
}

SuccessModel::Cell& SuccessModel::cell_at(AgentNo agent, TypeNo type) {
  while (types_.size() <= type) types_.push_back({0, square(prior_.type_sd)});
  while (agents_.size() <= agent) agents_.push_back({{0, square(prior_.agent_sd)}, 0, {}});
  return agents_[agent].cells.try_emplace(type, fresh_cell()).first->second;
}

std::vector<TypeNo> SuccessModel::types_of(AgentNo agent) const {
  std::vector<TypeNo> out;
  if (agent >= agents_.size()) return out;
  for (const auto& [type, cell] : agents_[agent].cells)
    if (cell.successes + cell.failures > 0) out.push_back(type);
  return out;
}

SuccessBelief SuccessModel::belief(AgentNo agent, TypeNo type) const {
  const Part of_type = type < types_.size() ? types_[type] : Part{0, square(prior_.type_sd)};
  const Part of_agent = agent < agents_.size() ? agents_[agent].part : Part{0, square(prior_.agent_sd)};
  const auto* cell = find(agent, type);
  const Part own = cell != nullptr ? cell->part : Part{0, square(prior_.cell_sd)};
  SuccessBelief out;
  out.log_odds = common_.mean + of_type.mean + of_agent.mean + own.mean;
  const double shared = common_.variance + of_type.variance;
  const double apart = of_agent.variance + own.variance;
  out.own_sd = std::sqrt(apart);
  out.sd = std::sqrt(shared + apart);
  out.probability = expected(out.log_odds, shared + apart);
  if (cell != nullptr) out.outcomes = cell->successes + cell->failures;
  return out;
}

bool SuccessModel::learn(AgentNo agent, TypeNo type, bool success, Beside beside) {
  auto& cell = cell_at(agent, type);
  auto& row = agents_[agent];
  (success ? cell.successes : cell.failures) += 1;
  Part* const parts[] = {&common_, &types_[type], &row.part, &cell.part};
  double mean = beside.log_odds, variance = beside.variance;
  for (const auto* part : parts) mean += part->mean, variance += part->variance;
  const double p = expected(mean, variance);
  const double curvature = p * (1 - p);
  const double share = 1 / (1 + variance * curvature);
  const double error = (success ? 1.0 : 0.0) - p;
  for (auto* part : parts) {
    const double v = part->variance;
    part->mean += v * error * share;
    part->variance = v - v * v * curvature * share;
  }
  return surprised(row, cell, p, success);
}

// Surprise is the log-loss beyond what the belief itself expects of it.
bool SuccessModel::surprised(Agent& agent, Cell& cell, double p, bool success) {
  p = std::clamp(p, 1e-6, 1 - 1e-6);
  const double loss = -std::log(success ? p : 1 - p);
  const double usual = -p * std::log(p) - (1 - p) * std::log(1 - p);
  const double step = loss - usual - prior_.surprise_slack;
  cell.surprise = std::max(0.0, cell.surprise + step);
  agent.surprise = std::max(0.0, agent.surprise + step);
  if (agent.surprise > prior_.agent_limit) {
    ++alarms_;
    reset(static_cast<AgentNo>(&agent - agents_.data()));
    return true;
  }
  if (cell.surprise <= prior_.cell_limit) return false;
  ++alarms_;
  cell = fresh_cell();
  return true;
}

void SuccessModel::reset(AgentNo agent) {
  if (agent >= agents_.size()) return;
  agents_[agent] = {{0, square(prior_.agent_sd)}, 0, {}};
}

void SuccessModel::reset(AgentNo agent, TypeNo type) {
  if (find(agent, type) != nullptr) cell_at(agent, type) = fresh_cell();
}

void SuccessModel::save(Packer& out) const {
  const auto put = [&](const Part& part) {
    put_number(out, part.mean);
    put_number(out, part.variance);
  };
  put(common_);
  out.uint(alarms_);
  out.uint(types_.size());
  for (const auto& type : types_) put(type);
  out.uint(agents_.size());
  for (const auto& agent : agents_) {
    put(agent.part);
    put_number(out, agent.surprise);
    out.uint(agent.cells.size());
    for (const auto& [type, cell] : agent.cells) {
      out.uint(type);
      put(cell.part);
      for (const double value : {cell.successes, cell.failures, cell.surprise}) put_number(out, value);
    }
  }
}

bool SuccessModel::load(Unpacker& in, SuccessModel& into) {
  SuccessModel model(into.prior_);
  const auto take = [&] {
    const double mean = take_number(in);
    return Part{mean, take_number(in, 0)};
  };
  model.common_ = take();
  model.alarms_ = in.uint();
  for (auto left = in.count(); left > 0 && in.ok(); --left) model.types_.push_back(take());
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    auto& agent = model.agents_.emplace_back();
    agent.part = take();
    agent.surprise = take_number(in, 0);
    for (auto cells = in.count(); cells > 0 && in.ok(); --cells) {
      const auto type = in.uint();
      if (type >= model.types_.size()) in.fail();
      auto& cell = agent.cells[static_cast<TypeNo>(type)];
      cell.part = take();
      for (auto* value : {&cell.successes, &cell.failures, &cell.surprise}) *value = take_number(in, 0);
    }
  }
  if (!in.ok()) return false;
  into = std::move(model);
  return true;
}

}  // namespace hirehall::scheduler
