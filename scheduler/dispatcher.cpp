#include "scheduler/dispatcher.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/mutant.h"
#include "scheduler/demands.h"
#include "scheduler/fleet.h"
#include "scheduler/room_waits.h"
#include "scheduler/turns.h"

namespace hirehall::scheduler {

struct Dispatcher::State {
  Turns turns;
  Fleet fleet{turns};
  Demands demands{turns, fleet};
  RoomWaits waits{turns, fleet};
  std::vector<std::uint64_t> roomless;  // by demand: at which version of the rooms nobody had room for it
  std::uint64_t decisions = 0;
  Turns::Best last;  // of next()
};

Dispatcher::Dispatcher() : state_(std::make_unique<State>()) {}
Dispatcher::~Dispatcher() = default;
Dispatcher::Dispatcher(Dispatcher&&) noexcept = default;
Dispatcher& Dispatcher::operator=(Dispatcher&&) noexcept = default;

void Dispatcher::define_queue(QueueNo queue, std::uint32_t weight) {
  state_->turns.define_queue(queue, weight);
}

void Dispatcher::define_lane(LaneNo lane, QueueNo queue, std::uint32_t weight) {
  state_->turns.define_lane(lane, queue, weight);
  state_->demands.define_lane(lane, queue);
}

void Dispatcher::define_class(ClassNo cls, std::string type, Requirements requirements, StringMap preferred) {
  state_->demands.define_class(cls, std::move(type), std::move(requirements), std::move(preferred));
}

ShelfNo Dispatcher::shelf(LaneNo lane, ClassNo cls) {
  return state_->demands.shelf(lane, cls);
}

void Dispatcher::set_ready(ShelfNo shelf, bool ready, std::uint64_t order) {
  if (!state_->waits.empty()) {
    if (!ready) state_->waits.end(shelf);
    if (state_->waits.aside(shelf)) return;
  }
  state_->turns.set_ready(shelf, ready, order);
}

void Dispatcher::hold(ShelfNo shelf) {
  state_->turns.set_ready(shelf, false, 0);
}

void Dispatcher::set_aside(const Pick& pick, std::int64_t now) {
  state_->turns.set_ready(pick.shelf, false, 0);
  state_->waits.set_aside(pick.shelf, pick.lane, pick.cls, now);
}

RoomWaits& Dispatcher::rooms() {
  return state_->waits;
}

const RoomWaits& Dispatcher::rooms() const {
  return state_->waits;
}

void Dispatcher::connect(WorkerNo worker, const WorkerSpec& spec, std::uint32_t credit) {
  if (spec.queues) state_->demands.bind(*spec.queues);
  state_->fleet.connect(worker, spec, credit);
}

void Dispatcher::disconnect(WorkerNo worker) {
  state_->fleet.disconnect(worker);
}

void Dispatcher::set_credit(WorkerNo worker, std::uint32_t credit) {
  state_->fleet.set_credit(worker, credit);
}

void Dispatcher::set_draining(WorkerNo worker, bool draining) {
  state_->fleet.set_draining(worker, draining);
}

void Dispatcher::set_held(WorkerNo worker, std::uint32_t held) {
  state_->fleet.set_held(worker, held);
}

void Dispatcher::release(WorkerNo worker, std::uint32_t count) {
  const std::uint32_t held = state_->fleet.held(worker);
  HH_CHECK(count <= held, "a worker cannot give back more tasks than it holds");
  if (count > 0) state_->fleet.set_held(worker, held - count);
}

void Dispatcher::use(WorkerNo worker, ClassNo cls) {
  if (const auto& asked = state_->demands.asked(cls); !asked.empty()) state_->fleet.take(worker, asked, 1);
}

void Dispatcher::give_back(WorkerNo worker, ClassNo cls) {
  if (const auto& asked = state_->demands.asked(cls); !asked.empty()) state_->fleet.give_back(worker, asked);
}

bool Dispatcher::counts_instances(WorkerNo worker) const {
  return state_->fleet.instances().caps(worker);
}

void Dispatcher::use_instance(WorkerNo worker, std::uint16_t agent) {
  state_->fleet.take_instances(worker, agent, 1);
}

void Dispatcher::end_instance(WorkerNo worker, std::uint16_t agent) {
  state_->fleet.end_instance(worker, agent);
}

std::uint32_t Dispatcher::room(const Pick& pick) const {
  const auto& asked = state_->demands.asked(pick.cls);
  return asked.empty() ? run_max : state_->fleet.rooms().room(pick.worker, asked);
}

std::uint32_t Dispatcher::held(WorkerNo worker) const {
  return state_->fleet.held(worker);
}

std::optional<Pick> Dispatcher::next() {
  ++state_->decisions;
  const auto best = state_->turns.best();
  if (best.shelf == none) return std::nullopt;
  Pick pick;
  pick.shelf = best.shelf;
  pick.lane = best.lane;
  pick.cls = best.cls;
  state_->last = best;
  if (best.demand >= state_->roomless.size()) state_->roomless.resize(best.demand + 1);
  auto& roomless = state_->roomless[best.demand];
  if (roomless == state_->fleet.room_version()) return pick;  // until somebody has more, it only gets less
  state_->fleet.choose(best.pool, best.demand, pick);
  if (pick.worker == none) roomless = state_->fleet.room_version();
  pick.alone = best.alone;
  if (!best.alone) pick.run = 1;
  return pick;
}

void Dispatcher::look_ahead(const std::function<Glance(const Pick&)>& visit) {
  const auto last = state_->last;
  auto turns = state_->turns;
  for (auto best = turns.best(); best.shelf != none; best = turns.best()) {
    Pick pick;
    pick.shelf = best.shelf;
    pick.lane = best.lane;
    pick.cls = best.cls;
    state_->last = best;
    state_->fleet.choose(best.pool, best.demand, pick);
    Glance glance;
    if (pick.worker != none) glance = visit(pick);
    if (glance.enough) break;
    if (glance.taken) {
      const auto cost = std::clamp<std::uint64_t>(glance.cost, 1, cost_max) * weight_of(best.cls);
      turns.charge(best.lane, std::clamp<std::uint64_t>(cost, 1, cost_max));
    }
    turns.set_ready(best.shelf, glance.taken && glance.more, glance.order);
  }
  state_->last = last;
}

void Dispatcher::short_list(const Pick& pick, std::uint64_t seed, std::vector<std::uint64_t>& best,
                            std::vector<Listed>& out) {
  HH_CHECK(state_->last.shelf == pick.shelf, "a list is for the pick that was given last");
  state_->fleet.short_list(state_->last.pool, state_->last.demand, pick, seed, best, out);
}

void Dispatcher::of_worker(const Pick& pick, WorkerNo worker, std::vector<Listed>& out) {
  HH_CHECK(state_->last.shelf == pick.shelf, "a look is for the pick that was given last");
  state_->fleet.of_worker(state_->last.pool, state_->last.demand, worker, out);
}

std::optional<Listed> Dispatcher::listed(const Pick& pick, WorkerNo worker, std::uint64_t agent_hash) {
  HH_CHECK(state_->last.shelf == pick.shelf, "a look is for the pick that was given last");
  return state_->fleet.listed(state_->last.pool, state_->last.demand, worker, agent_hash);
}

void Dispatcher::nearest(const Pick& pick, std::uint64_t affinity, std::vector<Listed>& out) {
  HH_CHECK(state_->last.shelf == pick.shelf, "a list is for the pick that was given last");
  state_->fleet.nearest(state_->last.pool, state_->last.demand, affinity, out);
}

void Dispatcher::take(const Pick& pick, std::uint32_t count, std::uint64_t cost_each) {
  if (count == 0) return;
  HH_CHECK(count <= pick.run, "more tasks were taken than the pick allows");
  HH_CHECK(count <= state_->fleet.free_credit(pick.worker),
           "the pick is out of date: the worker has no such credit");
  const auto& asked = state_->demands.asked(pick.cls);
  if (!asked.empty()) {
    cost_each = std::clamp<std::uint64_t>(cost_each, 1, cost_max) * state_->fleet.rooms().weight_of(asked);
    state_->fleet.take(pick.worker, asked, count);
  }
  state_->turns.charge(pick.lane, std::clamp<std::uint64_t>(cost_each, 1, cost_max) * count);
  if (!HH_MUTANT("instances_uncounted")) state_->fleet.take_instances(pick.worker, pick.agent, count);
  state_->fleet.set_held(pick.worker, state_->fleet.held(pick.worker) + count);
  if (!state_->waits.empty()) state_->waits.end(pick.shelf);
}

std::uint64_t Dispatcher::weight_of(ClassNo cls) const {
  const auto& asked = state_->demands.asked(cls);
  return asked.empty() ? 1 : state_->fleet.rooms().weight_of(asked);
}

void Dispatcher::correct(LaneNo lane, std::int64_t cost_difference) {
  state_->turns.correct(lane, cost_difference);
}

bool Dispatcher::served(ClassNo cls, QueueNo queue) const {
  return state_->fleet.served(state_->demands.need_of(cls, queue));
}

std::vector<std::string> Dispatcher::missing(ClassNo cls, QueueNo queue) const {
  return state_->fleet.missing(state_->demands.need_of(cls, queue));
}

Prospect Dispatcher::prospect(ClassNo cls, QueueNo queue) const {
  return state_->fleet.prospect(state_->demands.need_of(cls, queue));
}

std::vector<std::string> Dispatcher::short_of(WorkerNo worker, ClassNo cls) const {
  return state_->fleet.rooms().short_of(worker, state_->demands.asked(cls));
}

Effort Dispatcher::effort() const {
  return {.decisions = state_->decisions,
          .looked_at = state_->turns.looked_at() + state_->fleet.looked_at() + state_->waits.looked_at()};
}

}  // namespace hirehall::scheduler
