#include "scheduler/turns.h"

#include "common/check.h"

namespace hirehall::scheduler {

namespace {

template <typename Row>
Row& grown(std::vector<Row>& rows, std::uint32_t number) {
  if (number >= rows.size()) rows.resize(std::size_t{number} + 1);
  return rows[number];
}

template <typename Row>
std::uint32_t take_slot(std::vector<Row>& rows, std::vector<std::uint32_t>& free_slots,
                        TurnHeap::Places& places) {
  if (!free_slots.empty()) {
    const std::uint32_t slot = free_slots.back();
    free_slots.pop_back();
    return slot;
  }
  rows.emplace_back();
  places.push_back(0);
  return static_cast<std::uint32_t>(rows.size() - 1);
}

}  // namespace

void Turns::define_queue(QueueNo queue, std::uint32_t weight) {
  grown(queues_, queue).share.set_weight(weight);
}

void Turns::define_lane(LaneNo lane, QueueNo queue, std::uint32_t weight) {
  HH_CHECK(queue < queues_.size(), "a lane needs its queue defined first");
  auto& row = grown(lanes_, lane);
  HH_CHECK(row.queue == none || row.queue == queue, "a lane cannot move to another queue");
  if (row.queue == none) queues_[queue].lanes.push_back(lane);
  row.queue = queue;
  row.share.set_weight(weight);
}

ShelfNo Turns::shelf(LaneNo lane, ClassNo cls, DemandNo demand) {
  const std::uint64_t key = (std::uint64_t{lane} << 32) | cls;
  if (const auto known = shelf_of_.find(key); known != FlatMap::none) return known;
  HH_CHECK(lane < lanes_.size() && lanes_[lane].queue != none, "a shelf needs its lane defined first");
  const auto number = static_cast<ShelfNo>(shelves_.size());
  shelves_.push_back({.lane = lane, .cls = cls, .demand = demand});
  shelf_places_.push_back(0);
  grown(demands_, demand).shelves.push_back(number);
  shelf_of_.insert(key, number);
  return number;
}

void Turns::set_ready(ShelfNo number, bool ready, std::uint64_t order) {
  HH_CHECK(number < shelves_.size(), "no such shelf");
  auto& row = shelves_[number];
  if (row.ready == ready && row.order == order) return;
  const bool was = row.ready;
  row.ready = ready;
  row.order = order;
  const PoolNo pool = demands_[row.demand].pool;
  if (pool == nobody) return;
  if (ready && !was) {
    if (row.stall == none) attach(number, pool);
    enter(number);
  } else if (was && !ready) {
    leave(number);
  } else if (ready) {
    stalls_[row.stall].shelves.change_key(shelf_places_, number, order);
  }
}

Turns::Steady::Steady(Turns& turns) {
  for (auto& lane : turns.lanes_)
    if (lane.share.busy()) busy_.push_back(&lane.share);
  for (auto& queue : turns.queues_)
    if (queue.share.busy()) busy_.push_back(&queue.share);
  for (auto* share : busy_) share->line_appears(0);
}

Turns::Steady::~Steady() {
  for (auto* share : busy_) share->line_ends();
}

void Turns::place_demand(DemandNo demand, PoolNo pool) {
  auto& row = grown(demands_, demand);
  if (row.pool == pool) return;
  row.pool = pool;
  for (const ShelfNo number : row.shelves) replace(number, pool);
}

void Turns::move_shelf(ShelfNo number, DemandNo demand) {
  auto& shelf = shelves_[number];
  if (shelf.demand == demand) return;
  std::erase(demands_[shelf.demand].shelves, number);
  shelf.demand = demand;
  auto& row = grown(demands_, demand);
  row.shelves.push_back(number);
  replace(number, row.pool);
}

void Turns::replace(ShelfNo number, PoolNo pool) {
  const auto& shelf = shelves_[number];
  if (shelf.ready && shelf.stall != none) leave(number);
  detach(number);
  if (pool == nobody || !shelf.ready) return;
  attach(number, pool);
  enter(number);
}

void Turns::set_open(PoolNo pool, bool open) {
  pool_at(pool).open = open;
  update_awake(pool);
}

Turns::Pool& Turns::pool_at(PoolNo pool) {
  return grown(pools_, pool);
}

void Turns::update_awake(PoolNo number) {
  auto& pool = pools_[number];
  const bool awake = pool.open && !pool.aisles.empty();
  if (awake == (pool.awake_at != none)) return;
  if (awake) {
    pool.awake_at = static_cast<std::uint32_t>(awake_.size());
    awake_.push_back(number);
    return;
  }
  awake_[pool.awake_at] = awake_.back();
  pools_[awake_.back()].awake_at = pool.awake_at;
  awake_.pop_back();
  pool.awake_at = none;
}

std::uint32_t Turns::find_aisle(QueueNo queue, PoolNo pool) {
  for (const auto aisle : queues_[queue].aisles)
    if (aisles_[aisle].pool == pool) return aisle;
  const auto slot = take_slot(aisles_, free_aisles_, aisle_places_);
  aisles_[slot] = {.queue = queue, .pool = pool, .users = 0, .stalls = {}};
  queues_[queue].aisles.push_back(slot);
  return slot;
}

void Turns::attach(ShelfNo number, PoolNo pool) {
  pool_at(pool);
  auto& shelf = shelves_[number];
  auto& lane = lanes_[shelf.lane];
  for (const auto stall : lane.stalls) {
    if (stalls_[stall].pool != pool) continue;
    ++stalls_[stall].users;
    shelf.stall = stall;
    return;
  }
  const auto slot = take_slot(stalls_, free_stalls_, stall_places_);
  const auto aisle = find_aisle(lane.queue, pool);
  ++aisles_[aisle].users;
  stalls_[slot] = {.lane = shelf.lane, .pool = pool, .aisle = aisle, .users = 1, .shelves = {}};
  lane.stalls.push_back(slot);
  shelf.stall = slot;
}

void Turns::detach(ShelfNo number) {
  const auto slot = shelves_[number].stall;
  if (slot == none) return;
  shelves_[number].stall = none;
  auto& stall = stalls_[slot];
  if (--stall.users > 0) return;
  std::erase(lanes_[stall.lane].stalls, slot);
  free_stalls_.push_back(slot);
  auto& aisle = aisles_[stall.aisle];
  if (--aisle.users > 0) return;
  std::erase(queues_[aisle.queue].aisles, stall.aisle);
  free_aisles_.push_back(stall.aisle);
}

void Turns::enter(ShelfNo number) {
  const auto& shelf = shelves_[number];
  auto& stall = stalls_[shelf.stall];
  const bool first = stall.shelves.empty();
  stall.shelves.insert(shelf_places_, {shelf.order, shelf.cls, number});
  if (!first) return;
  auto& lane = lanes_[shelf.lane];
  auto& queue = queues_[lane.queue];
  auto& aisle = aisles_[stall.aisle];
  lane.share.line_appears(queue.lane_time);
  const bool first_lane = aisle.stalls.empty();
  aisle.stalls.insert(stall_places_, {lane.share.tag(), shelf.lane, shelf.stall});
  if (!first_lane) return;
  queue.share.line_appears(queue_time_);
  pools_[aisle.pool].aisles.insert(aisle_places_, {queue.share.tag(), lane.queue, stall.aisle});
  update_awake(aisle.pool);
}

void Turns::leave(ShelfNo number) {
  const auto& shelf = shelves_[number];
  auto& stall = stalls_[shelf.stall];
  stall.shelves.remove(shelf_places_, number);
  if (!stall.shelves.empty()) return;
  auto& aisle = aisles_[stall.aisle];
  aisle.stalls.remove(stall_places_, shelf.stall);
  lanes_[shelf.lane].share.line_ends();
  if (!aisle.stalls.empty()) return;
  pools_[aisle.pool].aisles.remove(aisle_places_, stall.aisle);
  queues_[aisle.queue].share.line_ends();
  update_awake(aisle.pool);
}

const TurnHeap::Entry& Turns::first_aisle(Pool& pool) {
  for (;;) {
    ++looked_at_;
    const auto& top = pool.aisles.top();
    const std::uint64_t tag = queues_[top.tie].share.tag();
    if (top.key == tag) return top;
    pool.aisles.change_key(aisle_places_, top.id, tag);
  }
}

const TurnHeap::Entry& Turns::first_stall(Aisle& aisle) {
  for (;;) {
    ++looked_at_;
    const auto& top = aisle.stalls.top();
    const std::uint64_t tag = lanes_[top.tie].share.tag();
    if (top.key == tag) return top;
    aisle.stalls.change_key(stall_places_, top.id, tag);
  }
}

Turns::Best Turns::best() {
  Best best;
  TurnHeap::Entry best_queue, best_lane, best_shelf;
  for (const PoolNo number : awake_) {
    auto& pool = pools_[number];
    const auto queue = first_aisle(pool);
    // The first queue of all is the first in every pool where it has work, so no other aisle needs a look.
    if (best.shelf != none && best_queue < queue) continue;
    auto& aisle = aisles_[queue.id];
    const auto lane = first_stall(aisle);
    const auto& stall = stalls_[lane.id];
    const auto& shelf = stall.shelves.top();
    if (best.shelf != none && !(queue < best_queue)) {
      if (best_lane < lane) continue;
      if (!(lane < best_lane) && best_shelf < shelf) continue;
    }
    best_queue = queue, best_lane = lane, best_shelf = shelf;
    best = {.shelf = shelf.id,
            .lane = lane.tie,
            .cls = shelf.tie,
            .demand = shelves_[shelf.id].demand,
            .pool = number,
            .alone = false};
    best.alone = pool.aisles.size() == 1 && aisle.stalls.size() == 1 && stall.shelves.size() == 1;
  }
  best.alone = best.alone && awake_.size() == 1;
  return best;
}

void Turns::charge(LaneNo number, std::uint64_t cost) {
  auto& lane = lanes_[number];
  auto& queue = queues_[lane.queue];
  queue.lane_time = std::max(queue.lane_time, lane.share.tag());
  queue_time_ = std::max(queue_time_, queue.share.tag());
  lane.share.charge(cost);
  queue.share.charge(cost);
  if (queue.lane_time >= tag_limit) move_tags_back(queue);
  if (queue_time_ >= tag_limit) move_tags_back();
}

void Turns::correct(LaneNo number, std::int64_t difference) {
  HH_CHECK(number < lanes_.size() && lanes_[number].queue != none, "no such lane");
  auto& lane = lanes_[number];
  auto& queue = queues_[lane.queue];
  // Who comes now begins where those are who have work, not where they were thought to be.
  if (lane.share.correct(difference)) {
    queue.lane_time = std::min(queue.lane_time, lane.share.tag());
    lower_keys(lane);
  }
  if (queue.share.correct(difference)) {
    queue_time_ = std::min(queue_time_, queue.share.tag());
    lower_keys(queue);
  }
}

void Turns::lower_keys(const Lane& lane) {
  for (const auto stall : lane.stalls)
    if (!stalls_[stall].shelves.empty())
      aisles_[stalls_[stall].aisle].stalls.change_key(stall_places_, stall, lane.share.tag());
}

void Turns::lower_keys(const Queue& queue) {
  for (const auto aisle : queue.aisles)
    if (!aisles_[aisle].stalls.empty())
      pools_[aisles_[aisle].pool].aisles.change_key(aisle_places_, aisle, queue.share.tag());
}

void Turns::move_tags_back() {
  queue_time_ -= tag_step;
  for (auto& queue : queues_) queue.share.move_back();
  for (auto& pool : pools_) pool.aisles.shift(aisle_places_, tag_step);
}

void Turns::move_tags_back(Queue& queue) {
  queue.lane_time -= tag_step;
  for (const auto lane : queue.lanes) lanes_[lane].share.move_back();
  for (const auto aisle : queue.aisles) aisles_[aisle].stalls.shift(stall_places_, tag_step);
}

}  // namespace hirehall::scheduler
