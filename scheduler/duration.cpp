#include "scheduler/duration.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double type_sd = 2, agent_sd = 0.7, cell_sd = 0.5;
constexpr double cell_shape = 3;   // the pooled variance weighs like six outcomes
constexpr double shape_max = 200;  // older outcomes fade, so that the variance can change
constexpr double drift = 2e-5;     // variance an outcome adds to each mean, so that means can change
constexpr double loss_fades = 0.98;
constexpr double z90 = 1.2815515655446004, z99 = 2.3263478740408408;

double pinball(double actual, double foretold) {
  const double over = actual - foretold;
  return over > 0 ? 0.9 * over : -0.1 * over;
}

}  // namespace

const DurationModel::Cell* DurationModel::find(AgentNo agent, TypeNo type) const {
  if (agent >= agents_.size()) return nullptr;
  const auto found = agents_[agent].cells.find(type);
  return found == agents_[agent].cells.end() ? nullptr : &found->second;
}

DurationModel::Cell& DurationModel::cell_at(AgentNo agent, TypeNo type) {
  while (types_.size() <= type) types_.push_back(fresh(type_sd));
  while (agents_.size() <= agent) agents_.push_back({fresh(agent_sd), {}});
  const auto [at, added] = agents_[agent].cells.try_emplace(type);
  auto& cell = at->second;
  if (added) {
    cell.part = fresh(cell_sd);
    cell.shape = cell_shape;
    cell.rate = cell_shape * pooled_variance();
  }
  return cell;
}

DurationModel::Log DurationModel::log_of(AgentNo agent, TypeNo type) const {
  const Part of_type = type < types_.size() ? types_[type] : fresh(type_sd);
  const Part of_agent = agent < agents_.size() ? agents_[agent].part : fresh(agent_sd);
  const auto* cell = find(agent, type);
  const Part own = cell != nullptr ? cell->part : fresh(cell_sd);
  const double noise = cell != nullptr ? cell->rate / cell->shape : pooled_variance();
  const double unsure = common_.variance + of_type.variance + of_agent.variance + own.variance;
  return {common_.mean + of_type.mean + of_agent.mean + own.mean, unsure, noise};
}

Student DurationModel::student(AgentNo agent, TypeNo type) const {
  const auto* cell = find(agent, type);
  const auto log = log_of(agent, type);
  return {log.mean, std::sqrt(log.noise + log.variance), 2 * (cell != nullptr ? cell->shape : cell_shape)};
}

DurationBelief DurationModel::belief(AgentNo agent, TypeNo type) const {
  const auto* cell = find(agent, type);
  const auto t = student(agent, type);
  DurationBelief out;
  if (cell != nullptr) out.outcomes = cell->outcomes;
  out.from_sketch = cell != nullptr && cell->outcomes >= sketch_from && cell->loss_sketch < cell->loss_t;
  const auto at = [&](double share, double z) {
    return out.from_sketch ? cell->sketch.quantile(share) : std::exp(std::min(t.quantile(z), 50.0));
  };
  out.p50_ms = at(0.5, 0);
  out.p90_ms = at(0.9, z90);
  out.p99_ms = at(0.99, z99);
  out.mean_ms = std::min(std::exp(std::min(t.mean + t.scale * t.scale / 2, 50.0)), 20 * out.p50_ms);
  return out;
}

void DurationModel::learn(AgentNo agent, TypeNo type, double took_ms) {
  const double took = std::isfinite(took_ms) ? std::clamp(took_ms, 1.0, 1e15) : 1;
  auto& cell = cell_at(agent, type);
  const double x = std::log(took);
  const auto before = student(agent, type);
  cell.loss_t = cell.loss_t * loss_fades + pinball(x, before.quantile(z90));
  if (cell.outcomes >= 10)
    cell.loss_sketch =
        cell.loss_sketch * loss_fades + pinball(x, std::log(std::max(1.0, cell.sketch.quantile(0.9))));
  else
    cell.loss_sketch = cell.loss_t;
  cell.sketch.add(took);
  cell.outcomes += 1;

  Part* const parts[] = {&common_, &types_[type], &agents_[agent].part, &cell.part};
  const double noise = cell.rate / cell.shape;
  double variance = 0;
  for (const auto* part : parts) variance += part->variance;
  const double error = x - before.mean, total = variance + noise;
  for (auto* part : parts) {
    part->mean += part->variance * error / total;
    part->variance += drift - part->variance * part->variance / total;
  }
  // The share of the error that the noise accounts for.
  const double squared = error * error * noise / total;
  const auto count = [squared](double& shape, double& rate) {
    shape += 0.5;
    rate += squared / 2;
    if (shape <= shape_max) return;
    rate *= shape_max / shape;
    shape = shape_max;
  };
  count(cell.shape, cell.rate);
  count(shape_, rate_);
}

void DurationModel::reset(AgentNo agent) {
  if (agent < agents_.size()) agents_[agent] = {fresh(agent_sd), {}};
}

void DurationModel::save(Packer& out) const {
  const auto put = [&](const Part& part) {
    put_number(out, part.mean);
    put_number(out, part.variance);
  };
  put(common_);
  put_number(out, shape_);
  put_number(out, rate_);
  out.uint(types_.size());
  for (const auto& type : types_) put(type);
  out.uint(agents_.size());
  for (const auto& agent : agents_) {
    put(agent.part);
    out.uint(agent.cells.size());
    for (const auto& [type, cell] : agent.cells) {
      out.uint(type);
      put_number(out, cell.shape);
      put(cell.part);
      for (const double value : {cell.rate, cell.outcomes, cell.loss_t, cell.loss_sketch})
        put_number(out, value);
      cell.sketch.save(out);
    }
  }
}

bool DurationModel::load(Unpacker& in, DurationModel& into) {
  DurationModel model;
  const auto take = [&] {
    const double mean = take_number(in);
    return Part{mean, take_number(in, 0)};
  };
  model.common_ = take();
  model.shape_ = take_number(in, 0.5);
  model.rate_ = take_number(in, 0);
  for (auto left = in.count(); left > 0 && in.ok(); --left) model.types_.push_back(take());
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    auto& agent = model.agents_.emplace_back();
    agent.part = take();
    for (auto cells = in.count(); cells > 0 && in.ok(); --cells) {
      const auto type = in.uint();
      if (type >= model.types_.size()) in.fail();
      auto& cell = agent.cells[static_cast<TypeNo>(type)];
      cell.shape = take_number(in, 0.5);
      cell.part = take();
      for (auto* value : {&cell.rate, &cell.outcomes, &cell.loss_t, &cell.loss_sketch})
        *value = take_number(in, 0);
      if (!QuantileSketch::load(in, cell.sketch)) in.fail();
    }
  }
  if (!in.ok()) return false;
  into = std::move(model);
  return true;
}

}  // namespace hirehall::scheduler
